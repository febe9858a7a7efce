/* sentinel_check: checks whether each Sentinel of a target answers queries and accepts subscriptions.
 *
 * Threads: loop only. */
#ifndef REDIS_SENTINEL_CHECK_H
#define REDIS_SENTINEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"

struct redis_target;

/* The minimum permissions that a user of the Sentinels needs, as arguments of ACL SETUSER (Redis 6.2 and later). */
extern const char redis_sentinel_rights[];

struct redis_sentinel_found {
        const char *address; /* "10.0.0.1:26379"; borrowed from the target                  */
        bool is_refusal;     /* it was reached, but refused its user or one of the commands */
        struct err err;      /* the problem, starting with the command; code 0: none        */
};

/* Sends a client's commands and subscriptions to all Sentinels of the target at once. Calls `done` exactly once, with
 * one `found` per Sentinel, borrowed. ERR_NOMEM; ERR_INVALID for a target without Sentinels. */
int redis_sentinels_check(uv_loop_t *loop, struct redis_target *target, int64_t timeout_ms,
                          void (*done)(const struct redis_sentinel_found *found, size_t count, void *data), void *data,
                          struct err *err) NODISCARD;

#endif
