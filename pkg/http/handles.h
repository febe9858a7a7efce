/* handles: counts the libuv handles of a worker and reports when the last one has closed.
 *
 *     struct handles handles = { 0, on_all_closed };
 *     (void)uv_timer_init(loop, &timer);
 *     handles_add(&handles, (uv_handle_t *)&timer);   // the handle's `data` belongs to us
 *     handles_close((uv_handle_t *)&timer);
 *
 * Threads: loop only. */
#ifndef HTTP_HANDLES_H
#define HTTP_HANDLES_H

#include <uv.h>

struct handles {
        unsigned open;
        void (*on_all_closed)(struct handles *handles); /* may free the struct */
};

void handles_add(struct handles *handles, uv_handle_t *handle);
void handles_close(uv_handle_t *handle); /* `handle` was added and has not been closed */

#endif
