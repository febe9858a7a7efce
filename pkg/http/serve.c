/* serve: from libmicrohttpd's callbacks to the route's handler. libmicrohttpd calls serve_request_line when it has the
 * request line, serve_request once when the head is complete, again for each piece of the body, and once more at the
 * end, where the handler runs. If the handler answers later, libmicrohttpd calls serve_request again in each run until
 * there is a response. Most responses are ready within two or three runs, without a system call. After LOOKS_MAX runs
 * the connection is suspended, which removes it from epoll, and the response resumes it. A route's `at_head` is called
 * when the head is complete, and may choose to receive the pieces itself (stream.c). */
#include "http/serve.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/answer.h"
#include "http/body.h"
#include "http/condition.h"
#include "http/correlation_id.h"
#include "http/request.h"
#include "http/stream.h"
#include "http/target.h"

enum {
        LOOKS_MAX = 12,
};

/* Frees a request that libmicrohttpd is done with, or makes it an orphan if its handler still needs it. */
static void end(struct http_request *request)
{
        struct engine *engine = request->engine;
        assert(request->stage != STAGE_RUNNING);
        bool is_streamed = request->stream && request->stream->is_answer;
        engine->moved = true;
        if (is_streamed)
                stream_account(request);
        if (request->stage == STAGE_HELD || stream_is_live(request)) {
                request_make_orphan(request);
                stream_tell_gone(request);
                return;
        }
        if (request->stage == STAGE_ANSWERED && request->answer.response && !is_streamed)
                answer_send(request);
        if (request->counted)
                engine->busy--;
        request->conn->request = NULL;
        stream_free(request);
        request_free(request);
}

/* --- Where requests begin and end ------------------------------------------------------------------- */

/* libmicrohttpd parses the query next and stores each parameter in the connection's memory. If that memory is too
 * small, libmicrohttpd 0.9.75 abandons the half-read request. We never ask libmicrohttpd for parameters, so we hide the
 * query with a NUL: libmicrohttpd reads up to the first NUL, and `uri` points into its own memory. */
static void hide_query(const char *uri)
{
        char *query = strchr((char *)(uintptr_t)uri, '?');
        if (query && query[1])
                query[1] = '\0';
}

void *serve_request_line(void *cls UNUSED, const char *uri, struct MHD_Connection *mhd)
{
        struct conn *conn = conn_of(mhd);
        if (conn && conn->request)
                end(conn->request); /* libmicrohttpd did not end it */
        struct http_request *request = conn ? request_new(conn, uri ? uri : "") : NULL;
        if (request && uri)
                hide_query(uri);
        return request; /* NULL: serve_request closes the connection */
}

size_t serve_unescape(void *cls UNUSED, struct MHD_Connection *mhd, char *text)
{
        struct conn *conn = conn_of(mhd);
        struct http_request *request = conn ? conn->request : NULL;
        if (request && text != request->target.raw && !conn->refused)
                request_refuse_head(conn, 400, "The request target is malformed.");
        return strlen(text);
}

void serve_request_done(void *cls UNUSED, struct MHD_Connection *mhd UNUSED, void **context,
                        enum MHD_RequestTerminationCode code UNUSED)
{
        struct http_request *request = *context;
        *context = NULL;
        if (request)
                end(request);
}

void serve_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
        struct conns *conns = cls;
        struct conn *conn = *context;
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                *context = conn_new(conns, mhd); /* NULL: its first request finds no connection and closes it */
                return;
        }
        connection_share_leave(conns->share);
        if (conn && conn->request)
                end(conn->request); /* libmicrohttpd reported the request but not its end */
        if (conn)
                conn_free(conn);
        *context = NULL;
}

/* --- The head -------------------------------------------------------------------------------------- */

static bool is_visible(const char *text)
{
        for (; *text; text++)
                if (*text < 0x21 || *text > 0x7e)
                        return false;
        return true;
}

