/* sweep: one timer for the deadlines of all connections of a worker, so that requests need no timers. */
#include "http/sweep.h"

#include "base/attr.h"

enum {
        SWEEP_MIN_MS = 10,
        SWEEP_MAX_MS = 500,
        SWEEPS_IN_A_DEADLINE = 20,
};

static uint64_t interval(const struct http_options *options)
{
        int64_t ms = options->header_timeout_ms < options->body_timeout_ms ? options->header_timeout_ms
                                                                           : options->body_timeout_ms;
        ms /= SWEEPS_IN_A_DEADLINE;
        return (uint64_t)(ms < SWEEP_MIN_MS ? SWEEP_MIN_MS : ms > SWEEP_MAX_MS ? SWEEP_MAX_MS : ms);
}

void sweep_init(struct sweep *sweep, uv_loop_t *loop, struct handles *handles, const struct http_options *options,
                bool (*run)(struct sweep *sweep))
{
        sweep->interval_ms = interval(options);
        sweep->run = run;
        (void)uv_timer_init(loop, &sweep->timer); /* never fails */
        handles_add(handles, (uv_handle_t *)&sweep->timer);
}

static void on_timer(uv_timer_t *timer)
{
        struct sweep *sweep = CONTAINER_OF(timer, struct sweep, timer);
        if (!sweep->run(sweep))
                (void)uv_timer_stop(timer); /* never fails */
}

void sweep_start(struct sweep *sweep)
{
        if (!uv_is_active((uv_handle_t *)&sweep->timer)) /* fails only while the timer closes */
                (void)uv_timer_start(&sweep->timer, on_timer, sweep->interval_ms, sweep->interval_ms);
}

void sweep_close(struct sweep *sweep)
{
        handles_close((uv_handle_t *)&sweep->timer);
}
