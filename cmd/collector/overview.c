/* overview: collects what the threads know, for GET /v1/status. */
#include "overview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis/target.h"
#include "worker.h"

void overview_init(struct overview *overview)
{
        *overview = (struct overview){ .started_ms = clock_realtime_ms() };
        standing_init(&overview->redis);
        history_init(&overview->stored);
        redis_facts_init(&overview->facts);
}

void overview_fini(struct overview *overview)
{
        standing_fini(&overview->redis);
        history_fini(&overview->stored);
        redis_facts_fini(&overview->facts);
}

double overview_documents(const struct overview *overview, enum document_result result)
{
        double total = 0;
        unsigned count = atomic_load(&overview->worker_count);
        for (unsigned i = 0; i < count; i++)
                total += metric_get(overview->workers[i].instruments.documents[result]);
        return total;
}

static void on_second(uv_timer_t *timer)
{
        struct overview *overview = timer->data;
        history_add(&overview->stored, overview_documents(overview, DOCUMENT_STORED), clock_monotonic_ms());
}

void overview_start(struct overview *overview, uv_loop_t *loop, struct worker *workers, unsigned count)
{
        overview->workers = workers;
        atomic_store(&overview->worker_count, count);
        (void)uv_timer_init(loop, &overview->second); /* never fails */
        overview->second.data = overview;
        (void)uv_timer_start(&overview->second, on_second, 0, 1000); /* fails only without a callback */
        uv_unref((uv_handle_t *)&overview->second);
}

void overview_use(struct overview *overview, const struct backing_redis *now)
{
        const struct redis_target *target = backing_redis_target(now);
        standing_use(&overview->redis, backing_redis_report(now), redis_target_address(target),
                     backing_redis_settings(now)->tls, backing_redis_generation(now));
}
