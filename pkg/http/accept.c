/* accept: taking connections from the socket that all workers listen on. A worker takes some a turn, while
 * it holds little more than its share, so that they spread evenly although the kernel wakes all workers:
 * one more where there are few, up to eight more where there are many and one a turn would keep hundreds
 * of clients waiting. A connection that a worker left to the others and that is still there after a
 * moment is taken anyway: the others may be busy.
 *
 * Beyond the limit a connection is accepted to be turned away with 503; left in the queue, its client
 * would wait without a word. The answer may only be lost to a reset if the socket were closed while the
 * client's request is unread, so it stays open until the client has closed it, for a second at most. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/clock.h"
#include "http/internal.h"

enum {
        PASSED_MS = 1,
        SHORT_OF_DESCRIPTORS_MS = 100,
        DROP_BYTES = 16 << 10,
        TURN_MAX = 16, /* connections taken in a row: the loop has other work too */
        AHEAD_SHARE = 8,
        AHEAD_MAX = 8,
};

static void pause_accepting(struct http_worker *worker, uint64_t ms)
{
        (void)uv_poll_stop(&worker->listen_poll);                            /* never fails */
        (void)uv_timer_start(&worker->accept_again, on_accept_again, ms, 0); /* fails only while it closes */
}

/* Reads what a refused client sends. True when the connection may be closed. */
static bool drop_input(int fd)
{
        char bytes[DROP_BYTES];
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void refused_sweep(struct http_worker *worker, int64_t now_ms, bool all)
{
        for (unsigned i = 0; worker->refused_count > 0 && i < REFUSED_MAX; i++) {
                struct refused *refused = &worker->refused[i];
                if (refused->fd < 0 || (!drop_input(refused->fd) && now_ms < refused->until_ms && !all))
                        continue;
                (void)close(refused->fd); /* nothing was promised on it */
                refused->fd = -1;
                worker->refused_count--;
        }
}

void turn_away(struct http_worker *worker, int fd, int status, const char *extra_field, const char *detail)
{
        struct uuid id;
        char correlation_id[UUID_TEXT_SIZE];
        uuid_v4(&worker->uuids, &id);
        problem_send(fd, status, detail, uuid_format(&id, correlation_id), extra_field);
        for (unsigned i = 0; i < worker->server->refused_max; i++) {
                if (worker->refused[i].fd >= 0)
                        continue;
                worker->refused[i] = (struct refused){ fd, clock_monotonic_ms() + LINGER_MS };
                worker->refused_count++;
                worker_start_sweep(worker);
                return;
        }
        (void)drop_input(fd);
        (void)close(fd); /* too many to be polite to each */
}

/* False when nothing was there. */
static bool accept_one(struct http_worker *worker)
{
        struct http_server *server = worker->server;
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        int fd = accept4(server->listen_fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                        pause_accepting(worker, SHORT_OF_DESCRIPTORS_MS);
                return errno == ECONNABORTED || errno == EINTR;
        }
        if (atomic_fetch_add(&server->connections, 1) >= atomic_load(&server->connections_max)) {
                atomic_fetch_sub(&server->connections, 1);
                if (worker->refused_connections)
                        metric_add(worker->refused_connections, 1);
                turn_away(worker, fd, 503, "Retry-After: 1\r\n", "Too many connections; try again soon.");
                return true;
        }
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* without it answers are only slower */
        silent_add(worker, fd, &address, length);
        return true;
}

static bool share_is_full(const struct http_worker *worker)
{
        size_t share = atomic_load(&worker->server->connections) / worker->server->options.workers;
        size_t ahead = share / AHEAD_SHARE < AHEAD_MAX ? share / AHEAD_SHARE : AHEAD_MAX;
        return worker->conn_count + worker->silent_count > share + ahead;
}

static void on_listen(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
        struct http_worker *worker = poll->data;
        if (share_is_full(worker) && !worker->passed) {
                worker->passed = true;
                pause_accepting(worker, PASSED_MS);
                return;
        }
        worker->passed = false;
        for (int taken = 0; taken < TURN_MAX; taken++)
                if (!accept_one(worker) || share_is_full(worker))
                        break; /* none there: another worker was faster */
}

void accept_start(struct http_worker *worker)
{
        if (uv_poll_start(&worker->listen_poll, UV_READABLE, on_listen) < 0)
                (void)uv_timer_start(&worker->accept_again, on_accept_again, SHORT_OF_DESCRIPTORS_MS, 0);
}

void on_accept_again(uv_timer_t *timer)
{
        accept_start(timer->data);
}

void accept_all(struct http_worker *worker)
{
        while (accept_one(worker))
                ;
}

void accept_stop(struct http_worker *worker)
{
        if (!worker->accepting)
                return;
        worker->accepting = false;
        (void)uv_poll_stop(&worker->listen_poll); /* neither ever fails */
        (void)uv_timer_stop(&worker->accept_again);
        worker_close_handle((uv_handle_t *)&worker->listen_poll);
        server_leave(worker->server);
}
