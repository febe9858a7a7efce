/* transport: a non-blocking socket watched with uv_poll. A channel is one attempt at one address. It briefly outlives
 * its connection, because libuv closes a handle only in a later turn. The table at the end moves plain bytes; tls.c has
 * the table for TLS. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "redis/transport.h"

enum { KEEPALIVE_IDLE_S = 15, KEEPALIVE_INTERVAL_S = 5, KEEPALIVE_PROBES = 3 };

static void on_poll(uv_poll_t *poll, int status, int events)
{
        struct redis_channel *channel = CONTAINER_OF(poll, struct redis_channel, poll);
        if (!channel->is_closed)
                channel->options.on_event(channel->options.data, status, events);
}

/* By default Linux waits for a silent peer for 13 minutes or more. Probe an idle peer after 15 s, and give up on
 * unacknowledged bytes when the client does (tcp(7), TCP_USER_TIMEOUT). Failures are ignored: without these options the
 * kernel's defaults apply. */
static void set_options(int fd, int64_t stall_ms)
{
        const int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
        const unsigned timeout = (unsigned)stall_ms;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static int dial(const struct redis_address *address, int64_t stall_ms, int *out, struct err *err)
{
        int family = address->storage.ss_family;
        int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_errno(err, "socket");
        if (family != AF_UNIX)
                set_options(fd, stall_ms);
        if (connect(fd, (const struct sockaddr *)&address->storage, address->length) < 0 && errno != EINPROGRESS) {
                int rc = err_errno(err, "connect");
                (void)close(fd); /* nothing was written to it */
                return rc;
        }
        *out = fd;
        return 0;
}

int redis_channel_open(const struct redis_channel_options *options, const struct redis_address *address,
                       struct redis_channel **out, struct err *err)
{
        struct redis_channel *channel = calloc(1, sizeof(*channel));
        if (!channel)
                return err_set(err, ERR_NOMEM, "connect");
        int rc = dial(address, options->stall_ms, &channel->fd, err);
        if (rc < 0) {
                free(channel);
                return rc;
        }
        rc = uv_poll_init(options->loop, &channel->poll, channel->fd);
        if (rc < 0) {
                (void)close(channel->fd); /* nothing was written to it */
                free(channel);
                return err_set(err, ERR_UNAVAILABLE, "connect: %s", uv_strerror(rc));
        }
        channel->options = *options;
        redis_hold(options->life);
        redis_channel_wait(channel, UV_WRITABLE);
        *out = channel;
        return 0;
}

int redis_channel_connected(struct redis_channel *channel, struct err *err)
{
        int errnum = 0;
        socklen_t length = sizeof(errnum);
        if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &errnum, &length) < 0)
                errnum = errno;
        return errnum ? err_errnum(err, errnum, "connect") : 0;
}

void redis_channel_wait(struct redis_channel *channel, int events)
{
        if (channel->has_pending || channel->has_unread) /* a writable socket wakes the poll */
                events |= UV_WRITABLE;
        if (channel->events == events)
                return;
        channel->events = events;
        (void)uv_poll_start(&channel->poll, events, on_poll); /* fails only on a closed handle */
}

int redis_channel_problem(const struct redis_channel *channel, int errnum, const char *doing, struct err *err)
{
        if (channel->problem.code == 0)
                return err_errnum(err, errnum, "%s", doing);
        *err = channel->problem;
        return err->code;
}

static void on_closed(uv_handle_t *handle)
{
        struct redis_channel *channel = CONTAINER_OF(handle, struct redis_channel, poll);
        struct redis_life *life = channel->options.life;
        free(channel);
        redis_release(life);
}

void redis_channel_close(struct redis_channel *channel)
{
        if (!channel)
                return;
        if (channel->options.transport->close)
                channel->options.transport->close(channel);
        channel->is_closed = true;
        uv_close((uv_handle_t *)&channel->poll, on_closed);
        (void)close(channel->fd); /* libuv no longer watches it; a failure has no effect */
}

static int plain_ready(struct redis_channel *channel UNUSED, struct err *err UNUSED)
{
        return 1;
}

static ssize_t plain_send(struct redis_channel *channel, const struct iovec *parts, size_t count)
{
        struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = count };
        return sendmsg(channel->fd, &message, MSG_NOSIGNAL);
}

static ssize_t plain_recv(struct redis_channel *channel, void *bytes, size_t size)
{
        return recv(channel->fd, bytes, size, 0);
}

const struct redis_transport redis_transport_plain = {
        .ready = plain_ready,
        .send = plain_send,
        .recv = plain_recv,
        .short_read_is_last = true,
};
