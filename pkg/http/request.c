/* request: from libmicrohttpd's callbacks to the route's handler. libmicrohttpd calls on_request_line
 * when it has the request line, on_request once when the head is complete, then for each piece of the
 * body, then once more at the end; there the handler runs. Where it answers later, libmicrohttpd calls
 * on_request again in each of its runs ("try again next time"), and takes the answer when there is one.
 * Most are there after two or three runs, and no system call was needed. Only after LOOKS_MAX is the
 * connection suspended, which takes it out of epoll; then it is resumed with the answer.
 *
 * libmicrohttpd may close a connection that is not suspended, and with it goes all that it had of the
 * request, while the handler's owner still counts on it. Such a request becomes an orphan: what may
 * still be asked of it is copied, and it lives until it is answered.
 *
 * The structures are kept for the next requests: they hold all that a usual request needs, so that it
 * costs no allocation beyond its answer. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "http/internal.h"
#include "http/tcp.h"

enum {
        LOOKS_MAX = 12,
        BODY_KEPT_BYTES = 1 << 10,   /* a body up to here costs no allocation                        */
        BODY_FIRST_BYTES = 4 << 10,  /* for a body of unknown length                                 */
        BODY_TRUST_BYTES = 64 << 10, /* a Content-Length is believed so far before bytes have come   */
        FIELD_POOL_BYTES = 64,       /* what libmicrohttpd's memory loses for each field, about      */
        ANSWER_POOL_BYTES = 1024,    /* what it needs for the head of an answer                      */
};

/* --- Memory ---------------------------------------------------------------------------------------- */

static struct http_request *request_new(struct http_worker *worker)
{
        struct http_request *request = worker->spare;
        if (request) {
                worker->spare = request->next_spare;
                worker->spare_count--;
        } else {
                request = malloc(sizeof(*request));
                if (!request)
                        return NULL;
                request->kept_body = NULL;
        }
        memset(request, 0, offsetof(struct http_request, kept_body));
        request->remote[0] = request->correlation_id[0] = '\0';
        request->worker = worker;
        return request;
}

void request_discard(struct http_request *request)
{
        free(request->kept_body);
        free(request);
}

void request_drop_body(struct http_request *request)
{
        if (request->body != request->kept_body)
                free(request->body);
        request->body = NULL;
        request->body_length = request->body_capacity = 0;
        budget_give(request->worker->server, request->body_charged);
        request->body_charged = 0;
}

void request_free(struct http_request *request)
{
        struct http_worker *worker = request->worker;
        if (request->target != request->inline_text)
                free(request->target);
        request_drop_body(request);
        query_free(request->query);
        budget_give(worker->server, request->target_charged + request->answer_charged);
        token_set_unref(request->tokens);
        if (request->response)
                MHD_destroy_response(request->response);
        if (worker->spare_count == SPARE_REQUESTS_MAX) {
                request_discard(request);
                return;
        }
        request->next_spare = worker->spare;
        worker->spare = request;
        worker->spare_count++;
}

/* Room for the target, the decoded path and the decoded parameters, one after the other. What a long one takes, its query
 * included, is counted: of few bytes `&` makes many. Without room there the request has no target and is_full. */
static void copy_target(struct http_request *request, const char *target)
{
        size_t length = strlen(target);
        size_t needed = 3 * (length + 1) + ROUTE_PARAMS_MAX;
        request->target = request->inline_text;
        request->inline_text[0] = '\0';
        if (needed > sizeof(request->inline_text)) {
                size_t charge = needed + query_bytes(target);
                request->target_charged = budget_take(request->worker->server, charge, charge) ? charge : 0;
                char *room = request->target_charged ? malloc(needed) : NULL;
                request->is_full = !room;
                if (!room)
                        return;
                request->target = room;
        }
        memcpy(request->target, target, length + 1);
        request->target_length = length;
}

/* libmicrohttpd takes the query apart next, and keeps each parameter in the connection's memory; where that is too small,
 * 0.9.75 forgets the request half read. Nobody asks it for parameters, so the query is taken away from it: it reads up
 * to the first NUL, and its own memory is what `uri` points to. */
static void hide_query(const char *uri)
{
        char *query = strchr((char *)(uintptr_t)uri, '?');
        if (query && query[1])
                query[1] = '\0';
}

