/* answer: http_respond and http_problem. The answer is turned into an MHD_Response at once, so that the caller can free
 * the answer's memory. The response stays in the request until libmicrohttpd asks for it, which happens in the same
 * call if the handler answered right away, and otherwise in libmicrohttpd's next run. A suspended connection is resumed
 * for that run. Resuming only marks the connection, so one run sends all responses of a turn.
 *
 * libmicrohttpd reads from a resumed connection before it responds. If the client has shut down its sending side,
 * libmicrohttpd closes the connection without a response. Such a client may still be reading (`nc -N` does), so
 * answer_send then writes the response directly to the socket. */
#include "http/answer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "http/problem.h"
#include "http/status.h"
#include "http/stream.h"

enum { DETAIL_MAX_BYTES = 1024 };

/* The response takes ownership of the body. A borrowed body is copied here rather than by libmicrohttpd, because
 * answer_send needs the address of the copy. */
static struct MHD_Response *create(struct http_request *request, const struct http_answer *answer)
{
        void *given = (void *)(uintptr_t)answer->body; /* libmicrohttpd never writes to the body */
        void *owned = answer->body_kind == HTTP_BODY_TAKE ? given : NULL;
        size_t length = answer->body_length;
        if (answer->body_kind == HTTP_BODY_COPY && length > 0) {
                owned = malloc(length);
                if (owned)
                        memcpy(owned, given, length);
        }
        void *body = answer->body_kind == HTTP_BODY_STATIC ? given : owned;
        struct MHD_Response *response = NULL;
        if (length == 0)
                response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        else if (body)
                response = MHD_create_response_from_buffer(length, body,
                                                           owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (!response || length == 0)
                free(owned);
        request->answer.body = body;
        request->answer.length = length;
        return response;
}

static bool has_header(const struct http_answer *answer, const char *name)
{
        for (size_t i = 0; i < answer->header_count; i++)
                if (!strcasecmp(answer->headers[i].name, name))
                        return true;
        return false;
}

/* Caches must not store responses unless the handler allows it, since the content at a path changes. Keep-Alive tells
 * the client how long the connection stays open: a request sent while the server closes it would be lost. */
static bool add_constant_headers(struct http_request *request, struct MHD_Response *response,
                                 const struct http_answer *answer)
{
        const struct http_server *server = request->conns->server;
        if (!has_header(answer, "Cache-Control") &&
            MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_NO)
                return false;
        if (atomic_load_explicit(&server->draining, memory_order_relaxed))
                return MHD_add_response_header(response, "Connection", "close") == MHD_YES;
        return request->head.closes || has_header(answer, "Connection") ||
               MHD_add_response_header(response, "Keep-Alive", server->keep_alive) == MHD_YES;
}

static bool add_headers(struct http_request *request, struct MHD_Response *response, const struct http_answer *answer)
{
        const char *type = answer->content_type;
        if (!type && answer->body_length > 0)
                type = "application/json";
        if (type && MHD_add_response_header(response, "Content-Type", type) == MHD_NO)
                return false;
        if (MHD_add_response_header(response, "x-correlation-id", request->correlation_id) == MHD_NO)
                return false;
        for (size_t i = 0; i < answer->header_count; i++)
                if (MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value) == MHD_NO)
                        return false;
        return add_constant_headers(request, response, answer);
}

/* Drops the answer to a request whose connection libmicrohttpd has closed. */
static void drop_answer(struct http_request *request, const struct http_answer *answer)
{
        if (answer->body_kind == HTTP_BODY_TAKE)
                free((void *)(uintptr_t)answer->body);
        if (!request->stream || !request->stream->is_accounted)
                request_account(request, answer->status, 0, false);
        stream_free(request);
        request_free_orphan(request);
}

/* Drops the answer to a client that was refused in the meantime and has already been answered. */
static void drop_late_answer(struct http_request *request, const struct http_answer *answer)
{
        if (answer->body_kind == HTTP_BODY_TAKE)
                free((void *)(uintptr_t)answer->body);
        stream_detach(request);
}

/* True if so much of the body is left that the client should see the response before it sends the rest. */
static bool has_long_rest(const struct http_request *request)
{
        const struct head *head = &request->head;
        return head->chunked || (head->expects_continue && head->content_length > 0) ||
               head->content_length - request->arrival.bytes > BODY_TRUST_BYTES;
}

