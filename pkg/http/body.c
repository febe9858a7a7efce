/* body: a body with a Content-Length is checked against the limit as soon as the head is known, a chunked one as it
 * arrives. The pieces are kept in memory that counts against the budget for data in transit. */
#include "http/body.h"

#include <stdio.h>

#include "http/problem.h"
#include "http/stream.h"

static void refuse_too_large(struct http_request *request)
{
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "The body is larger than %zu bytes, the limit of this server.",
                       request->conns->server->options.body_max_bytes); /* fits */
        request_refuse(request, 413, "", detail);
}

bool body_is_wanted(const struct http_request *request)
{
        return request->match.route && request->match.route->body && !request->denial;
}

/* True if the route has yet to choose how to receive the body, which it does once it has seen the beginning. */
static bool is_open(const struct http_request *request)
{
        return body_is_wanted(request) && request->match.route->at_body && !request->arrival.is_judged;
}

static void check_length(struct http_request *request)
{
        struct http_server *server = request->conns->server;
        uint64_t length = request->head.content_length;
        if (!request->denial && length > server->options.body_max_bytes)
                refuse_too_large(request);
        else if (length > BODY_KEPT_BYTES && body_is_wanted(request) && !budget_has_room(&server->budget, length))
                request_refuse_full(request);
}

void body_check_length(struct http_request *request)
{
        if (!is_open(request))
                check_length(request);
}

static enum MHD_Result pass_over(struct http_request *request, size_t *size)
{
        request->arrival.bytes += *size;
        *size = 0;
        return MHD_YES;
}

/* Hands the body to the handler in pieces, first the part that was kept, then this piece. */
static enum MHD_Result begin_stream(struct http_request *request, const char *bytes, size_t *size)
{
        struct stream *stream = request->stream;
        if (request->body.length > 0)
                stream->ops->on_piece(request, request->body.data, request->body.length, stream->data);
        body_memory_drop(&request->body, &request->conns->server->budget);
        return request->stage == STAGE_BODY ? stream_take_piece(request, bytes, size) : pass_over(request, size);
}

/* Asks the route about the beginning of the body. True if the piece has been handled; *result is then the return value
 * for libmicrohttpd. */
static bool judge(struct http_request *request, const char *bytes, size_t *size, enum MHD_Result *result)
{
        request->arrival.is_judged = request->match.route->at_body(request, bytes, *size, request->conns->context);
        if (request->stage == STAGE_BODY && request->stream) {
                *result = begin_stream(request, bytes, size);
                return true;
        }
        if (request->stage == STAGE_BODY && request->arrival.is_judged)
                check_length(request);
        if (request->stage == STAGE_BODY)
                return false;
        *result = pass_over(request, size);
        return true;
}

enum MHD_Result body_take_piece(struct http_request *request, const char *bytes, size_t *size)
{
        struct http_server *server = request->conns->server;
        enum MHD_Result result;
        if (is_open(request) && judge(request, bytes, size, &result))
                return result;
        size_t length = *size;
        *size = 0;
        request->arrival.bytes += length;
        if (request->arrival.bytes > server->options.body_max_bytes) {
                refuse_too_large(request);
                return MHD_YES;
        }
        if (!body_is_wanted(request))
                return MHD_YES;
        int rc = body_memory_append(&request->body, &server->budget, &request->head, bytes, length);
        if (rc == ERR_LIMIT)
                request_refuse_full(request);
        else if (rc < 0)
                request_refuse(request, 503, RETRY_AFTER_LINE, "Out of memory.");
        return MHD_YES;
}

enum MHD_Result body_drop_refused(struct http_request *request, size_t *size)
{
        request->arrival.dropped_bytes += *size;
        if (*size == 0 || request->arrival.dropped_bytes > CONN_LINGER_BYTES)
                return MHD_NO;
        *size = 0;
        return MHD_YES;
}

enum MHD_Result body_drop_rest(struct http_request *request, size_t *size)
{
        return pass_over(request, size);
}