void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
        struct conn *conn = conn_of(mhd);
        if (conn && conn->request)
                request_end(conn->request); /* libmicrohttpd has forgotten to */
        struct http_request *request = conn ? request_new(cls) : NULL;
        if (!request)
                return NULL; /* on_request closes the connection */
        request->conn = conn;
        request->raw_target = uri ? uri : "";
        copy_target(request, request->raw_target);
        if (uri)
                hide_query(uri);
        conn->request = request;
        return request;
}

/* We take the target apart ourselves, so libmicrohttpd leaves it as it is. Any other text is a parameter that it has
 * found in spite of hide_query: behind a NUL. */
size_t on_unescape(void *cls UNUSED, struct MHD_Connection *mhd, char *text)
{
        struct conn *conn = conn_of(mhd);
        struct http_request *request = conn ? conn->request : NULL;
        if (request && text != request->raw_target && !conn->refused)
                conn_refuse_head(conn, 400, "The request target is malformed.");
        return strlen(text);
}

/* Called while libmicrohttpd's memory is still there. */
static void make_orphan(struct http_request *request)
{
        struct http_worker *worker = request->worker;
        assert(!request->suspended);
        worker->looked_at--;
        (void)http_request_remote(request, NULL);
        (void)snprintf(request->orphan_method, sizeof(request->orphan_method), "%s", request->method);
        request->method = request->orphan_method;
        if (request->head.correlation_id)
                request->head.correlation_id = request->correlation_id;
        request->conn->request = NULL;
        request->conn = NULL;
        request->orphan = (struct link){ &worker->orphans, worker->orphans.prev };
        request->orphan.prev->next = &request->orphan;
        worker->orphans.prev = &request->orphan;
}

void orphan_free(struct http_request *request)
{
        request->worker->held--;
        request->worker->busy--;
        request->orphan.prev->next = request->orphan.next;
        request->orphan.next->prev = request->orphan.prev;
        request_free(request);
}

void request_end(struct http_request *request)
{
        assert(request->stage != STAGE_RUNNING);
        request->worker->moved = true;
        if (request->stage == STAGE_HELD) {
                make_orphan(request);
                return;
        }
        if (request->stage == STAGE_ANSWERED && request->response)
                answer_send(request);
        if (request->counted)
                request->worker->busy--;
        request->conn->request = NULL;
        request_free(request);
}

void on_request_done(void *cls UNUSED, struct MHD_Connection *mhd UNUSED, void **context,
                     enum MHD_RequestTerminationCode code UNUSED)
{
        struct http_request *request = *context;
        *context = NULL;
        if (request)
                request_end(request);
}

/* --- The head -------------------------------------------------------------------------------------- */

static void refuse(struct http_request *request, int status, const char *detail)
{
        account_request(request, status, 0);
        conn_refuse(request->conn, status, http_request_correlation_id(request),
                    status == 503 ? "Retry-After: 1\r\n" : "", detail);
}

static void refuse_full(struct http_request *request)
{
        if (request->worker->refused_transfers)
                metric_add(request->worker->refused_transfers, 1);
        refuse(request, 503, TRANSFER_FULL);
}

static void refuse_too_large(struct http_request *request)
{
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "The body is larger than %zu bytes, the limit of this server.",
                       request->worker->server->options.body_max_bytes); /* fits */
        refuse(request, 413, detail);
}

static void set_correlation_id(struct http_request *request)
{
        struct uuid id;
        if (request->head.correlation_id && !request->worker->server->options.own_correlation_ids) {
                size_t length = strnlen(request->head.correlation_id, CORRELATION_ID_MAX);
                memcpy(request->correlation_id, request->head.correlation_id, length);
                request->correlation_id[length] = '\0';
                return;
        }
        uuid_v7(&request->worker->uuids, clock_realtime_ms(), &id); /* says when, for whoever sorts by it */
        uuid_format(&id, request->correlation_id);
}

static bool is_visible(const char *text)
{
        for (; *text; text++)
                if (*text < 0x21 || *text > 0x7e)
                        return false;
        return true;
}

/* Decodes the path and finds the route. Returns NULL, or what is wrong with the target. */
static const char *find_route(struct http_request *request)
{
        const char *raw_path;
        size_t raw_length, length;
        char *path = request->target + request->target_length + 1;
        if (!is_visible(request->target) || !target_path(request->target, &raw_path, &raw_length))
                return "The request target is malformed.";
        if (!target_decode(raw_path, raw_length, false, path, &length))
                return "The path has invalid percent-encoding.";
        request->path = path;
        route_find(request->worker->server->routes, request->method, raw_path, raw_length, path + length + 1,
                   &request->match);
        return NULL;
}

