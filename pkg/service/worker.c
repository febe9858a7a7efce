/* worker: the work of each turn is a uv_prepare callback, which libuv runs after timers and before it waits.
 *
 * Stopping takes three steps: stop accepting and let requests finish; at the deadline let the program answer those that
 * still wait; and a moment later, when the responses are written, close HTTP and end the loop. */
#include "service/worker.h"

#include "base/clock.h"

enum { STACK_BYTES = 512 * 1024, LAST_WORDS_MS = 250 };

static void close_handle(uv_handle_t *handle, void *data UNUSED)
{
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

static void end(struct service_worker *worker)
{
        worker->is_closing = true;
        http_worker_close(worker->http);
        if (worker->ops && worker->ops->close)
                worker->ops->close(worker);
        uv_close((uv_handle_t *)&worker->turn, NULL);
        uv_close((uv_handle_t *)&worker->deadline, NULL);
        uv_close((uv_handle_t *)&worker->message, NULL);
}

static void on_last_words(uv_timer_t *timer)
{
        struct service_worker *worker = CONTAINER_OF(timer, struct service_worker, deadline);
        if (!worker->is_closing)
                end(worker);
}

static void on_deadline(uv_timer_t *timer)
{
        struct service_worker *worker = CONTAINER_OF(timer, struct service_worker, deadline);
        if (worker->ops && worker->ops->on_deadline)
                worker->ops->on_deadline(worker);
        (void)uv_timer_start(timer, on_last_words, LAST_WORDS_MS, 0); /* never fails for an open handle */
}

static void on_turn(uv_prepare_t *handle)
{
        struct service_worker *worker = CONTAINER_OF(handle, struct service_worker, turn);
        http_worker_turn(worker->http);
        if (worker->is_stopping && !worker->is_closing && http_worker_busy(worker->http) == 0)
                end(worker);
}

static void on_message(uv_async_t *handle)
{
        struct service_worker *worker = CONTAINER_OF(handle, struct service_worker, message);
        int64_t deadline_ms = atomic_load(&worker->stop_asked_ms), left_ms = deadline_ms - clock_monotonic_ms();
        if (deadline_ms == 0 || worker->is_stopping)
                return;
        worker->is_stopping = true;
        http_worker_stop_accepting(worker->http);
        (void)uv_timer_start(&worker->deadline, on_deadline, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
}

static void *run(void *argument)
{
        struct service_worker *worker = argument;
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT); /* returns when every handle is closed */
        return NULL;
}

static int start_thread(struct service_worker *worker, struct err *err)
{
        pthread_attr_t attributes;
        (void)pthread_attr_init(&attributes); /* cannot fail on Linux */
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        int failed = pthread_create(&worker->thread, &attributes, run, worker);
        (void)pthread_attr_destroy(&attributes);
        return failed ? err_errnum(err, failed, "worker thread") : 0;
}

static void close_loop(struct service_worker *worker)
{
        uv_walk(&worker->loop, close_handle, NULL);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop); /* every handle is closed */
}

static int open_loop(struct service_worker *worker, struct err *err)
{
        int failed = uv_loop_init(&worker->loop);
        if (failed)
                return err_set(err, ERR_LIMIT, "worker loop: %s", uv_strerror(failed));
        failed = uv_async_init(&worker->loop, &worker->message, on_message);
        if (failed) {
                close_loop(worker);
                return err_set(err, ERR_LIMIT, "worker loop: %s", uv_strerror(failed));
        }
        /* These never fail on an initialised loop (libuv, uv_prepare_init, uv_timer_init). */
        (void)uv_prepare_init(&worker->loop, &worker->turn);
        (void)uv_timer_init(&worker->loop, &worker->deadline);
        (void)uv_prepare_start(&worker->turn, on_turn);
        return 0;
}

int service_worker_start(struct service_worker *worker, const struct service_worker_ops *ops, struct service *service,
                         unsigned index, struct err *err)
{
        *worker = (struct service_worker){ .service = service, .index = index, .ops = ops };
        int rc = open_loop(worker, err);
        if (rc < 0)
                return rc;
        if (ops && ops->open)
                rc = ops->open(worker, err);
        if (rc == 0)
                rc = http_worker_open(service->server, &worker->loop, worker, &worker->http, err);
        if (rc == 0) {
                rc = start_thread(worker, err);
                if (rc < 0)
                        http_worker_close(worker->http);
        }
        if (rc < 0)
                close_loop(worker);
        return rc;
}

void service_worker_stop(struct service_worker *worker, int64_t deadline_ms)
{
        atomic_store(&worker->stop_asked_ms, deadline_ms);
        (void)uv_async_send(&worker->message); /* the loop is open until service_worker_join */
}

void service_worker_join(struct service_worker *worker)
{
        (void)pthread_join(worker->thread, NULL); /* started, and joined once */
        close_loop(worker);
}

/* --- Plain workers --------------------------------------------------------------------- */

static int start_plain(void *worker, struct service *service, unsigned index, struct err *err)
{
        return service_worker_start(worker, NULL, service, index, err);
}

static void stop_plain(void *worker, int64_t deadline_ms)
{
        service_worker_stop(worker, deadline_ms);
}

static void join_plain(void *worker)
{
        service_worker_join(worker);
}

const struct service_crew service_plain_crew = {
        .worker_size = sizeof(struct service_worker), .start = start_plain, .stop = stop_plain, .join = join_plain
};
