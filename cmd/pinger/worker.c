/* worker: the turn of the loop is a uv_prepare callback, which libuv runs after timers and before it waits.
 *
 * Stopping goes in steps: accept nothing more and let requests finish; at the deadline answer those that still wait
 * for their time; a moment later, for the answers to be written, close HTTP and end the loop. */
#include "worker.h"

#include "answer.h"
#include "base/clock.h"
#include "delay.h"

enum { STACK_BYTES = 512 * 1024, RECORD_MAX_BYTES = 512 * 1024, LAST_WORDS_MS = 250 };

static void close_handle(uv_handle_t *handle, void *data UNUSED)
{
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

static void end(struct worker *worker)
{
        worker->closing = true;
        http_worker_close(worker->http);
        uv_close((uv_handle_t *)&worker->turn, NULL);
        uv_close((uv_handle_t *)&worker->deadline, NULL);
        uv_close((uv_handle_t *)&worker->delay_look, NULL);
        uv_close((uv_handle_t *)&worker->message, NULL);
}

static void on_last_words(uv_timer_t *timer)
{
        struct worker *worker = timer->data;
        if (!worker->closing)
                end(worker);
}

static void on_deadline(uv_timer_t *timer)
{
        struct worker *worker = timer->data;
        delay_cancel_all(worker);
        (void)uv_timer_start(timer, on_last_words, LAST_WORDS_MS, 0); /* not closing: cannot fail */
}

static void on_turn(uv_prepare_t *handle)
{
        struct worker *worker = handle->data;
        http_worker_turn(worker->http);
        if (worker->stopping && !worker->closing && http_worker_busy(worker->http) == 0)
                end(worker);
}

static void on_message(uv_async_t *handle)
{
        struct worker *worker = handle->data;
        int64_t deadline_ms = atomic_load(&worker->stop_asked_ms), left_ms = deadline_ms - clock_monotonic_ms();
        if (deadline_ms == 0 || worker->stopping)
                return;
        worker->stopping = true;
        http_worker_stop_accepting(worker->http);
        (void)uv_timer_start(&worker->deadline, on_deadline, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
}

static void *run(void *argument)
{
        struct worker *worker = argument;
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT); /* returns when every handle is closed */
        return NULL;
}

static int start_thread(struct worker *worker, struct err *err)
{
        pthread_attr_t attributes;
        (void)pthread_attr_init(&attributes); /* cannot fail on Linux */
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        int failed = pthread_create(&worker->thread, &attributes, run, worker);
        (void)pthread_attr_destroy(&attributes);
        if (failed)
                return err_errnum(err, failed, "worker thread");
        worker->has_thread = true;
        return 0;
}

int worker_start(struct worker *worker, struct pinger *pinger, struct err *err)
{
        *worker = (struct worker){ .pinger = pinger };
        uuid_source_init(&worker->uuids);
        buf_init(&worker->scratch, RECORD_MAX_BYTES);
        int failed = uv_loop_init(&worker->loop);
        if (failed == 0)
                failed = uv_async_init(&worker->loop, &worker->message, on_message);
        if (failed)
                return err_set(err, ERR_LIMIT, "worker loop: %s", uv_strerror(failed));
        /* On a loop that stands, these cannot fail (libuv, uv_prepare_init, uv_timer_init). */
        (void)uv_prepare_init(&worker->loop, &worker->turn);
        (void)uv_timer_init(&worker->loop, &worker->deadline);
        delay_init(worker);
        worker->turn.data = worker->deadline.data = worker->message.data = worker;
        (void)uv_prepare_start(&worker->turn, on_turn);
        int rc = http_worker_open(pinger->server, &worker->loop, worker, &worker->http, err);
        return rc < 0 ? rc : start_thread(worker, err);
}

void worker_stop(struct worker *worker, int64_t deadline_ms)
{
        atomic_store(&worker->stop_asked_ms, deadline_ms);
        (void)uv_async_send(&worker->message); /* the loop is open until worker_join */
}

void worker_join(struct worker *worker)
{
        if (worker->has_thread)
                (void)pthread_join(worker->thread, NULL); /* started, and joined once */
        uv_walk(&worker->loop, close_handle, NULL);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop); /* nothing is left on it */
        buf_fini(&worker->scratch);
}
