/* worker: one loop's libmicrohttpd daemon. The daemon has no thread and no listener; its epoll
 * descriptor is polled by the loop, and http_worker_turn runs it when that was readable, when something
 * was resumed or added, or when it says itself that it has more to do. A run serves each connection
 * once, so a few rounds are made while there is work; what is left goes to the next turn, and an idle
 * handle keeps the loop from sleeping until then. Answers that a run sends may make further requests
 * ready at once (pipelining), hence the rounds; their number is bounded so that the loop's other handles
 * are not kept waiting.
 *
 * While a held request is not suspended yet, libmicrohttpd says at all times that it has more to do. Where
 * that is all it has, the loop sleeps nevertheless: its answer wakes it, and a look each millisecond, the
 * last of which suspends it. What else there may be then, unseen by us, such as the rest of a long head,
 * waits no longer either. The same goes where it has said so for some turns and no request came a step further: 0.9.75
 * does when its memory for a connection is full of a line that has no end.
 *
 * libmicrohttpd 0.9.75 does not count resumed connections in MHD_get_timeout, and it aborts when it is
 * stopped with suspended ones: both are seen to here. */
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

enum {
        ROUNDS_MAX = 4,
        CLOSE_ROUNDS_MAX = 64,
        LOOK_MS = 1,
        STILL_TURNS_MAX = 2,
        SWEEP_MIN_MS = 10,
        SWEEP_MAX_MS = 500,
        SWEEPS_IN_A_DEADLINE = 20,
};

/* --- Running libmicrohttpd ------------------------------------------------------------------------- */

static void on_again(uv_idle_t *idle UNUSED)
{
}

void worker_wake(struct http_worker *worker)
{
        worker->runnable = true;
        if (!worker->in_turn && !worker->closing)
                (void)uv_idle_start(&worker->again, on_again); /* never fails */
}

static void on_wait_over(uv_timer_t *timer)
{
        struct http_worker *worker = timer->data;
        worker->runnable = true;
}

static void on_daemon_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
        struct http_worker *worker = poll->data;
        worker->runnable = true;
}

/* Starts the timer for libmicrohttpd's next timeout, unless it will fire early enough anyway: a run too
 * many costs less than setting the timer anew each turn. */
static void start_wait(struct http_worker *worker, uint64_t ms)
{
        if (!uv_is_active((uv_handle_t *)&worker->wait) || uv_timer_get_due_in(&worker->wait) > ms)
                (void)uv_timer_start(&worker->wait, on_wait_over, ms, 0); /* fails only while it closes */
}

/* libmicrohttpd's next timeout in milliseconds; -1: none. */
static int64_t next_timeout(struct http_worker *worker)
{
        MHD_UNSIGNED_LONG_LONG ms;
        if (MHD_get_timeout(worker->daemon, &ms) == MHD_NO)
                return -1;
        bool only_held = worker->looked_at > 0 && (worker->held == worker->busy || !worker->moved);
        return ms == 0 && only_held ? LOOK_MS : ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

void http_worker_turn(struct http_worker *worker)
{
        if (worker->closing)
                return;
        worker->in_turn = true;
        int64_t timeout_ms = next_timeout(worker);
        bool moved = false;
        for (int round = 0; round < ROUNDS_MAX && (worker->runnable || timeout_ms == 0); round++) {
                worker->runnable = worker->moved = false;
                (void)MHD_run(worker->daemon); /* fails only after a stop */
                timeout_ms = next_timeout(worker);
                moved |= worker->moved;
        }
        worker->in_turn = false;
        worker->still_turns = moved || timeout_ms != 0 ? 0 : worker->still_turns + 1;
        if (worker->still_turns > STILL_TURNS_MAX)
                timeout_ms = LOOK_MS;
        if (worker->runnable || timeout_ms == 0) {
                (void)uv_idle_start(&worker->again, on_again); /* neither ever fails */
        } else {
                (void)uv_idle_stop(&worker->again);
                if (timeout_ms > 0)
                        start_wait(worker, (uint64_t)timeout_ms);
        }
}

/* --- Opening --------------------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct http_worker *worker)
{
        const struct http_server *server = worker->server;
        const struct http_options *options = &server->options;
        unsigned timeout_s = (unsigned)((options->idle_timeout_ms + 999) / 1000) + IDLE_MARGIN_S;
        return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                                on_request, worker,                                           //
                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->pool_bytes,       //
                                MHD_OPTION_CONNECTION_LIMIT, options->connections_max + 1,    //
                                MHD_OPTION_CONNECTION_TIMEOUT, timeout_s,                     //
                                MHD_OPTION_STRICT_FOR_CLIENT, server->strict_library ? 1 : 0, //
                                MHD_OPTION_URI_LOG_CALLBACK, on_request_line, worker,         //
                                MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,              //
                                MHD_OPTION_NOTIFY_CONNECTION, on_connection, worker,          //
                                MHD_OPTION_NOTIFY_COMPLETED, on_request_done, worker,         //
                                MHD_OPTION_END);
}

static int64_t sweep_interval(const struct http_options *options)
{
        int64_t ms = options->header_timeout_ms < options->body_timeout_ms ? options->header_timeout_ms
                                                                           : options->body_timeout_ms;
        ms /= SWEEPS_IN_A_DEADLINE;
        return ms < SWEEP_MIN_MS ? SWEEP_MIN_MS : ms > SWEEP_MAX_MS ? SWEEP_MAX_MS : ms;
}

static void on_closed(uv_handle_t *handle)
{
        struct http_worker *worker = handle->data;
        if (--worker->handles > 0)
                return;
        account_close(worker);
        token_set_unref(worker->tokens);
        while (worker->spare) {
                struct http_request *request = worker->spare;
                worker->spare = request->next_spare;
                request_discard(request);
        }
        free(worker);
}

void worker_close_handle(uv_handle_t *handle)
{
        uv_close(handle, on_closed);
}

/* Initialises what cannot fail first, so that a failure later finds whole handles to close. */
static int open_handles(struct http_worker *worker, struct err *err)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        if (!info)
                return err_set(err, ERR_BUG, "libmicrohttpd has no epoll descriptor");
        int rc = uv_poll_init(worker->loop, &worker->daemon_poll, info->epoll_fd);
        if (rc < 0)
                return err_set(err, ERR_NOMEM, "poll libmicrohttpd: %s", uv_strerror(rc));
        worker->daemon_poll.data = worker;
        worker->handles++;
        rc = uv_poll_init(worker->loop, &worker->listen_poll, worker->server->listen_fd);
        if (rc < 0)
                return err_set(err, ERR_NOMEM, "poll the listener: %s", uv_strerror(rc));
        worker->listen_poll.data = worker;
        worker->handles++;
        worker->accepting = true;
        atomic_fetch_add(&worker->server->accepting, 1);
        rc = uv_poll_start(&worker->daemon_poll, UV_READABLE, on_daemon_readable);
        return rc < 0 ? err_set(err, ERR_NOMEM, "poll libmicrohttpd: %s", uv_strerror(rc)) : 0;
}