/* Decodes the path and finds the route. Returns what is wrong with the target, or NULL. */
static const char *find_route(struct http_request *request)
{
        struct request_target *target = &request->target;
        const char *raw_path;
        size_t raw_length, length;
        char *path = target->text + target->length + 1;
        if (!is_visible(target->text) || !target_path(target->text, &raw_path, &raw_length))
                return "The request target is malformed.";
        if (!target_decode(raw_path, raw_length, false, path, &length))
                return "The path has invalid percent-encoding.";
        target->path = path;
        route_find(request->conns->server->routes, request->method, raw_path, raw_length, path + length + 1,
                   &request->match);
        return NULL;
}

/* False for a small body, which is read and dropped, so that the connection stays open. */
static bool is_worth_a_refusal(const struct head *head)
{
        return head->chunked || head->content_length > BODY_TRUST_BYTES;
}

static const struct denial *deny(struct http_request *request)
{
        struct conns *conns = request->conns;
        const struct http_route *route = request->match.route;
        if (!route)
                return NULL;
        const struct denial *denial = NULL;
        if (!route->is_public)
                denial = bearer_check(&conns->server->tokens, &conns->tokens, &request->head, &request->pass);
        return denial ? denial : condition_check(&request->head, request->method, route->has_tags);
}

static void refuse_denied(struct http_request *request)
{
        const struct denial *denial = request->denial;
        char field[64] = "";
        if (denial->challenge)
                (void)snprintf(field, sizeof(field), "WWW-Authenticate: %s\r\n", denial->challenge); /* fits */
        request_refuse(request, denial->status, field, denial->detail);
}

static void answer_denied(struct http_request *request)
{
        const struct denial *denial = request->denial;
        const struct http_header challenge = { "WWW-Authenticate", denial->challenge };
        http_problem(request, denial->status, &challenge, denial->challenge ? 1 : 0, "%s", denial->detail);
}

