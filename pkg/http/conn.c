/* conn: one connection as we see it beside libmicrohttpd. libmicrohttpd's own timeout counts from the
 * last byte, so a client that sends one byte each half second keeps its connection for ever; total
 * deadlines for a head and for a body are ours. A timer goes over the connections. Whether a head has
 * begun where libmicrohttpd does not say (it reports a request when its first line is complete) is told
 * by the kernel's count of received bytes: more than the requests so far had means a head has begun.
 *
 * A refusal (408, 413, a head that is no HTTP) is written straight to the socket, since libmicrohttpd
 * takes answers only before or after a whole body. Closing at once would reset the connection while the
 * client still sends, and many clients then never look at what they were told. So only our direction is
 * ended; libmicrohttpd goes on reading, what it reads is dropped, and the connection ends when the
 * client stops, after LINGER_BYTES or after LINGER_MS. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/internal.h"
#include "http/tcp.h"

enum { SWEEP_ALL_MAX = 1024, SWEEP_SHARE = 4 };

void worker_start_sweep(struct http_worker *worker)
{
        if (!uv_is_active((uv_handle_t *)&worker->sweep))
                (void)uv_timer_start(&worker->sweep, on_sweep, (uint64_t)worker->sweep_ms,
                                     (uint64_t)worker->sweep_ms); /* fails only while the handle closes */
}

void worker_show_connections(struct http_worker *worker)
{
        if (worker->open_connections)
                metric_set(worker->open_connections, (double)(worker->conn_count + worker->silent_count));
}

static void conn_open(struct http_worker *worker, struct MHD_Connection *mhd, void **context)
{
        struct conn *conn = calloc(1, sizeof(*conn));
        *context = conn;
        if (!conn)
                return; /* its first request finds no connection and closes it */
        conn->worker = worker;
        conn->mhd = mhd;
        conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        conn->link = (struct link){ &worker->conns, worker->conns.prev };
        conn->link.prev->next = &conn->link;
        worker->conns.prev = &conn->link;
        worker_start_sweep(worker);
}

struct conn *conn_of(struct MHD_Connection *mhd)
{
        return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Where libmicrohttpd has told of a request and not of its end, that goes with the connection. */
static void conn_close(struct conn *conn)
{
        struct http_worker *worker = conn->worker;
        if (conn->request)
                request_end(conn->request);
        if (worker->cursor == &conn->link)
                worker->cursor = conn->link.next;
        conn->link.prev->next = conn->link.next;
        conn->link.next->prev = conn->link.prev;
        free(conn);
}

void on_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
        struct http_worker *worker = cls;
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                worker->conn_count++;
                conn_open(worker, mhd, context);
        } else {
                worker->conn_count--;
                atomic_fetch_sub(&worker->server->connections, 1);
                if (*context)
                        conn_close(*context);
                *context = NULL;
        }
        worker_show_connections(worker);
}

void conn_refuse(struct conn *conn, int status, const char *correlation_id, const char *extra_field, const char *detail)
{
        problem_send(conn->fd, status, detail, correlation_id, extra_field);
        conn->refused = true;
        conn->cut_at_ms = clock_monotonic_ms() + LINGER_MS;
        if (conn->request) {
                conn->request->stage = STAGE_DROPPING;
                request_drop_body(conn->request);
        }
}

void conn_refuse_head(struct conn *conn, int status, const char *detail)
{
        struct uuid id;
        char correlation_id[UUID_TEXT_SIZE];
        uuid_v4(&conn->worker->uuids, &id);
        conn_refuse(conn, status, uuid_format(&id, correlation_id), "", detail);
}

/* Looks at a connection between two requests. True if bytes have come that belong to no request so far.
 * A client that has ended its direction together with its last request is overlooked by libmicrohttpd
 * 0.9.75, which is told of both by one edge of epoll and reads once: so it is closed here. */
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
                (void)shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees it and closes */
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
        if (now_ms - conn->head_since_ms < conn->worker->server->options.header_timeout_ms)
                return;
        conn_refuse_head(conn, 408, "The request head did not arrive in time.");
}

/* The client has ended its direction, all bytes were read, and the body is not whole: it never will be. As above,
 * libmicrohttpd 0.9.75 may have overlooked it. Seen twice, so that what it has read has been looked at. */
