/* former: a Redis that was in use before the last changes to the binding. At that time followers may not have read its
 * last documents, so they read them from here before they move on. It stays open for two minutes more, since other
 * replicas may learn of the change as late as that, and store documents there until then (late_documents.h).
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
        struct store store;          /* these while it is open */
        struct redis_target *target; /* a reference */
        unsigned generation;         /* of it; 0: not open */
        int64_t from_ms;             /* by its clock: since when Collectors used it */

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
/* After this time this process stores no more documents there: a read that begins later and reaches the end has all of
 * them. */
int64_t former_settled_ms(const struct former *former);
bool former_is_over(const struct former *former, int64_t now_ms); /* it has been open for long enough */
void former_turn(struct former *former);                          /* call this in each turn of the loop */
/* Reads in progress fail at once. */
void former_close(struct former *former);

#endif
