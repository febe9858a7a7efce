/* deadline: libmicrohttpd's own timeout restarts with each byte, so a client that sends one byte every half second
 * would keep its connection forever. This file enforces total deadlines for heads, bodies and responses, with a timer
 * that checks all connections. libmicrohttpd reports a request only when its first line is complete. Before that, a
 * head shows only in the kernel's count of received bytes, which then exceeds the total of the requests so far.
 *
 * Streams have no total deadline. Their deadline counts from the last progress that a sweep has seen. */
#include "http/deadline.h"

#include <sys/socket.h>

#include "http/problem.h"
#include "http/request.h"
#include "http/stream.h"
#include "http/tcp.h"

enum { SWEEP_ALL_MAX = 1024, SWEEP_SHARE = 4, STOP_STILL_MS = 2000 };

/* Checks a connection between two requests. True if bytes have arrived that belong to no request so far. libmicrohttpd
 * 0.9.75 misses a client that shuts down its sending side together with its last request, because one epoll edge
 * reports both and libmicrohttpd reads only once. Such a connection is closed here. */
static bool head_has_begun(struct conn *conn)
{
        struct tcp_state tcp;
        if (conn->request)
                return true;
        if (!tcp_look(conn->fd, &tcp))
                return false;
        if (conn->received_unknown) {
                conn->received = tcp.received;
                conn->received_unknown = false;
        }
        if (!tcp.established && tcp.received <= conn->received + 1) {
                conn_cut(conn);
                return false;
        }
        return tcp.received > conn->received;
}

static void check_head(struct conn *conn, int64_t now_ms)
{
        if (!conn->head_since_ms) {
                if (head_has_begun(conn))
                        conn->head_since_ms = now_ms;
                return;
        }
        if (now_ms - conn->head_since_ms < conn->conns->server->options.header_timeout_ms)
                return;
        request_refuse_head(conn, 408, "The request head did not arrive in time.");
}

/* True if the client has shut down its sending side, all bytes were read, and the body is still incomplete. As above,
 * libmicrohttpd 0.9.75 may have missed the end. Two sweeps must agree, so that libmicrohttpd has had time to process
 * what it read. */
static bool body_is_cut_short(struct conn *conn, const struct tcp_state *tcp)
{
        bool before = conn->cut_short;
        conn->cut_short = !tcp->established && !tcp->unread;
        return before && conn->cut_short;
}

/* True if libmicrohttpd consumes none of the received bytes, because a chunk-size line exceeds its memory.
 * libmicrohttpd 0.9.75 would spin. */
static bool body_is_stuck(struct http_request *request, const struct tcp_state *tcp, int64_t now_ms)
{
        bool before = request->arrival.is_stuck;
        request->arrival.is_stuck = request->head.chunked && tcp->unread && request->arrival.still_since_ms < now_ms;
        return before && request->arrival.is_stuck;
}

static void note_progress(struct http_request *request, int64_t now_ms)
{
        struct request_arrival *arrival = &request->arrival;
        if (arrival->swept_bytes != arrival->bytes || !arrival->still_since_ms)
                arrival->still_since_ms = now_ms;
        arrival->swept_bytes = arrival->bytes;
}

/* True if the server is stopping and the client sends nothing: waiting for it would only delay the stop. */
static bool delays_stop(const struct http_request *request, int64_t now_ms)
{
        return atomic_load_explicit(&request->conns->server->draining, memory_order_relaxed) &&
               now_ms - request->arrival.still_since_ms >= STOP_STILL_MS;
}

static void check_body(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        struct tcp_state tcp;
        bool known = tcp_look(conn->fd, &tcp);
        note_progress(request, now_ms);
        if (known && body_is_cut_short(conn, &tcp)) {
                conn_cut(conn);
        } else if (known && body_is_stuck(request, &tcp, now_ms)) {
                request_refuse(request, 400, "", "A line in the body is too long.");
                conn_drop_unread(conn);
                conn->cut_at_ms = now_ms; /* libmicrohttpd has stopped reading, so waiting is pointless */
        } else if (now_ms - request->started_us / 1000 >= conn->conns->server->options.body_timeout_ms) {
                request_refuse(request, 408, "", "The request body did not arrive in time.");
        } else if (delays_stop(request, now_ms)) {
                request_refuse(request, 503, RETRY_AFTER_LINE, "The server is stopping.");
        }
}

/* Cuts off a client that reads its response too slowly. A response may take as long as a body of its size.
 * libmicrohttpd's own timeout restarts with each byte that the client reads. */
static void check_sending(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        const struct http_options *options = &conn->conns->server->options;
        int64_t allowed_ms = options->body_timeout_ms * (int64_t)(1 + request->answer.length / options->body_max_bytes);
        if (!request->answer.sending_since_ms)
                request->answer.sending_since_ms = now_ms;
        else if (now_ms - request->answer.sending_since_ms >= allowed_ms)
                conn_cut(conn);
}