/* Answers before the end of the body. libmicrohttpd accepts a response only at the end, so the rest of the body is read
 * and dropped if it is small. If it is large, the response is written to the socket at once and the connection is
 * closed. */
static void answer_early(struct http_request *request)
{
        if (has_long_rest(request))
                answer_send_early(request);
}

static void end_hold(struct http_request *request)
{
        struct engine *engine = request->engine;
        engine->held--;
        if (request->hold.is_suspended)
                MHD_resume_connection(request->conn->mhd);
        else
                engine->looked_at--;
        request->hold.is_suspended = false;
        engine_wake(engine);
}

/* Lets libmicrohttpd fetch the response. NULL: libmicrohttpd will close the connection. */
static void hand_in(struct http_request *request, int status, struct MHD_Response *response)
{
        enum stage stage = request->stage;
        request->answer.response = response;
        request->answer.status = status;
        request->stage = STAGE_ANSWERED;
        if (stage == STAGE_HELD)
                end_hold(request);
        else if (stage == STAGE_BODY)
                answer_early(request);
}

/* A large response counts against the budget, because it stays in memory while a slow client reads it. */
static bool charge(struct http_request *request, const struct http_answer *answer)
{
        size_t length = answer->body_length;
        if (length <= ANSWER_FREE_BYTES || answer->body_kind == HTTP_BODY_STATIC || request->answer.charged)
                return true;
        if (!budget_take(&request->conns->server->budget, length, length))
                return false;
        request->answer.charged = length;
        return true;
}

static void respond_full(struct http_request *request, const struct http_answer *answer)
{
        if (answer->body_kind == HTTP_BODY_TAKE)
                free((void *)(uintptr_t)answer->body);
        account_refused_transfer(request->conns->account);
        http_problem(request, 503, &http_retry_soon, 1, TRANSFER_FULL);
}

/* The head of a 304 is the same as for a 200, including Content-Length (RFC 9110, section 8.6); libmicrohttpd omits the
 * body. */
static bool is_head_only(const struct http_request *request, int status)
{
        return !strcmp(request->method, "HEAD") || status == 304;
}

void http_respond(struct http_request *request, const struct http_answer *answer)
{
        if (!request->conn) {
                drop_answer(request, answer);
                return;
        }
        if (request->stage == STAGE_DROPPING) {
                drop_late_answer(request, answer);
                return;
        }
        if (!charge(request, answer)) {
                respond_full(request, answer);
                return;
        }
        assert(request->stage == STAGE_RUNNING || request->stage == STAGE_HELD || request->stage == STAGE_BODY);
        struct MHD_Response *response = create(request, answer);
        if (response && !add_headers(request, response, answer)) {
                MHD_destroy_response(response);
                response = NULL;
        }
        request_account(request, answer->status, is_head_only(request, answer->status) ? 0 : answer->body_length,
                        false);
        hand_in(request, answer->status, response);
        stream_detach(request);
}

static bool may_stream(struct http_request *request, int *rc)
{
        if (request->head.is_old) {
                *rc = ERR_INVALID;
                http_problem(request, 505, NULL, 0,
                             "The response is a stream, and an HTTP/1.0 client cannot tell whether it is complete: "
                             "use HTTP/1.1. Behind nginx, set \"proxy_http_version 1.1\".");
        } else if (atomic_load_explicit(&request->conns->server->draining, memory_order_relaxed)) {
                *rc = ERR_UNAVAILABLE;
                http_problem(request, 503, &http_retry_soon, 1, "The server is stopping.");
        } else {
                return true;
        }
        return false;
}

static struct MHD_Response *create_stream(struct http_request *request, const struct http_answer *answer)
{
        struct MHD_Response *response = stream_create_response(request);
        if (!response || add_headers(request, response, answer))
                return response;
        MHD_destroy_response(response);
        return NULL;
}

int http_respond_stream(struct http_request *request, const struct http_answer *answer,
                        const struct http_stream_ops *ops, void *data)
{
        int rc = 0;
        if (!request->conn || request->stage == STAGE_DROPPING) {
                http_respond(request, answer);
                return ERR_UNAVAILABLE;
        }
        if (!may_stream(request, &rc))
                return rc;
        assert(request->stage == STAGE_RUNNING || request->stage == STAGE_HELD);
        rc = stream_begin(request, ops, data);
        if (rc < 0) {
                http_problem_no_memory(request);
                return rc;
        }
        struct MHD_Response *response = create_stream(request, answer);
        bool is_head = !strcmp(request->method, "HEAD");
        hand_in(request, answer->status, response);
        if (!response)
                request->stream->is_broken = true;
        if (response && !is_head)
                return 0;
        request->stream->is_whole = response != NULL;
        stream_detach(request);
        return is_head && response ? 1 : ERR_NOMEM;
}

