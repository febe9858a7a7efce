/* overview: what GET /v1/status shows: the Collector in use and the state of its binding, the delivery of log records,
 * the rate of delivery, and the latest events.
 *
 * Threads: overview_start, overview_use, overview_on_state: the main thread. Everything else: any. */
#ifndef PINGER_OVERVIEW_H
#define PINGER_OVERVIEW_H

#include <stdint.h>

#include <uv.h>

#include "backing/collector.h"
#include "page/history.h"
#include "page/standing.h"

struct delivery;

struct overview {
        struct standing collector;
        struct history delivered, dropped;
        int64_t started_ms;  /* Unix */
        unsigned generation; /* of the Collector in use, from 1 */
        struct delivery *delivery;
        uv_timer_t second;
};

void overview_init(struct overview *overview);
/* The loop closes the timer when it ends. The delivery must live until overview_stop. */
void overview_start(struct overview *overview, uv_loop_t *loop, struct delivery *delivery);
void overview_stop(struct overview *overview);
void overview_fini(struct overview *overview);

void overview_use(struct overview *overview, const struct backing_collector *now);

#endif