static void refuse_stream(struct http_request *request, int status, const char *extra_field, const char *detail)
{
        request_refuse(request, status, extra_field, detail);
        request->stream->is_accounted = true;
        stream_tell_gone(request);
}

/* Restarts the deadline of a paused body, whose bytes may wait unread and whose client may have sent its last byte. */
static void skip_pause(struct conn *conn, const struct tcp_state *tcp, int64_t now_ms)
{
        struct http_request *request = conn->request;
        request->arrival.still_since_ms = now_ms;
        request->arrival.is_stuck = conn->cut_short = false;
        if (tcp->closed && request->stream->is_suspended)
                stream_break(request);
}

/* Checks a streamed body. */
static void check_pieces(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        struct tcp_state tcp = { 0 };
        bool known = tcp_look(conn->fd, &tcp);
        note_progress(request, now_ms);
        if (request->stream->is_paused || request->stream->is_suspended) {
                skip_pause(conn, &tcp, now_ms);
        } else if (known && body_is_cut_short(conn, &tcp)) {
                conn_cut(conn);
        } else if (known && body_is_stuck(request, &tcp, now_ms)) {
                refuse_stream(request, 400, "", "A line in the body is too long.");
                conn_drop_unread(conn);
                conn->cut_at_ms = now_ms;
        } else if (now_ms - request->arrival.still_since_ms >= conn->conns->server->options.body_timeout_ms) {
                refuse_stream(request, 408, "", "The request body stopped arriving.");
        } else if (delays_stop(request, now_ms)) {
                refuse_stream(request, 503, RETRY_AFTER_LINE, "The server is stopping.");
        }
}

static int64_t stall_ms(const struct http_server *server, const struct stream *stream)
{
        int64_t allowed_ms = stream->stall_ms > 0 ? stream->stall_ms : server->options.body_timeout_ms;
        bool is_draining = atomic_load_explicit(&server->draining, memory_order_relaxed);
        return is_draining && allowed_ms > STOP_STILL_MS ? STOP_STILL_MS : allowed_ms;
}

/* False for an endless response whose token has been removed; the response is then aborted. */
static bool is_admitted(struct http_request *request)
{
        struct conns *conns = request->conns;
        return !request->stream->is_endless || request->match.route->is_public ||
               token_is_valid(&conns->server->tokens, &conns->tokens, &request->head, &request->pass);
}

/* Checks a streamed response. Progress means bytes acknowledged by the client's kernel. A suspended connection has
 * nothing to send. */
static void check_writing(struct conn *conn, int64_t now_ms)
{
        struct stream *stream = conn->request->stream;
        struct tcp_state tcp;
        if (!tcp_look(conn->fd, &tcp))
                return;
        int64_t still_ms = now_ms - stream->progress_ms;
        int64_t allowed_ms = stall_ms(conn->conns->server, stream);
        if (stream->is_suspended || !stream->progress_ms || tcp.acked != stream->acked)
                still_ms = 0;
        if (still_ms == 0)
                stream->progress_ms = now_ms;
        stream->acked = tcp.acked;
        bool is_left = tcp.closed || (stream->is_endless && !tcp.established);
        if (is_left || still_ms >= allowed_ms || !is_admitted(conn->request))
                stream_break(conn->request);
}

static void close_surplus(struct conn *conn)
{
        if (conn->conns->share->surplus == 0 || conn->head_since_ms)
                return;
        conn->conns->share->surplus--;
        conn_cut(conn);
}

static void check(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        if (conn->refused) {
                if (now_ms >= conn->cut_at_ms)
                        conn_cut(conn);
        } else if (!request || request->stage == STAGE_HEAD) {
                check_head(conn, now_ms);
                close_surplus(conn);
        } else if (request->stage == STAGE_BODY) {
                (request->stream ? check_pieces : check_body)(conn, now_ms);
        } else if (request->stage == STAGE_ANSWERED) {
                (request->stream && request->stream->is_answer ? check_writing : check_sending)(conn, now_ms);
        }
}

void deadline_sweep(struct conns *conns, int64_t now_ms)
{
        size_t left = conns->count;
        if (left > SWEEP_ALL_MAX)
                left = left / SWEEP_SHARE + 1;
        for (; left > 0; left--) {
                if (conns->cursor == &conns->list)
                        conns->cursor = conns->list.next;
                if (conns->cursor == &conns->list)
                        return;
                struct list *link = conns->cursor;
                conns->cursor = link->next;
                check(CONTAINER_OF(link, struct conn, link), now_ms);
        }
}
