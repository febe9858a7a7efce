/* silent: connections that have not sent anything yet. They are watched here and given to libmicrohttpd with their first
 * byte: until then one costs a few hundred bytes and not a memory for heads. And that first byte can be looked at, which
 * libmicrohttpd shows nobody: a client that speaks TLS to this port waits for an answer to its greeting, which has no end
 * of a line, so it is told in plain HTTP what is wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/internal.h"

enum { TLS_HANDSHAKE = 0x16 }; /* the type of a record, RFC 8446, section 5.1; no method begins with it */

struct silent {
        struct link link; /* the oldest is the first */
        uv_poll_t poll;
        struct http_worker *worker;
        int fd;
        int64_t since_ms;
        struct sockaddr_storage address;
        socklen_t length;
};

enum first { FIRST_NONE, FIRST_HTTP, FIRST_TLS, FIRST_END };

static enum first look(int fd)
{
        unsigned char byte;
        ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? FIRST_NONE : FIRST_END;
        return n == 0 ? FIRST_END : byte == TLS_HANDSHAKE ? FIRST_TLS : FIRST_HTTP;
}

static void take(struct http_worker *worker, int fd, const struct sockaddr_storage *address, socklen_t length,
                 enum first first)
{
        struct http_server *server = worker->server;
        size_t before = worker->conn_count;
        switch (first) {
        case FIRST_END:
                (void)close(fd); /* nothing was promised on it */
                atomic_fetch_sub(&server->connections, 1);
                break;
        case FIRST_TLS:
                atomic_fetch_sub(&server->connections, 1);
                turn_away(worker, fd, 400, "", "This port speaks plain HTTP, but the client sent TLS.");
                break;
        case FIRST_NONE: /* memory is short: libmicrohttpd waits for it */
        case FIRST_HTTP:
                if (MHD_add_connection(worker->daemon, fd, (const struct sockaddr *)address, length) == MHD_NO &&
                    worker->conn_count == before)
                        atomic_fetch_sub(&server->connections, 1); /* it has closed the socket; memory is short */
                worker_wake(worker);
                break;
        }
        worker_show_connections(worker);
}

static void on_closed(uv_handle_t *handle)
{
        free(CONTAINER_OF(handle, struct silent, poll));
}

/* Its descriptor is the caller's then. */
static void unwatch(struct silent *silent)
{
        silent->link.prev->next = silent->link.next;
        silent->link.next->prev = silent->link.prev;
        silent->worker->silent_count--;
        uv_close((uv_handle_t *)&silent->poll, on_closed); /* out of the loop's epoll at once */
}

static void on_event(uv_poll_t *poll, int status, int events UNUSED)
{
        struct silent *silent = CONTAINER_OF(poll, struct silent, poll);
        enum first first = status < 0 ? FIRST_END : look(silent->fd);
        if (first == FIRST_NONE)
                return;
        unwatch(silent);
        take(silent->worker, silent->fd, &silent->address, silent->length, first);
}

static bool watch(struct http_worker *worker, int fd, const struct sockaddr_storage *address, socklen_t length)
{
        struct silent *silent = malloc(sizeof(*silent));
        if (!silent)
                return false;
        *silent = (struct silent){
                .worker = worker, .fd = fd, .since_ms = clock_monotonic_ms(), .address = *address, .length = length
        };
        if (uv_poll_init(worker->loop, &silent->poll, fd) < 0) {
                free(silent);
                return false;
        }
        silent->link = (struct link){ &worker->silents, worker->silents.prev };
        silent->link.prev->next = &silent->link;
        worker->silents.prev = &silent->link;
        worker->silent_count++;
        if (uv_poll_start(&silent->poll, UV_READABLE, on_event) < 0) {
                unwatch(silent);
                return false;
        }
        worker_start_sweep(worker);
        return true;
}

void silent_add(struct http_worker *worker, int fd, const struct sockaddr_storage *address, socklen_t length)
{
        enum first first = look(fd);
        if (first != FIRST_NONE || !watch(worker, fd, address, length))
                take(worker, fd, address, length, first);
        else
                worker_show_connections(worker);
}

void silent_sweep(struct http_worker *worker, int64_t now_ms, bool all)
{
        while (worker->silents.next != &worker->silents) {
                struct silent *oldest = CONTAINER_OF(worker->silents.next, struct silent, link);
                bool late = now_ms - oldest->since_ms >= worker->server->options.idle_timeout_ms + IDLE_MARGIN_S * 1000;
                if (!all && !late && worker->surplus == 0)
                        return;
                worker->surplus -= worker->surplus > 0;
                int fd = oldest->fd;
                unwatch(oldest);
                take(worker, fd, NULL, 0, FIRST_END);
        }
}
