/* sweep: the timer that checks a worker's connections. It runs only while there is something to check.
 *
 * Threads: loop only. */
#ifndef HTTP_SWEEP_H
#define HTTP_SWEEP_H

#include <stdbool.h>

#include "http/handles.h"
#include "http/http.h"

struct sweep {
        uv_timer_t timer;
        uint64_t interval_ms;
        bool (*run)(struct sweep *sweep); /* false: nothing left to check, so stop */
};

/* `options` must have the defaults filled in; its deadlines determine how often a sweep runs. */
void sweep_init(struct sweep *sweep, uv_loop_t *loop, struct handles *handles, const struct http_options *options,
                bool (*run)(struct sweep *sweep));
void sweep_start(struct sweep *sweep); /* unless it is running */
void sweep_close(struct sweep *sweep);

#endif
