/* engine: runs one libmicrohttpd daemon on a libuv loop.
 *
 *     engine_init(&engine, loop, &handles);
 *     engine.daemon = MHD_start_daemon(MHD_USE_EPOLL | ...);   // by the caller, with its callbacks
 *     engine_watch(&engine, loop, &handles, &err);
 *     engine_turn(&engine);                                    // in each turn of the loop
 *
 * Threads: loop only. */
#ifndef HTTP_ENGINE_H
#define HTTP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

#include "base/err.h"
#include "http/handles.h"

struct engine {
        struct MHD_Daemon *daemon;
        uv_poll_t poll;  /* the daemon's epoll descriptor          */
        uv_idle_t again; /* active while the loop must not sleep   */
        uv_timer_t wait; /* the daemon's next timeout              */
        bool is_watched;
        bool runnable; /* the daemon has something to do */
        bool in_turn;
        bool closing;
        unsigned still_turns; /* consecutive turns that had work and made no progress */

        /* Set by the callbacks: */
        bool moved;       /* a request advanced in the last run */
        size_t busy;      /* requests from the end of their head to the last byte of their response */
        size_t held;      /* of those, the ones whose handler returned without answering */
        size_t looked_at; /* of those, the ones that are neither suspended nor orphans */
};

void engine_init(struct engine *engine, uv_loop_t *loop, struct handles *handles); /* `engine` must be all zero */
int engine_watch(struct engine *engine, uv_loop_t *loop, struct handles *handles, struct err *err) NODISCARD;
/* Notes that the daemon has something to do. It runs in this turn, or the loop is woken for the next turn. */
void engine_wake(struct engine *engine);
/* Runs the daemon if it has something to do. */
void engine_turn(struct engine *engine);
/* Runs the daemon once while the engine closes. Returns false if nothing is left to do. */
bool engine_finish(struct engine *engine);
/* Stops the daemon, which closes all connections. */
void engine_stop(struct engine *engine);
void engine_close(struct engine *engine); /* closes the handles that engine_init opened */

#endif
