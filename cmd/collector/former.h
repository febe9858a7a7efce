/* former: the Redis that was in use before the last change to the binding. At that time followers may not have read its
 * last documents, so they read them from here before they move on. The former Redis stays open until they have, for at
 * most a minute.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FORMER_H
#define COLLECTOR_FORMER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "redis/redis.h"
#include "store.h"
#include "swap.h"

struct former {
        struct store store; /* while it is open */

        /* Private. */
        struct redis *redis; /* NULL: not open */
        struct swap swap;
        int64_t opened_ms; /* monotonic */
};

/* Opens that Redis, and closes an earlier one. `store` is the worker's, and still knows the name of its feed. If memory
 * runs out, the former Redis is not open. */
void former_open(struct former *former, uv_loop_t *loop, const struct store *store, struct redis_budget *budget,
                 struct redis_target *target, unsigned generation);
bool former_is_open(const struct former *former);
/* After this time no more documents are stored there: a read that begins later and reaches the end has all of them. */
int64_t former_settled_ms(const struct former *former);
/* True if it has been open for long enough, or nobody needs it any more. */
bool former_is_over(const struct former *former, bool is_needed, int64_t now_ms);
void former_turn(struct former *former); /* call this in each turn of the loop */
/* Reads in progress fail at once. */
void former_close(struct former *former);

#endif