static bool body_is_cut_short(struct conn *conn, const struct tcp_state *tcp)
{
        bool before = conn->cut_short;
        conn->cut_short = !tcp->established && !tcp->unread;
        return before && conn->cut_short;
}

/* libmicrohttpd takes nothing of what has come: the line of a chunk's size is longer than its memory. 0.9.75 would spin. */
static bool body_is_stuck(struct http_request *request, const struct tcp_state *tcp)
{
        bool before = request->is_stuck;
        request->is_stuck = request->head.chunked && tcp->unread && request->swept_bytes == request->request_bytes;
        request->swept_bytes = request->request_bytes;
        return before && request->is_stuck;
}

static void drop_unread(int fd)
{
        char bytes[16 << 10];
        for (int i = 0; i < LINGER_BYTES / (int)sizeof(bytes) && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0; i++)
                ;
}

static void check_body(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        struct tcp_state tcp;
        bool known = tcp_look(conn->fd, &tcp);
        if (known && body_is_cut_short(conn, &tcp)) {
                (void)shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees it and closes */
        } else if (known && body_is_stuck(request, &tcp)) {
                account_request(request, 400, 0);
                conn_refuse(conn, 400, http_request_correlation_id(request), "", "A line in the body is too long.");
                drop_unread(conn->fd);
                conn->cut_at_ms = now_ms; /* libmicrohttpd does not read on, so there is no use in waiting */
        } else if (now_ms - request->started_us / 1000 >= conn->worker->server->options.body_timeout_ms) {
                account_request(request, 408, 0);
                conn_refuse(conn, 408, http_request_correlation_id(request), "",
                            "The request body did not arrive in time.");
        }
}

/* An answer may take as long as a body of its size. libmicrohttpd's own timeout begins anew with each byte that the
 * client takes. */
static void check_sending(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        const struct http_options *options = &conn->worker->server->options;
        int64_t allowed_ms = options->body_timeout_ms * (int64_t)(1 + request->answer_length / options->body_max_bytes);
        if (!request->sending_since_ms)
                request->sending_since_ms = now_ms;
        else if (now_ms - request->sending_since_ms >= allowed_ms)
                (void)shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees it and closes */
}

/* The limit has come down below what is open, since others need descriptors: idle connections make room, each worker's a
 * share, and no more in one sweep than are too many. */
static unsigned count_surplus(const struct http_server *server)
{
        unsigned open = atomic_load(&server->connections), most = atomic_load(&server->connections_max);
        return open > most ? (open - most) / server->options.workers + 1 : 0;
}

static void close_surplus(struct conn *conn)
{
        if (conn->worker->surplus == 0 || conn->head_since_ms)
                return;
        conn->worker->surplus--;
        (void)shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees it and closes */
}

static void check(struct conn *conn, int64_t now_ms)
{
        struct http_request *request = conn->request;
        if (conn->refused) {
                if (now_ms >= conn->cut_at_ms)
                        (void)shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees it and closes */
        } else if (!request || request->stage == STAGE_HEAD) {
                check_head(conn, now_ms);
                close_surplus(conn);
        } else if (request->stage == STAGE_BODY) {
                check_body(conn, now_ms);
        } else if (request->stage == STAGE_ANSWERED && !request->response) {
                check_sending(conn, now_ms);
        }
}

/* Looks at all connections, or at a quarter where there are many. */
void on_sweep(uv_timer_t *timer)
{
        struct http_worker *worker = timer->data;
        int64_t now_ms = clock_monotonic_ms();
        size_t left = worker->conn_count;
        refused_sweep(worker, now_ms, false);
        worker->surplus = count_surplus(worker->server);
        silent_sweep(worker, now_ms, false);
        bool flooded = budget_trim(worker, now_ms);
        if (left == 0 && worker->silent_count == 0 && worker->refused_count == 0 && !flooded) {
                (void)uv_timer_stop(timer); /* never fails */
                return;
        }
        if (left > SWEEP_ALL_MAX)
                left = left / SWEEP_SHARE + 1;
        for (; left > 0; left--) {
                if (worker->cursor == &worker->conns)
                        worker->cursor = worker->conns.next;
                if (worker->cursor == &worker->conns)
                        return;
                struct link *link = worker->cursor;
                worker->cursor = link->next;
                check(CONTAINER_OF(link, struct conn, link), now_ms);
        }
}