/* A body that is small or absent is dropped, and the connection goes on. */
static bool is_worth_a_refusal(const struct head_facts *head)
{
        return head->expects_continue || head->chunked || head->content_length > BODY_TRUST_BYTES;
}

static bool takes_body(const struct http_request *request)
{
        return request->match.route && request->match.route->body && !request->denial;
}

static const struct denial *deny(struct http_request *request)
{
        const struct denial *denial = token_check(request);
        return denial ? denial : condition_check(request);
}

/* How many bytes the connection has brought with this request: what comes after that is a new head. */
static size_t note_size(struct http_request *request)
{
        const union MHD_ConnectionInfo *size =
                MHD_get_connection_info(request->conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
        size_t head_bytes = size ? size->header_size : 0;
        request->conn->received += head_bytes + request->head.content_length;
        if (request->head.chunked || !size)
                request->conn->received_unknown = true;
        return head_bytes;
}

static enum MHD_Result begin(struct http_request *request, const char *method, const char *version)
{
        const struct http_server *server = request->worker->server;
        request->method = method;
        request->started_us = clock_monotonic_us();
        request->stage = STAGE_BODY;
        request->conn->head_since_ms = 0;
        request->counted = true;
        request->worker->busy++;
        request->match.index = (unsigned)server->options.route_count;
        head_check(request, method, version);
        set_correlation_id(request);
        size_t head_bytes = note_size(request);
        if (request->is_full) {
                refuse_full(request);
                return MHD_YES;
        }
        if (!request->head.fault)
                request->head.fault = find_route(request);
        if (request->head.fault)
                refuse(request, 400, request->head.fault);
        else if (head_bytes + FIELD_POOL_BYTES * request->head.fields + ANSWER_POOL_BYTES > server->pool_bytes)
                refuse(request, request->target_length > head_bytes / 2 ? 414 : 431, "The request head is too large.");
        else if ((request->denial = deny(request)) && is_worth_a_refusal(&request->head))
                denial_refuse(request, request->denial);
        else if (!request->denial && request->head.content_length > server->options.body_max_bytes)
                refuse_too_large(request);
        else if (request->head.content_length > BODY_KEPT_BYTES && takes_body(request) &&
                 !budget_has_room(server, request->head.content_length))
                refuse_full(request);
        return MHD_YES;
}

/* --- The body -------------------------------------------------------------------------------------- */

/* A small body goes into memory that stays with the structure. */
static bool take_kept_body(struct http_request *request)
{
        if (!request->kept_body)
                request->kept_body = malloc(BODY_KEPT_BYTES + 1);
        request->body = request->kept_body;
        request->body_capacity = BODY_KEPT_BYTES;
        return request->body != NULL;
}

/* How much memory the body gets next: twice what it had, but no more than was announced. */
static size_t next_capacity(const struct http_request *request, size_t needed)
{
        size_t promised = request->head.content_length;
        size_t capacity = request->body_capacity * 2;
        if (!request->body)
                capacity = request->head.chunked ? BODY_FIRST_BYTES : BODY_TRUST_BYTES;
        if (!request->head.chunked && capacity > promised)
                capacity = promised;
        return capacity < needed ? needed : capacity;
}

/* Makes room for `more` bytes and a NUL. 0, ERR_NOMEM, or ERR_LIMIT: too much is on its way. */
static int reserve(struct http_request *request, size_t more)
{
        size_t needed = request->body_length + more;
        if (request->body && needed <= request->body_capacity)
                return 0;
        if (!request->body && needed <= BODY_KEPT_BYTES && request->head.content_length <= BODY_KEPT_BYTES &&
            take_kept_body(request))
                return 0;
        size_t capacity = next_capacity(request, needed);
        size_t charge = capacity - request->body_charged;
        if (!budget_take(request->worker->server, charge, capacity))
                return ERR_LIMIT;
        request->body_charged += charge;
        bool is_kept = request->body && request->body == request->kept_body;
        char *body = realloc(is_kept ? NULL : request->body, capacity + 1);
        if (!body)
                return ERR_NOMEM;
        if (is_kept)
                memcpy(body, request->kept_body, request->body_length);
        request->body = body;
        request->body_capacity = capacity;
        return 0;
}

static enum MHD_Result take_upload(struct http_request *request, const char *upload, size_t *upload_size)
{
        size_t size = *upload_size;
        *upload_size = 0;
        request->request_bytes += size;
        if (request->request_bytes > request->worker->server->options.body_max_bytes) {
                refuse_too_large(request);
                return MHD_YES;
        }
        if (!takes_body(request))
                return MHD_YES;
        int rc = reserve(request, size);
        if (rc < 0) {
                if (rc == ERR_LIMIT)
                        refuse_full(request);
                else
                        refuse(request, 503, "The server is out of memory.");
                return MHD_YES;
        }
        memcpy(request->body + request->body_length, upload, size);
        request->body_length += size;
        request->body[request->body_length] = '\0';
        return MHD_YES;
}

/* A refused client's body: read so that it sees the answer, but not for ever. The end closes. */
static enum MHD_Result drop_upload(struct http_request *request, size_t *upload_size)
{
        request->dropped_bytes += *upload_size;
        if (*upload_size == 0 || request->dropped_bytes > LINGER_BYTES)
                return MHD_NO;
        *upload_size = 0;
        return MHD_YES;
}

/* --- The handler ----------------------------------------------------------------------------------- */

static enum MHD_Result hand_over(struct http_request *request)
{
        if (!request->response)
                return MHD_NO; /* memory was short: the connection is closed */
        enum MHD_Result result = MHD_queue_response(request->conn->mhd, (unsigned)request->status, request->response);
        MHD_destroy_response(request->response);
        request->response = NULL;
        return result;
}

static void answer_without_route(struct http_request *request)
{
        char allow[256];
        const char *raw_path;
        size_t length;
        bool of_all = !strcmp(request->target, "*") && !strcmp(request->method, "OPTIONS");
        if ((!request->match.path_known && !of_all) || !target_path(request->target, &raw_path, &length)) {
                http_problem(request, 404, NULL, 0, "Nothing exists at this path.");
                return;
        }
        route_allow(request->worker->server->routes, raw_path, length, allow, sizeof(allow));
        if (!strcmp(request->method, "OPTIONS")) {
                http_respond(request, &(struct http_answer){ .status = 204,
                                                             .headers = &(struct http_header){ "Allow", allow },
                                                             .header_count = 1 });
                return;
        }
        http_problem(request, 405, &(struct http_header){ "Allow", allow }, 1,
                     "This path does not support the method "
                     "%s.",
                     request->method);
}

/* The query is parsed when it is first asked for: the cache is the only thing that changes. */
static const struct query *query_of(const struct http_request *request)
{
        struct http_request *cache = (struct http_request *)(uintptr_t)request;
        if (!cache->query)
                cache->query = query_new(request->target);
        return cache->query;
}

/* A handler must not take a parameter for absent because memory ran out. */
static bool has_its_query(const struct http_request *request)
{
        return !strchr(request->target, '?') || query_of(request);
}

static enum MHD_Result run(struct http_request *request)
{
        request->stage = STAGE_RUNNING;
        if (request->denial)
                denial_answer(request, request->denial);
        else if (!request->match.route)
                answer_without_route(request);
        else if (has_its_query(request))
                request->match.route->handle(request, request->worker->context);
        else
                http_problem(request, 503, &(struct http_header){ "Retry-After", "1" }, 1, "Memory is short.");
        if (request->stage == STAGE_ANSWERED)
                return hand_over(request);
        request->stage = STAGE_HELD;
        request->worker->held++;
        request->worker->looked_at++;
        return MHD_YES;
}

static void look_again(struct http_request *request)
{
        if (request->suspended || ++request->looks < LOOKS_MAX)
                return;
        request->suspended = true;
        request->worker->looked_at--;
        MHD_suspend_connection(request->conn->mhd);
}

enum MHD_Result on_request(void *cls UNUSED, struct MHD_Connection *mhd UNUSED, const char *url UNUSED,
                           const char *method, const char *version, const char *upload, size_t *upload_size,
                           void **context)
{
        struct http_request *request = *context;
        if (!request)
                return MHD_NO;
        if (request->stage != STAGE_HELD)
                request->worker->moved = true;
        switch (request->stage) {
        case STAGE_HEAD:
                return request->conn->refused ? MHD_NO : begin(request, method, version);
        case STAGE_BODY:
                return *upload_size ? take_upload(request, upload, upload_size) : run(request);
        case STAGE_DROPPING:
                return drop_upload(request, upload_size);
        case STAGE_ANSWERED:
                return hand_over(request);
        case STAGE_HELD:
                look_again(request);
                break;
        case STAGE_RUNNING: /* the handler is on the stack: libmicrohttpd is not called from there */
                break;
        }
        return MHD_YES;
}

/* --- What handlers ask ----------------------------------------------------------------------------- */

const char *http_request_method(const struct http_request *request)
{
        return request->method;
}

const char *http_request_target(const struct http_request *request)
{
        return request->target;
}

const char *http_request_path(const struct http_request *request)
{
        return request->path;
}

const char *http_request_param(const struct http_request *request, const char *name)
{
        size_t length = strlen(name);
        for (size_t i = 0; i < request->match.param_count; i++) {
                const struct route_param *param = &request->match.params[i];
                if (param->name_length == length && !memcmp(param->name, name, length))
                        return param->value;
        }
        return NULL;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
        const struct query *query = query_of(request);
        for (size_t i = 0; query && i < query_count(query); i++)
                if (!strcmp(query_at(query, i)->name, name))
                        return query_at(query, i)->value;
        return NULL;
}

void http_request_each_query(const struct http_request *request,
                             bool (*each)(const char *name, const char *value, void *data), void *data)
{
        const struct query *query = query_of(request);
        for (size_t i = 0; query && i < query_count(query); i++)
                if (!each(query_at(query, i)->name, query_at(query, i)->value, data))
                        return;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
        if (!request->conn)
                return NULL;
        return MHD_lookup_connection_value(request->conn->mhd, MHD_HEADER_KIND, name);
}

struct each_header {
        bool (*each)(const char *name, const char *value, void *data);
        void *data;
};

static enum MHD_Result on_each_header(void *cls, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
        struct each_header *call = cls;
        return call->each(name, value ? value : "", call->data) ? MHD_YES : MHD_NO;
}

void http_request_each_header(const struct http_request *request,
                              bool (*each)(const char *name, const char *value, void *data), void *data)
{
        struct each_header call = { each, data };
        if (request->conn)
                (void)MHD_get_connection_values(request->conn->mhd, MHD_HEADER_KIND, on_each_header, &call);
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
        *length = request->body_length;
        return request->body ? request->body : "";
}

char *http_request_take_body(struct http_request *request, size_t *length)
{
        char *body = request->body;
        if (body == request->kept_body)
                request->kept_body = NULL;
        *length = request->body_length;
        request->body = NULL;
        request_drop_body(request);
        return body;
}

const char *http_request_correlation_id(const struct http_request *request)
{
        return request->correlation_id;
}

bool http_request_has_correlation_id(const struct http_request *request)
{
        return request->head.correlation_id != NULL;
}

const char *http_request_route(const struct http_request *request)
{
        return request->match.route ? request->match.route->name : "";
}

/* IPv4 clients of a dual-stack socket are shown as IPv4. */
static void read_remote(struct http_request *request)
{
        const struct sockaddr *address =
                MHD_get_connection_info(request->conn->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
        const struct sockaddr_in *v4 = (const void *)address;
        const struct sockaddr_in6 *v6 = (const void *)address;
        const void *host = address->sa_family == AF_INET6 ? (const void *)&v6->sin6_addr : &v4->sin_addr;
        int family = address->sa_family;
        request->remote_port = ntohs(family == AF_INET6 ? v6->sin6_port : v4->sin_port);
        if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
                family = AF_INET;
                host = &v6->sin6_addr.s6_addr[12];
        }
        if (!inet_ntop(family, host, request->remote, sizeof(request->remote)))
                request->remote[0] = '\0';
}

const char *http_request_remote(const struct http_request *request, uint16_t *port)
{
        if (!request->remote[0] && request->conn)
                read_remote((struct http_request *)(uintptr_t)request);
        if (port)
                *port = request->remote_port;
        return request->remote;
}

int64_t http_request_started_us(const struct http_request *request)
{
        return request->started_us;
}

void http_request_set_data(struct http_request *request, void *data)
{
        request->data = data;
}

void *http_request_data(const struct http_request *request)
{
        return request->data;
}

bool http_request_is_abandoned(const struct http_request *request)
{
        struct tcp_state tcp;
        if (!request->conn)
                return true;
        return tcp_look(request->conn->fd, &tcp) && !tcp.established;
}
