/* event: events of a client's connections, for logs and metrics.
 *
 * Threads: loop only. */
#ifndef REDIS_EVENT_H
#define REDIS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrowed during the call. */
struct redis_event {
        enum {
                REDIS_EVENT_CONNECTED,      /* address, waited_ms since it was lost or opened                */
                REDIS_EVENT_DISCONNECTED,   /* err; in_flight commands will be sent again                    */
                REDIS_EVENT_CONNECT_FAILED, /* err; retry_ms until the next attempt                          */
                REDIS_EVENT_DENIED,         /* err: WRONGPASS, NOAUTH, NOPERM on a new connection; retry_ms  */
                REDIS_EVENT_NOT_WRITABLE,   /* err: READONLY, LOADING, ...; the client looks for the primary */
                REDIS_EVENT_SWITCHED,       /* a new target is in use; generation                            */
                REDIS_EVENT_DRAINED,        /* the connection of the old generation is closed; generation    */
                /* err: `sentinel` refuses a subscription or SENTINEL MASTER, so the client notices a failover only when
                 * the connection breaks or when Redis is silent or refuses a write. Once per target; generation */
                REDIS_EVENT_SENTINEL_REFUSED,
                /* The name at the start of `address` has too many addresses: an attempt tries only `addresses` of them
                 * and omits `left_out`. Reported after each look-up */
                REDIS_EVENT_ADDRESSES_LEFT_OUT,
        } kind;
        const char *address;  /* of the server, once it is known; with Sentinel, of the primary in use */
        const char *sentinel; /* the Sentinel that named it, "10.0.0.1:26379"; NULL: none              */
        const struct err *err;
        int64_t waited_ms, retry_ms;
        size_t in_flight, held;
        size_t addresses, left_out;
        unsigned generation;
        unsigned attempt;
        bool is_renewal;       /* CONNECTED, DRAINED: the connection replaces another, or was replaced, because of
                                * max_age_ms */
        unsigned password_now; /* CONNECTED: 1 or 2, the password that worked after the other was refused; else 0  */
};

#endif
