/* request: manages the memory of requests, refuses them, and answers the handlers' questions about them. The structures
 * are reused for later requests and hold all that a typical request needs, so a request costs no allocation besides its
 * response.
 *
 * libmicrohttpd may close a connection that is not suspended and free all that it kept of the request, although the
 * handler still needs it. Such a request becomes an orphan: everything that the handler may still read from it is
 * copied, and it lives until it is answered. */
#include "http/request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "http/problem.h"
#include "http/tcp.h"

enum { SPARE_REQUESTS_MAX = 256 }; /* structures that a worker keeps for later requests */

/* --- Memory ---------------------------------------------------------------------------------------- */

static struct http_request *request_alloc(struct conns *conns)
{
        struct http_request *request = conns->spare;
        if (request) {
                conns->spare = request->next_spare;
                conns->spare_count--;
        } else {
                request = malloc(sizeof(*request));
                if (!request)
                        return NULL;
                request->body.kept = NULL;
        }
        char *kept = request->body.kept;
        memset(request, 0, offsetof(struct http_request, next_spare));
        request->body.kept = kept;
        request->remote.address[0] = request->correlation_id[0] = '\0';
        request->count = -1;
        request->conns = conns;
        return request;
}

/* Copies the target and leaves room after it for the decoded path and the decoded parameters. A long target counts
 * against the budget, and so does its parsed query, in which each `&` becomes many bytes. If there is no room, the
 * request gets no target and is_full is set. */
static void copy_target(struct http_request *request, const char *text)
{
        struct request_target *target = &request->target;
        size_t length = strlen(text);
        size_t needed = 3 * (length + 1) + ROUTE_PARAMS_MAX;
        target->text = request->inline_text;
        request->inline_text[0] = '\0';
        if (needed > sizeof(request->inline_text)) {
                size_t charge = needed + query_bytes(text);
                target->charged = budget_take(&request->conns->server->budget, charge, charge) ? charge : 0;
                char *room = target->charged ? malloc(needed) : NULL;
                target->is_full = !room;
                if (!room)
                        return;
                target->text = room;
        }
        memcpy(target->text, text, length + 1);
        target->length = length;
}

struct http_request *request_new(struct conn *conn, const char *target)
{
        struct http_request *request = request_alloc(conn->conns);
        if (!request)
                return NULL;
        request->conn = conn;
        request->engine = conn->engine;
        request->target.raw = target;
        copy_target(request, target);
        conn->request = request;
        return request;
}

static void discard(struct http_request *request)
{
        free(request->body.kept);
        free(request);
}

void request_free(struct http_request *request)
{
        struct conns *conns = request->conns;
        struct budget *budget = &conns->server->budget;
        if (request->target.text != request->inline_text)
                free(request->target.text);
        body_memory_drop(&request->body, budget);
        query_free(request->target.query);
        budget_give(budget, request->target.charged + request->answer.charged + request->reserved);
        bearer_pass_fini(&request->pass);
        if (request->answer.response)
                MHD_destroy_response(request->answer.response);
        if (conns->spare_count == SPARE_REQUESTS_MAX) {
                discard(request);
                return;
        }
        request->next_spare = conns->spare;
        conns->spare = request;
        conns->spare_count++;
}

void request_free_spares(struct conns *conns)
{
        while (conns->spare) {
                struct http_request *request = conns->spare;
                conns->spare = request->next_spare;
                discard(request);
        }
}

void request_make_orphan(struct http_request *request)
{
        assert(!request->hold.is_suspended);
        if (request->stage == STAGE_HELD)
                request->engine->looked_at--;
        else
                request->engine->held++;
        request->stage = STAGE_HELD;
        (void)http_request_remote(request, NULL);
        (void)snprintf(request->orphan_method, sizeof(request->orphan_method), "%s", request->method);
        request->method = request->orphan_method;
        if (request->head.correlation_id)
                request->head.correlation_id = request->correlation_id;
        request->conn->request = NULL;
        request->conn = NULL;
        list_init(&request->orphan);
        list_append(&request->conns->orphans, &request->orphan);
}

void request_free_orphan(struct http_request *request)
{
        request->engine->held--;
        request->engine->busy--;
        list_remove(&request->orphan);
        request_free(request);
}

/* --- Refusing -------------------------------------------------------------------------------------- */