static struct http_worker *worker_new(struct http_server *server, uv_loop_t *loop, void *context)
{
        struct http_worker *worker = calloc(1, sizeof(*worker));
        if (!worker)
                return NULL;
        worker->server = server;
        worker->loop = loop;
        worker->context = context;
        worker->sweep_ms = sweep_interval(&server->options);
        worker->conns.next = worker->conns.prev = worker->cursor = &worker->conns;
        worker->silents.next = worker->silents.prev = &worker->silents;
        worker->orphans.next = worker->orphans.prev = &worker->orphans;
        for (unsigned i = 0; i < REFUSED_MAX; i++)
                worker->refused[i].fd = -1;
        uuid_source_init(&worker->uuids);
        /* These four only note the loop: they never fail. */
        (void)uv_idle_init(loop, &worker->again);
        (void)uv_timer_init(loop, &worker->wait);
        (void)uv_timer_init(loop, &worker->sweep);
        (void)uv_timer_init(loop, &worker->accept_again);
        worker->again.data = worker->wait.data = worker->sweep.data = worker->accept_again.data = worker;
        worker->handles = 4;
        return worker;
}

int http_worker_open(struct http_server *server, uv_loop_t *loop, void *context, struct http_worker **out,
                     struct err *err)
{
        struct http_worker *worker = worker_new(server, loop, context);
        if (!worker)
                return err_set(err, ERR_NOMEM, "worker");
        int rc = account_open(worker, err);
        if (rc < 0)
                goto fail;
        worker->daemon = start_daemon(worker);
        if (!worker->daemon) {
                rc = err_set(err, ERR_UNAVAILABLE, "libmicrohttpd failed to start");
                goto fail;
        }
        rc = open_handles(worker, err);
        if (rc < 0)
                goto fail;
        accept_start(worker);
        *out = worker;
        return 0;
fail:
        http_worker_close(worker);
        return rc;
}

/* --- Closing --------------------------------------------------------------------------------------- */

void http_worker_stop_accepting(struct http_worker *worker)
{
        if (!worker->accepting)
                return;
        accept_all(worker);
        accept_stop(worker);
}

size_t http_worker_busy(const struct http_worker *worker)
{
        return worker->busy;
}

static void answer_stopping(struct http_request *request)
{
        http_problem(request, 503, &(struct http_header){ "Connection", "close" }, 1, "The server is stopping.");
}

static void answer_held(struct http_worker *worker)
{
        while (worker->orphans.next != &worker->orphans)
                answer_stopping(CONTAINER_OF(worker->orphans.next, struct http_request, orphan));
        for (struct link *at = worker->conns.next; at != &worker->conns; at = at->next) {
                struct http_request *request = CONTAINER_OF(at, struct conn, link)->request;
                if (request && request->stage == STAGE_HELD)
                        answer_stopping(request);
        }
}

/* Lets libmicrohttpd send what was answered, as far as the sockets take it at once. */
static void stop_daemon(struct http_worker *worker)
{
        answer_held(worker);
        for (int round = 0; round < CLOSE_ROUNDS_MAX && (worker->runnable || worker->busy > 0); round++) {
                worker->runnable = false;
                (void)MHD_run(worker->daemon); /* fails only after a stop */
                answer_held(worker);           /* a pipelined request may have come up */
        }
        if (worker->daemon_poll.data)
                worker_close_handle((uv_handle_t *)&worker->daemon_poll); /* while its descriptor is still open */
        MHD_stop_daemon(worker->daemon);
        answer_held(worker); /* one that came up in the last round is an orphan now */
}

void http_worker_close(struct http_worker *worker)
{
        if (!worker)
                return;
        worker->closing = true;
        accept_stop(worker);
        silent_sweep(worker, 0, true);
        if (worker->daemon)
                stop_daemon(worker);
        refused_sweep(worker, 0, true);
        worker_close_handle((uv_handle_t *)&worker->again);
        worker_close_handle((uv_handle_t *)&worker->wait);
        worker_close_handle((uv_handle_t *)&worker->sweep);
        worker_close_handle((uv_handle_t *)&worker->accept_again);
}
