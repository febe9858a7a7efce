/* engine: one loop's libmicrohttpd daemon. The daemon has no thread and no listener: the loop polls its epoll
 * descriptor. engine_turn runs the daemon when that descriptor was readable, when a connection was resumed or added, or
 * when the daemon says that it has more to do. A run serves each connection once, and the responses that it sends may
 * make pipelined requests ready at once, so engine_turn runs the daemon in several rounds while there is work. The
 * number of rounds is limited so that the loop's other handles are not kept waiting. The rest waits for the next turn,
 * and an idle handle keeps the loop from sleeping until then.
 *
 * While a held request is not yet suspended, libmicrohttpd constantly reports that it has more to do. If that is its
 * only work, the loop sleeps anyway: the response wakes it, and so does a timer each millisecond until the request is
 * suspended. Work that the engine cannot see, such as the rest of a long head, also waits a millisecond at most. The
 * loop also sleeps when the daemon has asked for several turns and no request has advanced: libmicrohttpd 0.9.75 does
 * that when a line without an end has filled a connection's memory.
 *
 * libmicrohttpd 0.9.75 does not count resumed connections in MHD_get_timeout; engine_wake makes up for that. */
#include "http/engine.h"

#include "base/attr.h"

enum {
        ROUNDS_MAX = 4,
        LOOK_MS = 1,
        STILL_TURNS_MAX = 2,
};

void engine_init(struct engine *engine, uv_loop_t *loop, struct handles *handles)
{
        (void)uv_idle_init(loop, &engine->again); /* neither ever fails */
        (void)uv_timer_init(loop, &engine->wait);
        handles_add(handles, (uv_handle_t *)&engine->again);
        handles_add(handles, (uv_handle_t *)&engine->wait);
}

static void on_again(uv_idle_t *idle UNUSED)
{
}

void engine_wake(struct engine *engine)
{
        engine->runnable = true;
        if (!engine->in_turn && !engine->closing)
                (void)uv_idle_start(&engine->again, on_again); /* never fails */
}

static void on_wait_over(uv_timer_t *timer)
{
        struct engine *engine = CONTAINER_OF(timer, struct engine, wait);
        engine->runnable = true;
}

static void on_daemon_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
        struct engine *engine = CONTAINER_OF(poll, struct engine, poll);
        engine->runnable = true;
}

/* Starts the timer for libmicrohttpd's next timeout, unless it is already set to fire early enough: a needless run
 * costs less than restarting the timer each turn. */
static void start_wait(struct engine *engine, uint64_t ms)
{
        if (!uv_is_active((uv_handle_t *)&engine->wait) || uv_timer_get_due_in(&engine->wait) > ms)
                (void)uv_timer_start(&engine->wait, on_wait_over, ms, 0); /* fails only while the timer closes */
}

/* libmicrohttpd's next timeout in milliseconds; -1: none. */
static int64_t next_timeout(struct engine *engine)
{
        MHD_UNSIGNED_LONG_LONG ms;
        if (MHD_get_timeout(engine->daemon, &ms) == MHD_NO)
                return -1;
        bool only_held = engine->looked_at > 0 && (engine->held == engine->busy || !engine->moved);
        return ms == 0 && only_held ? LOOK_MS : ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

void engine_turn(struct engine *engine)
{
        if (engine->closing)
                return;
        engine->in_turn = true;
        int64_t timeout_ms = next_timeout(engine);
        bool moved = false;
        for (int round = 0; round < ROUNDS_MAX && (engine->runnable || timeout_ms == 0); round++) {
                engine->runnable = engine->moved = false;
                (void)MHD_run(engine->daemon); /* fails only after a stop */
                timeout_ms = next_timeout(engine);
                moved |= engine->moved;
        }
        engine->in_turn = false;
        engine->still_turns = moved || timeout_ms != 0 ? 0 : engine->still_turns + 1;
        if (engine->still_turns > STILL_TURNS_MAX)
                timeout_ms = LOOK_MS;
        if (engine->runnable || timeout_ms == 0) {
                (void)uv_idle_start(&engine->again, on_again); /* neither ever fails */
        } else {
                (void)uv_idle_stop(&engine->again);
                if (timeout_ms > 0)
                        start_wait(engine, (uint64_t)timeout_ms);
        }
}

static int watch_error(struct err *err, int rc)
{
        return err_set(err, ERR_NOMEM, "poll libmicrohttpd: %s", uv_strerror(rc));
}

int engine_watch(struct engine *engine, uv_loop_t *loop, struct handles *handles, struct err *err)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(engine->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return err_set(err, ERR_BUG, "libmicrohttpd has no epoll descriptor");
        int rc = uv_poll_init(loop, &engine->poll, info->epoll_fd);
        if (rc < 0)
                return watch_error(err, rc);
        handles_add(handles, (uv_handle_t *)&engine->poll);
        engine->is_watched = true;
        rc = uv_poll_start(&engine->poll, UV_READABLE, on_daemon_readable);
        return rc < 0 ? watch_error(err, rc) : 0;
}

bool engine_finish(struct engine *engine)
{
        if (!engine->runnable && engine->busy == 0)
                return false;
        engine->runnable = false;
        (void)MHD_run(engine->daemon); /* fails only after a stop */
        return true;
}

void engine_stop(struct engine *engine)
{
        if (engine->is_watched)
                handles_close((uv_handle_t *)&engine->poll); /* while its descriptor is still open */
        MHD_stop_daemon(engine->daemon);
}

void engine_close(struct engine *engine)
{
        handles_close((uv_handle_t *)&engine->again);
        handles_close((uv_handle_t *)&engine->wait);
}