static void answer_without_route(struct http_request *request)
{
        char allow[256];
        const char *raw_path;
        size_t length;
        bool of_all = !strcmp(request->target.text, "*") && !strcmp(request->method, "OPTIONS");
        if ((!request->match.path_known && !of_all) || !target_path(request->target.text, &raw_path, &length)) {
                http_problem(request, 404, NULL, 0, "Nothing exists at this path.");
                return;
        }
        route_allow(request->conns->server->routes, raw_path, length, allow, sizeof(allow));
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

/* The number of bytes received up to the end of this request; later bytes belong to a new head. */
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

/* True if the handler takes the body in pieces, or has answered already. */
static bool ask_handler(struct http_request *request)
{
        const struct http_route *route = request->match.route;
        if (!body_is_wanted(request) || !route->at_head || !request_has_query(request))
                return false;
        route->at_head(request, request->conns->context);
        return request->stream || request->stage != STAGE_BODY;
}

/* Rejects a request that cannot be executed, as soon as its head is known. */
static void judge(struct http_request *request, size_t head_bytes)
{
        const struct http_server *server = request->conns->server;
        struct head *head = &request->head;
        if (request->target.is_full) {
                request_refuse_full(request);
                return;
        }
        if (!head->fault)
                head->fault = find_route(request);
        if (head->fault)
                request_refuse(request, 400, "", head->fault);
        else if (head_bytes + head->cookie_bytes + HEAD_FIELD_BYTES * head->fields + HEAD_ANSWER_BYTES >
                 server->pool_bytes)
                request_refuse(request, request->target.length > head_bytes / 2 ? 414 : 431, "",
                               "The request head is too large.");
        else if ((request->denial = deny(request)) && is_worth_a_refusal(head))
                refuse_denied(request);
        else if (ask_handler(request))
                return;
        else
                body_check_length(request);
}

/* Answers a client that waits for 100 (Continue) before it sends a body that would make no difference. */
static void answer_instead_of_continue(struct http_request *request)
{
        request->stage = STAGE_RUNNING;
        request->head.closes = true;
        if (request->denial)
                answer_denied(request);
        else
                answer_without_route(request);
        answer_send_early(request);
}

static enum MHD_Result begin(struct http_request *request, const char *method, const char *version)
{
        const struct http_server *server = request->conns->server;
        const struct request_line line = { method, request->target.raw, version, request->target.length };
        request->method = method;
        request->started_us = clock_monotonic_us();
        request->stage = STAGE_BODY;
        request->conn->head_since_ms = 0;
        request->counted = true;
        request->engine->busy++;
        request->match.index = (unsigned)server->options.route_count;
        head_check(&request->head, request->conn->mhd, &line, !server->strict_library);
        correlation_id_set(request);
        judge(request, note_size(request));
        bool is_refused = request->denial || !request->match.route;
        if (request->stage == STAGE_BODY && request->head.expects_continue && is_refused)
                answer_instead_of_continue(request);
        return MHD_YES;
}

/* --- The handler ----------------------------------------------------------------------------------- */

static void hold(struct http_request *request)
{
        request->stage = STAGE_HELD;
        request->engine->held++;
        request->engine->looked_at++;
}

static enum MHD_Result run(struct http_request *request)
{
        request->stage = STAGE_RUNNING;
        if (request->stream)
                request->stream->ops->on_end(request, request->stream->data);
        else if (request->denial)
                answer_denied(request);
        else if (!request->match.route)
                answer_without_route(request);
        else if (request_has_query(request)) /* running out of memory must not make a parameter look absent */
                request->match.route->handle(request, request->conns->context);
        else
                http_problem_no_memory(request);
        if (request->stage == STAGE_ANSWERED)
                return answer_hand_over(request);
        hold(request);
        return MHD_YES;
}

static void look_again(struct http_request *request)
{
        if (request->hold.is_suspended || ++request->hold.looks < LOOKS_MAX)
                return;
        request->hold.is_suspended = true;
        request->engine->looked_at--;
        MHD_suspend_connection(request->conn->mhd);
}

enum MHD_Result serve_request(void *cls UNUSED, struct MHD_Connection *mhd UNUSED, const char *url UNUSED,
                              const char *method, const char *version, const char *upload, size_t *upload_size,
                              void **context)
{
        struct http_request *request = *context;
        if (!request)
                return MHD_NO;
        if (request->stage != STAGE_HELD)
                request->engine->moved = true;
        switch (request->stage) {
        case STAGE_HEAD:
                return request->conn->refused ? MHD_NO : begin(request, method, version);
        case STAGE_BODY:
                if (*upload_size == 0)
                        return run(request);
                return request->stream ? stream_take_piece(request, upload, upload_size)
                                       : body_take_piece(request, upload, upload_size);
        case STAGE_DROPPING:
                return body_drop_refused(request, upload_size);
        case STAGE_ANSWERED:
                return *upload_size ? body_drop_rest(request, upload_size) : answer_hand_over(request);
        case STAGE_HELD:
                look_again(request);
                break;
        case STAGE_RUNNING: /* the handler is on the stack, so libmicrohttpd must not be called */
                break;
        }
        return MHD_YES;
}

/* --- Stopping -------------------------------------------------------------------------------------- */

static void answer_stopping(struct http_request *request)
{
        http_problem(request, 503, &(struct http_header){ "Connection", "close" }, 1, "The server is stopping.");
}

void serve_stopping(struct conns *conns)
{
        for (struct list *at = list_first(&conns->orphans); at; at = list_first(&conns->orphans))
                answer_stopping(CONTAINER_OF(at, struct http_request, orphan));
        for (struct list *at = list_first(&conns->list); at; at = list_next(&conns->list, at)) {
                struct http_request *request = CONTAINER_OF(at, struct conn, link)->request;
                if (request && request->stage == STAGE_HELD)
                        answer_stopping(request);
                else if (request && stream_is_live(request))
                        stream_break(request);
        }
}
