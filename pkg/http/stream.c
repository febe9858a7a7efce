/* stream: passes pieces between libmicrohttpd and a handler, in both directions. When one of them has to wait for the
 * other, the connection is suspended; then the kernel's buffers fill up, and TCP flow control slows the client down.
 *
 * A paused body: libmicrohttpd offers the next piece, is told that none of it was taken, and offers it again after the
 * resume. So at most one of its small buffers is in memory. libmicrohttpd may offer the piece once more while the
 * connection is suspended.
 *
 * A response: what the handler writes waits in an output until libmicrohttpd has written the previous piece to the
 * socket and asks for the next one. Aborting ends the response without the last chunk. To abort while the connection
 * waits for its client, we shut the connection down, since libmicrohttpd would ask for the next piece only when the
 * client reads more. */
#include "http/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/tcp.h"

enum {
        FULL_BYTES = 64 << 10,  /* http_stream_write says "full" ...                              */
        ROOM_BYTES = 16 << 10,  /* ... and on_writable is called when this little is left               */
        UNSENT_BYTES = 64 << 10 /* the kernel buffers about this much more                          */
};

/* --- Life ------------------------------------------------------------------------------------------ */

int stream_begin(struct http_request *request, const struct http_stream_ops *ops, void *data)
{
        struct stream *stream = request->stream;
        if (!stream) {
                stream = calloc(1, sizeof(*stream));
                if (!stream)
                        return ERR_NOMEM;
                list_init(&stream->link);
                stream->request = request;
                request->stream = stream;
        }
        stream->ops = ops;
        stream->data = data;
        stream->is_endless = ops->is_endless;
        if (stream->is_endless && request->conn)
                (void)MHD_set_connection_option(request->conn->mhd, MHD_CONNECTION_OPTION_TIMEOUT,
                                                (unsigned)STREAM_TIMEOUT_S);
        stream->stall_ms = ops->stall_ms;
        if (list_is_empty(&stream->link))
                list_append(&request->conns->streams, &stream->link);
        return 0;
}

bool stream_is_live(const struct http_request *request)
{
        return request->stream && request->stream->ops;
}

void stream_detach(struct http_request *request)
{
        struct stream *stream = request->stream;
        if (!stream)
                return;
        stream->ops = NULL;
        list_remove(&stream->link);
        http_request_resume(request);
}

void stream_free(struct http_request *request)
{
        struct stream *stream = request->stream;
        if (!stream)
                return;
        stream_detach(request);
        output_drop(&stream->output, &request->conns->server->budget);
        free(stream);
        request->stream = NULL;
}

static void suspend(struct http_request *request)
{
        request->stream->is_suspended = true;
        request->engine->held++;
        MHD_suspend_connection(request->conn->mhd);
}

/* Lets libmicrohttpd continue. */
static void wake(struct http_request *request)
{
        struct stream *stream = request->stream;
        if (!stream->is_suspended || !request->conn) /* a request without a connection is not suspended */
                return;
        stream->is_suspended = false;
        request->engine->held--;
        MHD_resume_connection(request->conn->mhd);
        engine_wake(request->engine);
}

void stream_break(struct http_request *request)
{
        struct stream *stream = request->stream;
        stream->is_broken = true;
        if (!request->conn)
                return;
        if (stream->is_suspended)
                wake(request);
        else
                conn_cut(request->conn);
}

void stream_account(struct http_request *request)
{
        struct stream *stream = request->stream;
        if (stream->is_accounted)
                return;
        stream->is_accounted = true;
        bool is_broken = !stream->is_whole && !stream->is_endless;
        if (is_broken)
                account_broken_answer(request->conns->account);
        request_account(request, request->answer.status, stream->sent_bytes, is_broken);
}

void stream_tell_gone(struct http_request *request)
{
        struct stream *stream = request->stream;
        if (!stream_is_live(request) || stream->is_gone)
                return;
        stream->is_gone = true;
        list_remove(&stream->link);
        if (stream->ops->on_gone)
                stream->ops->on_gone(request, stream->data);
}

void stream_drain(struct conns *conns)
{
        struct list all;
        list_init(&all);
        list_append_all(&all, &conns->streams);
        for (struct list *link = list_pop(&all); link; link = list_pop(&all)) {
                struct stream *stream = CONTAINER_OF(link, struct stream, link);
                if (stream->ops->on_drain)
                        stream->ops->on_drain(stream->request, stream->data);
                else if (stream->is_answer)
                        stream_break(stream->request);
        }
}

/* --- A body ---------------------------------------------------------------------------------------- */

