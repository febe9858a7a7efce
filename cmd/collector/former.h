/* former: the Redis that was in use before the last change of the binding. Its last documents may not have been read when the
 * change came, so followers read them from here before they move on. It stays open for as long as that takes, but not
 * for long.
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

/* Opens that Redis, in place of an earlier one. `store` is of the worker, and still knows the name of its feed. Without
 * memory it is not open. */
void former_open(struct former *former, uv_loop_t *loop, const struct store *store, struct redis_budget *budget,
                 struct redis_target *target, unsigned generation);
bool former_is_open(const struct former *former);
/* Documents are no longer stored there since that time: a read that begins later and reaches the end has them all. */
int64_t former_settled_ms(const struct former *former);
/* It has been open for long enough, or nobody needs it any more. */
bool former_is_over(const struct former *former, bool is_needed, int64_t now_ms);
void former_turn(struct former *former); /* in each turn of the loop */
/* Reads that are under way fail now. */
void former_close(struct former *former);

#endif