void request_account(const struct http_request *request, int status, size_t response_bytes, bool is_broken)
{
        struct account *account = request->conns->account;
        if (!account_is_wanted(account))
                return;
        const struct http_record record = { .method = request->method,
                                            .target = request->target.text,
                                            .route = http_request_route(request),
                                            .correlation_id = request->correlation_id,
                                            .status = status,
                                            .request_bytes = request->arrival.bytes,
                                            .response_bytes = response_bytes,
                                            .count = request->count,
                                            .is_broken = is_broken,
                                            .request = request,
                                            .duration_us = clock_monotonic_us() - request->started_us };
        account_answer(account, request->match.index, &record);
}

static void refuse(struct conn *conn, int status, const char *correlation_id, const char *extra_field,
                   const char *detail)
{
        conn_refuse(conn, status, correlation_id, extra_field, detail);
        if (!conn->request)
                return;
        conn->request->stage = STAGE_DROPPING;
        body_memory_drop(&conn->request->body, &conn->conns->server->budget);
}

void request_refuse(struct http_request *request, int status, const char *extra_field, const char *detail)
{
        request_account(request, status, 0, false);
        refuse(request->conn, status, request->correlation_id, extra_field, detail);
}

void request_refuse_full(struct http_request *request)
{
        account_refused_transfer(request->conns->account);
        request_refuse(request, 503, RETRY_AFTER_LINE, TRANSFER_FULL);
}

void request_refuse_head(struct conn *conn, int status, const char *detail)
{
        struct uuid id;
        char correlation_id[UUID_TEXT_SIZE];
        uuid_v4(conn->conns->uuids, &id);
        refuse(conn, status, uuid_format(&id, correlation_id), "", detail);
}

/* --- The query ------------------------------------------------------------------------------------- */

/* Parses the query on the first call; only this cache changes. */
static const struct query *query_of(const struct http_request *request)
{
        struct http_request *cache = (struct http_request *)(uintptr_t)request;
        if (!cache->target.query)
                cache->target.query = query_new(request->target.text);
        return cache->target.query;
}

bool request_has_query(const struct http_request *request)
{
        return !strchr(request->target.text, '?') || query_of(request);
}

/* --- Questions of the handlers ----------------------------------------------------------------------------- */

const char *http_request_method(const struct http_request *request)
{
        return request->method;
}

const char *http_request_target(const struct http_request *request)
{
        return request->target.text;
}

const char *http_request_path(const struct http_request *request)
{
        return request->target.path;
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

struct occurrences {
        const char *name;
        int (*compare)(const char *a, const char *b);
        unsigned count;
};

static bool count_name(const char *name, const char *value UNUSED, void *data)
{
        struct occurrences *of = data;
        of->count += of->compare(name, of->name) == 0;
        return true;
}

unsigned http_request_header_count(const struct http_request *request, const char *name)
{
        struct occurrences of = { .name = name, .compare = strcasecmp };
        http_request_each_header(request, count_name, &of);
        return of.count;
}

unsigned http_request_query_count(const struct http_request *request, const char *name)
{
        struct occurrences of = { .name = name, .compare = strcmp };
        http_request_each_query(request, count_name, &of);
        return of.count;
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
        *length = request->body.length;
        return request->body.data ? request->body.data : "";
}

bool http_request_expects_continue(const struct http_request *request)
{
        return request->head.expects_continue;
}

char *http_request_take_body(struct http_request *request, size_t *length)
{
        return body_memory_take(&request->body, &request->conns->server->budget, length);
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

const char *http_request_token(const struct http_request *request)
{
        return request->pass.name;
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
        request->remote.port = ntohs(family == AF_INET6 ? v6->sin6_port : v4->sin_port);
        if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
                family = AF_INET;
                host = &v6->sin6_addr.s6_addr[12];
        }
        if (!inet_ntop(family, host, request->remote.address, sizeof(request->remote.address)))
                request->remote.address[0] = '\0';
}

const char *http_request_remote(const struct http_request *request, uint16_t *port)
{
        if (!request->remote.address[0] && request->conn)
                read_remote((struct http_request *)(uintptr_t)request);
        if (port)
                *port = request->remote.port;
        return request->remote.address;
}

void http_request_set_count(struct http_request *request, size_t count)
{
        request->count = (int64_t)count;
}

int64_t http_request_started_us(const struct http_request *request)
{
        return request->started_us;
}

bool http_request_is_abandoned(const struct http_request *request)
{
        struct tcp_state tcp;
        if (!request->conn)
                return true;
        return tcp_look(request->conn->fd, &tcp) && !tcp.established;
}
