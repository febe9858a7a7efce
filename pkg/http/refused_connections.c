/* refused_connections: closing a socket before the client's request is read would reset the connection, and the client
 * might lose the response. So the socket stays open until the client has closed the connection, for a second at
 * most. */
#include "http/refused_connections.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/problem.h"

enum { DROP_BYTES = 16 << 10 };

void refused_init(struct refused_list *list, unsigned max, struct uuid_source *uuids, struct sweep *sweep)
{
        list->max = max;
        list->uuids = uuids;
        list->sweep = sweep;
        for (unsigned i = 0; i < REFUSED_MAX; i++)
                list->each[i].fd = -1;
}

/* Reads and drops what a refused client sends. True if the connection may be closed. */
static bool drop_input(int fd)
{
        char bytes[DROP_BYTES];
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void refused_sweep(struct refused_list *list, int64_t now_ms, bool all)
{
        for (unsigned i = 0; list->count > 0 && i < REFUSED_MAX; i++) {
                struct refused *refused = &list->each[i];
                if (refused->fd < 0 || (!drop_input(refused->fd) && now_ms < refused->until_ms && !all))
                        continue;
                (void)close(refused->fd); /* no response is pending on it */
                refused->fd = -1;
                list->count--;
        }
}

void refused_linger(struct refused_list *list, int fd)
{
        for (unsigned i = 0; i < list->max; i++) {
                if (list->each[i].fd >= 0)
                        continue;
                list->each[i] = (struct refused){ fd, clock_monotonic_ms() + LINGER_MS };
                list->count++;
                sweep_start(list->sweep);
                return;
        }
        (void)drop_input(fd);
        (void)close(fd); /* too many to wait for all of them */
}

void refused_add(struct refused_list *list, int fd, int status, const char *extra_field, const char *detail)
{
        struct uuid id;
        char correlation_id[UUID_TEXT_SIZE];
        uuid_v4(list->uuids, &id);
        problem_send(fd, status, detail, uuid_format(&id, correlation_id), extra_field);
        refused_linger(list, fd);
}
