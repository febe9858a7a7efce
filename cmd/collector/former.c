/* former: has its own client, which waits only briefly for a Redis that does not answer, because its silence may be why
 * it was replaced. */
#include "former.h"

#include <string.h>

#include "base/clock.h"

enum {
        PATIENCE_MS = 1000,
        SETTLED_MS = 1000, /* by then all workers have moved, and their earlier commands have been answered */
        OPEN_MS = 120 * 1000,
};

void former_open(struct former *former, uv_loop_t *loop, const struct store *store, struct redis_budget *budget,
                 struct redis_target *target, unsigned generation)
{
        struct err err;
        const struct redis_options options = {
                .hold_ms = PATIENCE_MS, .connect_timeout_ms = PATIENCE_MS, .stall_ms = PATIENCE_MS, .budget = budget
        };
        former_close(former);
        if (redis_open(loop, &options, target, generation, &former->redis, &err) < 0) {
                former->redis = NULL;
                return;
        }
        former->swap = (struct swap){ 0 };
        store_init(&former->store, former->redis, NULL, &former->swap, store->retention_ms, store->hold_ms, false);
        if (feed_name_is_known(&store->name, generation))
                former->store.name = store->name;
        former->target = redis_target_ref(target);
        former->generation = generation;
        former->opened_ms = clock_monotonic_ms();
}

bool former_is_open(const struct former *former)
{
        return former->redis != NULL;
}

bool former_has_feed(const struct former *former, const char *feed)
{
        return former->redis && feed[0] && strcmp(former->store.name.text, feed) == 0;
}

int64_t former_settled_ms(const struct former *former)
{
        return former->opened_ms + SETTLED_MS;
}

bool former_is_over(const struct former *former, int64_t now_ms)
{
        return now_ms >= former->opened_ms + OPEN_MS;
}

void former_turn(struct former *former)
{
        if (former->redis)
                redis_flush(former->redis);
}

void former_close(struct former *former)
{
        struct redis *redis = former->redis;
        if (!redis)
                return;
        former->redis = NULL;
        former->generation = 0;
        redis_close(redis, NULL, NULL);
        store_fini(&former->store);
        redis_target_unref(former->target);
        former->target = NULL;
}