enum MHD_Result answer_hand_over(struct http_request *request)
{
        struct request_answer *answer = &request->answer;
        if (!answer->response)
                return MHD_NO;
        enum MHD_Result result = MHD_queue_response(request->conn->mhd, (unsigned)answer->status, answer->response);
        MHD_destroy_response(answer->response);
        answer->response = NULL;
        return result;
}

static enum MHD_Result print_field(void *cls, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
        if (!strcmp(name, "Keep-Alive"))
                return MHD_YES; /* the connection ends */
        return buf_printf(cls, "%s: %s\r\n", name, value) == 0 ? MHD_YES : MHD_NO;
}

void answer_send(struct http_request *request)
{
        const struct request_answer *answer = &request->answer;
        struct buf head;
        char date[PROBLEM_DATE_SIZE];
        buf_init(&head, 0);
        bool closes = MHD_get_response_header(answer->response, "Connection") != NULL;
        bool has_body = !is_head_only(request, answer->status) && answer->length > 0;
        if (buf_printf(&head, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Length: %zu\r\n", answer->status,
                       status_phrase(answer->status), problem_date(date), answer->length) == 0 &&
            MHD_get_response_headers(answer->response, print_field, &head) >= 0 &&
            buf_puts(&head, closes ? "\r\n" : "Connection: close\r\n\r\n") == 0) {
                struct iovec parts[] = { { head.data, head.len }, { (void *)(uintptr_t)answer->body, answer->length } };
                struct msghdr message = { .msg_iov = parts, .msg_iovlen = has_body ? 2 : 1 };
                /* If this fails, the client has disconnected and misses nothing. */
                (void)sendmsg(request->conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        buf_fini(&head);
}

void answer_send_early(struct http_request *request)
{
        if (request->answer.response) {
                answer_send(request);
                MHD_destroy_response(request->answer.response);
                request->answer.response = NULL;
        }
        request->stage = STAGE_DROPPING;
        conn_linger(request->conn);
        conn_drop_unread(request->conn);
}

static void respond_problem(struct http_request *request, int status, const char *members,
                            const struct http_header *headers, size_t header_count, const char *format, va_list args)
        PRINTF_LIKE(6, 0);

static void respond_problem(struct http_request *request, int status, const char *members,
                            const struct http_header *headers, size_t header_count, const char *format, va_list args)
{
        char detail[DETAIL_MAX_BYTES];
        struct buf body;
        (void)vsnprintf(detail, sizeof(detail), format, args); /* a detail that is too long is truncated */
        buf_init(&body, PROBLEM_MAX_BYTES + (members ? strlen(members) : 0));
        size_t length = 0;
        char *text = NULL;
        if (problem_print(&body, status, detail, request->correlation_id, members) == 0)
                text = buf_take(&body, &length);
        buf_fini(&body);
        http_respond(request, &(struct http_answer){ .status = status,
                                                     .content_type = "application/problem+json",
                                                     .body = text,
                                                     .body_length = length,
                                                     .body_kind = HTTP_BODY_TAKE,
                                                     .headers = headers,
                                                     .header_count = header_count });
}

void http_problem(struct http_request *request, int status, const struct http_header *headers, size_t header_count,
                  const char *detail_format, ...)
{
        va_list args;
        va_start(args, detail_format);
        respond_problem(request, status, NULL, headers, header_count, detail_format, args);
        va_end(args);
}

void http_problem_with(struct http_request *request, int status, const char *members, const struct http_header *headers,
                       size_t header_count, const char *detail_format, ...)
{
        va_list args;
        va_start(args, detail_format);
        respond_problem(request, status, members, headers, header_count, detail_format, args);
        va_end(args);
}

const struct http_header http_retry_soon = { "Retry-After", RETRY_AFTER_SECONDS };

void http_problem_no_memory(struct http_request *request)
{
        http_problem(request, 503, &http_retry_soon, 1, "Out of memory.");
}
