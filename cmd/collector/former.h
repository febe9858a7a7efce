/* former: a Redis that was in use before the last changes to the binding. At the time of a change, followers may not
 * have read the last documents of that Redis, so they read these documents before they move on. A former Redis stays
 * open for two more minutes, since other replicas may take that long to learn of the change and store documents there
 * until then (late_documents.h).
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
        struct store store;          /* valid while the former Redis is open, like the next two */
        struct redis_target *target; /* a reference */
        unsigned generation;         /* of the target; 0: not open */
        int64_t from_ms;             /* since when Collectors used that Redis, by its own clock */

        /* Private. */
        struct redis *redis;
        struct swap swap;
        int64_t opened_ms; /* monotonic */
};

/* Opens that Redis. `store` is the worker's, and still knows the name of its feed. If memory runs out, the former Redis
 * is not open. */
void former_open(struct former *former, uv_loop_t *loop, const struct store *store, struct redis_budget *budget,
                 struct redis_target *target, unsigned generation);
bool former_is_open(const struct former *former);
bool former_has_feed(const struct former *former, const char *feed);
/* The time after which this process stores no more documents there. A read that begins later and reaches the end has
 * all of them. */
int64_t former_settled_ms(const struct former *former);
bool former_is_over(const struct former *former, int64_t now_ms); /* it has been open for long enough */
void former_turn(struct former *former);                          /* call this in each turn of the loop */
/* Reads in progress fail at once. */
void former_close(struct former *former);

#endif
