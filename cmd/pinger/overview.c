/* overview: the main thread samples the delivery once a second; readers get the latest sample. */
#include "overview.h"

#include <string.h>

#include "base/clock.h"
#include "delivery.h"

void overview_init(struct overview *overview)
{
        *overview = (struct overview){ .started_ms = clock_realtime_ms() };
        standing_init(&overview->collector);
        history_init(&overview->delivered);
        history_init(&overview->dropped);
}

void overview_fini(struct overview *overview)
{
        standing_fini(&overview->collector);
        history_fini(&overview->delivered);
        history_fini(&overview->dropped);
}

static void on_second(uv_timer_t *timer)
{
        struct overview *overview = timer->data;
        struct delivery_status status;
        delivery_get_status(overview->delivery, &status);
        history_add(&overview->delivered, (double)status.delivered, clock_monotonic_ms());
        history_add(&overview->dropped, (double)status.dropped, clock_monotonic_ms());
}

void overview_start(struct overview *overview, uv_loop_t *loop, struct delivery *delivery)
{
        overview->delivery = delivery;
        (void)uv_timer_init(loop, &overview->second); /* never fails */
        overview->second.data = overview;
        (void)uv_timer_start(&overview->second, on_second, 0, 1000); /* fails only without a callback */
        uv_unref((uv_handle_t *)&overview->second);
}

void overview_stop(struct overview *overview)
{
        (void)uv_timer_stop(&overview->second); /* never fails */
}

void overview_use(struct overview *overview, const struct backing_collector *now)
{
        const char *url = backing_collector_url(now);
        bool is_tls = url && strncmp(url, "https:", strlen("https:")) == 0;
        standing_use(&overview->collector, backing_collector_report(now), url, is_tls, ++overview->generation);
}
