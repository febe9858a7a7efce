/* transport: one socket, and a table of functions that move bytes over it: plain or TLS.
 *
 * Threads: loop only. */
#ifndef REDIS_TRANSPORT_H
#define REDIS_TRANSPORT_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"
#include "redis/life.h"

struct redis_channel;
struct redis_target;
struct redis_tls_session;

struct redis_address {
        struct sockaddr_storage storage;
        socklen_t length;
};

struct redis_transport {
        /* Called at each event after the socket has connected: 1 when bytes can be sent, 0 to wait for the next
         * event. */
        int (*ready)(struct redis_channel *channel, struct err *err);
        /* The number of bytes taken or delivered, or -1 with errno. Without parts it only sends pending bytes. */
        ssize_t (*send)(struct redis_channel *channel, const struct iovec *parts, size_t count);
        ssize_t (*recv)(struct redis_channel *channel, void *bytes, size_t size);
        void (*close)(struct redis_channel *channel); /* NULL: nothing to do */
        bool short_read_is_last; /* a read that does not fill the buffer has emptied the channel, unless has_unread */
};

extern const struct redis_transport redis_transport_plain;

/* What a channel needs. Everything must outlive the use of the channel, and `life` also its handle. */
struct redis_channel_options {
        uv_loop_t *loop;
        struct redis_life *life;
        const struct redis_transport *transport;
        struct redis_target *target; /* for TLS: its settings, and the name to verify */
        int64_t stall_ms;            /* time after which the kernel gives up on unacknowledged bytes */
        void (*on_event)(void *data, int status, int events);
        void *data;
};

struct redis_channel {
        uv_poll_t poll;
        struct redis_channel_options options;
        bool is_closed;
        int fd;
        int events;                    /* UV_READABLE, UV_WRITABLE: what the poll waits for  */
        bool has_pending;              /* send accepted more bytes than the socket           */
        bool has_unread;               /* there is unread data that the poll does not report */
        struct redis_tls_session *tls; /* NULL: plain, or not started                        */
        struct err problem;            /* what EPROTO from send or recv means; code 0: unset */
};

/* Starts to connect; on_event reports the rest. */
int redis_channel_open(const struct redis_channel_options *options, const struct redis_address *address,
                       struct redis_channel **out, struct err *err) NODISCARD;
/* Checks whether the socket is connected. Call this once, when the socket is writable. */
int redis_channel_connected(struct redis_channel *channel, struct err *err) NODISCARD;
void redis_channel_wait(struct redis_channel *channel, int events); /* adds the events that has_pending and has_unread
                                                                     * need */
/* Describes a failure of send or recv; returns err->code. */
int redis_channel_problem(const struct redis_channel *channel, int errnum, const char *doing, struct err *err);
void redis_channel_close(struct redis_channel *channel); /* NULL is fine; on_event is not called any more */

static inline ssize_t redis_channel_send(struct redis_channel *channel, const struct iovec *parts, size_t count)
{
        return channel->options.transport->send(channel, parts, count);
}

#endif