int http_request_stream(struct http_request *request, const struct http_stream_ops *ops, void *data)
{
        bool drains = !ops->is_short && atomic_load_explicit(&request->conns->server->draining, memory_order_relaxed);
        int rc = drains ? ERR_UNAVAILABLE : stream_begin(request, ops, data);
        if (rc < 0)
                http_problem(request, 503, &http_retry_soon, 1, drains ? "The server is stopping." : "Out of memory.");
        return rc;
}

enum MHD_Result stream_take_piece(struct http_request *request, const char *bytes, size_t *length)
{
        struct stream *stream = request->stream;
        if (stream->is_suspended)
                return MHD_YES;
        if (stream->is_broken)
                return MHD_NO;
        if (stream->is_paused) {
                suspend(request);
                return MHD_YES;
        }
        size_t taken = *length;
        *length = 0;
        request->arrival.bytes += taken;
        stream->ops->on_piece(request, bytes, taken, stream->data);
        return MHD_YES;
}

bool http_request_reserve(struct http_request *request, size_t bytes)
{
        if (!budget_take(&request->conns->server->budget, bytes, bytes)) {
                account_refused_transfer(request->conns->account);
                return false;
        }
        request->reserved += bytes;
        return true;
}

void http_request_give_body(struct http_request *request, char *body, size_t length)
{
        stream_detach(request);
        body_memory_drop(&request->body, &request->conns->server->budget);
        request->body.data = body;
        request->body.length = request->body.capacity = body ? length : 0;
}

void http_request_pause(struct http_request *request)
{
        request->stream->is_paused = true;
}

void http_request_resume(struct http_request *request)
{
        request->stream->is_paused = false;
        wake(request);
}

/* --- An answer -------------------------------------------------------------------------------------- */

static bool has_room(const struct stream *stream)
{
        return stream->output.length < ROOM_BYTES;
}

static void tell_writable(struct http_request *request)
{
        struct stream *stream = request->stream;
        if (!stream_is_live(request) || !stream->is_full || !has_room(stream))
                return;
        stream->is_full = false;
        if (stream->ops->on_writable)
                stream->ops->on_writable(request, stream->data);
}

/* Gives libmicrohttpd the next piece. It asks once it has written the previous one to the socket. */
static ssize_t read_output(void *cls, uint64_t position UNUSED, char *out, size_t max)
{
        struct http_request *request = cls;
        struct stream *stream = request->stream;
        request->engine->moved = true;
        if (!stream->is_broken)
                tell_writable(request);
        if (stream->is_broken)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        size_t length = output_take(&stream->output, &request->conns->server->budget, out, max);
        stream->sent_bytes += length;
        if (length > 0)
                return (ssize_t)length;
        if (stream->has_ended) {
                stream->is_whole = true;
                return MHD_CONTENT_READER_END_OF_STREAM;
        }
        suspend(request);
        return 0;
}

struct MHD_Response *stream_create_response(struct http_request *request)
{
        enum { BLOCK_BYTES = 16 }; /* a buffer that chunked responses do not use */
        struct stream *stream = request->stream;
        stream->is_answer = true;
        stream->is_full = true; /* on_writable is first called when libmicrohttpd asks */
        stream->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_output, request, NULL);
        /* libmicrohttpd 0.9.75 would send the last chunk even after the head alone, so HEAD closes the connection. */
        if (stream->response && !strcmp(request->method, "HEAD"))
                (void)MHD_set_response_options(stream->response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
        tcp_limit_unsent(request->conn->fd, UNSENT_BYTES);
        return stream->response;
}

bool http_stream_write(struct http_request *request, const void *bytes, size_t length)
{
        struct stream *stream = request->stream;
        if (!request->conn || stream->is_broken)
                return false;
        if (output_append(&stream->output, &request->conns->server->budget, bytes, length) < 0) {
                stream_break(request);
                return false;
        }
        wake(request);
        stream->is_full = stream->output.length >= FULL_BYTES;
        return !stream->is_full;
}

size_t http_stream_waiting(const struct http_request *request)
{
        return request->stream->output.length;
}

void http_stream_await(struct http_request *request)
{
        request->stream->is_full = true;
        wake(request);
}

static void end(struct http_request *request)
{
        stream_detach(request);
        if (request->conn)
                return;
        stream_free(request);
        request_free_orphan(request);
}

void http_stream_end(struct http_request *request, const struct http_header *trailers, size_t trailer_count)
{
        struct stream *stream = request->stream;
        for (size_t i = 0; request->conn && i < trailer_count; i++)
                if (MHD_add_response_footer(stream->response, trailers[i].name, trailers[i].value) == MHD_NO)
                        stream_break(request); /* out of memory */
        stream->has_ended = true;
        wake(request);
        end(request);
}

void http_stream_abort(struct http_request *request)
{
        stream_break(request);
        end(request);
}
