/* delivery: a mutex and a condition around the queue (queue.c), and one thread that sends (collector_client.c). The
 * thread waits until a batch is due, takes it, and retries it until it is delivered or refused, or the stop deadline
 * has passed. Only then does the thread take the next batch, which keeps the order. The request path holds the lock for
 * a copy of a few hundred bytes and wakes the thread only when the thread has something to do.
 *
 * An episode of failures is logged twice: when it begins, with what happens next, and when it ends. */
#include "delivery.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoff.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "collector_client.h"
#include "queue.h"

enum { BATCH_MAX_BYTES = 512 * 1024, STACK_BYTES = 512 * 1024 };

static const double latency_bounds[] = { 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300 };

struct delivery_metrics {
        struct metric *waiting_gauge, *full_counter, *too_large_counter, *memory_counter; /* written under the lock */
        struct metric *delivered_counter, *refused_counter, *shutdown_counter, *attempts_failed;
        struct metric *batches_delivered, *batches_refused, *batches_abandoned, *latency;
};

struct delivery {
        struct delivery_options options; /* with the defaults filled in */
        struct collector_client *client;
        struct uuid_source uuids; /* for the thread only */
        pthread_t thread;
        bool has_thread;

        pthread_mutex_t lock; /* guards the members below */
        pthread_cond_t changed;
        struct queue queue;
        struct backing_collector *collector; /* NULL: none yet */
        _Atomic unsigned collector_count;    /* incremented with each new collector; also read without the lock */
        bool stopping;
        int64_t deadline_ms; /* valid when stopping */
        bool is_full;        /* an episode of dropping new records */
        enum delivery_state state;
        char error[256];
        uint64_t delivered, dropped, abandoned;
        struct delivery_metrics metrics;
};

static int64_t or_default(int64_t value, int64_t fallback)
{
        return value ? value : fallback;
}

static void fill_defaults(struct delivery_options *o)
{
        o->batch_records = o->batch_records ? o->batch_records : 10;
        o->records_max = o->records_max ? o->records_max : 10000;
        o->bytes_max = o->bytes_max ? o->bytes_max : 16 << 20;
        o->batch_ms = or_default(o->batch_ms, 1000);
        o->timeout_ms = or_default(o->timeout_ms, 10000);
        o->retry_min_ms = or_default(o->retry_min_ms, 100);
        o->retry_max_ms = or_default(o->retry_max_ms, 5000);
}

static int make_metrics(struct delivery *d, struct err *err)
{
        static const char dropped[] = "pinger_log_records_dropped_total", dropped_help[] = "Log records lost.";
        static const char batches[] = "pinger_log_batches_total", batches_help[] = "Finished batches.";
        const struct {
                const char *name, *help, *labels;
                struct metric **cell;
        } counters[] = {
                { "pinger_log_records_delivered_total", "Log records that Collector has acknowledged.", NULL,
                  &d->metrics.delivered_counter },
                { dropped, dropped_help, "reason=\"queue_full\"", &d->metrics.full_counter },
                { dropped, dropped_help, "reason=\"too_large\"", &d->metrics.too_large_counter },
                { dropped, dropped_help, "reason=\"no_memory\"", &d->metrics.memory_counter },
                { dropped, dropped_help, "reason=\"refused\"", &d->metrics.refused_counter },
                { dropped, dropped_help, "reason=\"shutdown\"", &d->metrics.shutdown_counter },
                { batches, batches_help, "result=\"delivered\"", &d->metrics.batches_delivered },
                { batches, batches_help, "result=\"refused\"", &d->metrics.batches_refused },
                { batches, batches_help, "result=\"abandoned\"", &d->metrics.batches_abandoned },
                { "pinger_log_attempts_failed_total", "Failed attempts to deliver a batch, which are repeated.", NULL,
                  &d->metrics.attempts_failed },
        };
        struct metrics *all = d->options.metrics;
        int rc = 0;
        for (size_t i = 0; i < COUNT_OF(counters) && rc == 0; i++)
                rc = metrics_counter(all, counters[i].name, counters[i].help, counters[i].labels, counters[i].cell,
                                     err);
        if (rc == 0)
                rc = metrics_gauge(all, "pinger_log_records_waiting", "Log records not yet acknowledged or dropped.",
                                   NULL, &d->metrics.waiting_gauge, err);
        return rc < 0 ? rc
                      : metrics_histogram(all, "pinger_log_delivery_seconds",
                                          "From a batch's first record to Collector's acknowledgement.", NULL,
                                          latency_bounds, COUNT_OF(latency_bounds), &d->metrics.latency, err);
}

/* --- The request path --------------------------------------------------------------------------- */

/* Counts a dropped record, and logs the first record of an episode. Called with the lock held. */
static void drop_new(struct delivery *d, int rc, size_t length)
{
        bool is_too_large = length > d->options.bytes_max || length > BATCH_MAX_BYTES;
        d->dropped++;
        metric_add(rc == ERR_NOMEM ? d->metrics.memory_counter
                   : is_too_large  ? d->metrics.too_large_counter
                                   : d->metrics.full_counter,
                   1);
        if (d->is_full || rc != ERR_LIMIT || is_too_large)
                return;
        d->is_full = true;
        log_warn(d->options.log, "queue.filled", "The queue of log records is full: dropping and counting new ones",
                 log_int("count", (int64_t)d->queue.records), log_int("bytes", (int64_t)d->queue.bytes));
}

void delivery_put(struct delivery *d, const char *text, size_t length)
{
        int64_t now_ms = clock_monotonic_ms();
        (void)pthread_mutex_lock(&d->lock); /* cannot fail: not recursive, not checked */
        int rc = length > BATCH_MAX_BYTES ? ERR_LIMIT : queue_put(&d->queue, text, length, now_ms);
        if (rc < 0)
                drop_new(d, rc, length);
        metric_set(d->metrics.waiting_gauge, (double)d->queue.records);
        /* The first record starts the thread's timeout and the tenth completes a batch; the others need no wake-up. */
        bool wake = rc == 0 && (d->queue.in_line == 1 || d->queue.in_line == d->options.batch_records);
        (void)pthread_mutex_unlock(&d->lock);
        if (wake)
                (void)pthread_cond_signal(&d->changed);
}

/* --- The thread --------------------------------------------------------------------------------- */

/* Waits for a change until `until_ms` at the latest. Called with the lock held. */
static void wait_until(struct delivery *d, int64_t until_ms)
{
        if (until_ms == INT64_MAX) {
                (void)pthread_cond_wait(&d->changed, &d->lock); /* callers check the state again */
                return;
        }
        struct timespec at = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
        (void)pthread_cond_timedwait(&d->changed, &d->lock, &at);
}

static bool is_over(const struct delivery *d)
{
        return d->stopping && clock_monotonic_ms() >= d->deadline_ms;
}

/* Waits until a batch is due and takes it. False if the thread should end. */
static bool take_batch(struct delivery *d, struct queue_batch *batch)
{
        (void)pthread_mutex_lock(&d->lock);
        for (;;) {
                int64_t due_ms = queue_due_ms(&d->queue);
                if (due_ms <= clock_monotonic_ms() || (d->stopping && d->queue.in_line > 0))
                        break;
                if (d->stopping)
                        break; /* the queue is empty */
                wait_until(d, due_ms);
        }
        bool goes_on = d->queue.in_line > 0 && !is_over(d);
        if (goes_on)
                queue_take(&d->queue, batch);
        (void)pthread_mutex_unlock(&d->lock);
        return goes_on;
}

/* Returns the collector to send to, referenced, and its count. Waits until there is a collector; NULL if the program
 * stops. */
static struct backing_collector *current_collector(struct delivery *d, unsigned *count)
{
        struct backing_collector *found = NULL;
        (void)pthread_mutex_lock(&d->lock);
        for (;;) {
                if (d->collector && backing_collector_url(d->collector))
                        found = d->collector;
                if (found || d->stopping)
                        break;
                wait_until(d, INT64_MAX);
        }
        if (is_over(d))
                found = NULL;
        if (found)
                (void)backing_collector_ref(found);
        *count = d->collector_count;
        (void)pthread_mutex_unlock(&d->lock);
        return found;
}

/* Waits for the next attempt: until the pause ends, the collector changes, or the program stops. A stop triggers an
 * immediate attempt, but only once, which `pressed` records. False if the time is up. */
static bool pause_before_retry(struct delivery *d, int64_t pause_ms, unsigned count, bool *pressed)
{
        int64_t until_ms = clock_monotonic_ms() + pause_ms;
        (void)pthread_mutex_lock(&d->lock);
        while (!is_over(d) && d->collector_count == count && clock_monotonic_ms() < until_ms) {
                if (d->stopping && !*pressed) {
                        *pressed = true;
                        break;
                }
                wait_until(d, d->stopping && d->deadline_ms < until_ms ? d->deadline_ms : until_ms);
        }
        bool goes_on = !is_over(d);
        (void)pthread_mutex_unlock(&d->lock);
        return goes_on;
}

static void note_failure(struct delivery *d, const struct queue_batch *batch, const struct err *why, int64_t pause_ms)
{
        (void)pthread_mutex_lock(&d->lock);
        bool is_first = d->state != DELIVERY_RETRYING;
        d->state = DELIVERY_RETRYING;
        (void)snprintf(d->error, sizeof(d->error), "%s", why->text); /* both have the same size */
        size_t waiting = d->queue.records;
        (void)pthread_mutex_unlock(&d->lock);
        metric_add(d->metrics.attempts_failed, 1);
        if (is_first)
                log_warn(d->options.log, "delivery.failed",
                         "Collector did not accept a batch of log records: retrying until it does", log_err(why),
                         log_code(why), log_int("count", (int64_t)batch->records), log_int("held", (int64_t)waiting),
                         log_int("retry_ms", pause_ms));
        else
                log_debug(d->options.log, "delivery.failed", "Still not", log_err(why), log_code(why),
                          log_int("retry_ms", pause_ms));
}

enum outcome { DELIVERED, REFUSED, ABANDONED };

/* Counts the batch and frees it, which makes room in the queue. */
static void finish(struct delivery *d, struct queue_batch *batch, enum outcome outcome, const char *url)
{
        int64_t records = (int64_t)batch->records, waited_ms = clock_monotonic_ms() - batch->oldest_ms;
        struct metric *counters[][2] = { [DELIVERED] = { d->metrics.delivered_counter, d->metrics.batches_delivered },
                                         [REFUSED] = { d->metrics.refused_counter, d->metrics.batches_refused },
                                         [ABANDONED] = { d->metrics.shutdown_counter, d->metrics.batches_abandoned } };
        (void)pthread_mutex_lock(&d->lock);
        bool was_retrying = d->state == DELIVERY_RETRYING, was_full = d->is_full;
        queue_release(&d->queue, batch);
        metric_set(d->metrics.waiting_gauge, (double)d->queue.records);
        *(outcome == DELIVERED ? &d->delivered : &d->dropped) += (uint64_t)records;
        if (outcome == ABANDONED) {
                d->abandoned += (uint64_t)records;
        } else {
                d->state = DELIVERY_WORKING;
                d->error[0] = '\0';
        }
        /* An episode of dropping ends when half of the queue is free, not after each batch. */
        d->is_full = was_full && d->queue.records > d->options.records_max / 2;
        bool has_room_again = was_full && !d->is_full;
        uint64_t dropped = d->dropped;
        (void)pthread_mutex_unlock(&d->lock);
        metric_add(counters[outcome][0], records);
        metric_add(counters[outcome][1], 1);
        if (outcome == DELIVERED)
                metric_observe(d->metrics.latency, (double)waited_ms / 1000);
        if (outcome == DELIVERED && was_retrying)
                log_info(d->options.log, "delivery.recovered", "Collector accepts log records again",
                         log_str("address", url), log_int("waited_ms", waited_ms));
        if (has_room_again)
                log_info(d->options.log, "queue.emptied",
                         "The queue has room for log records again; count is the number dropped so far",
                         log_int("count", (int64_t)dropped));
}

static void log_refusal(struct delivery *d, const struct queue_batch *batch, const char *url,
                        const struct collector_reply *reply, bool *told)
{
        if (*told)
                return;
        *told = true;
        log_error(d->options.log, "batch.refused",
                  "Collector permanently rejects a batch of log records: dropping it; further ones are only counted "
                  "until it accepts one",
                  log_str("address", url), log_int("status", reply->status), log_str("reason", reply->text),
                  log_int("count", (int64_t)batch->records));
}

/* Makes one attempt; `err` says what went wrong unless the verdict is COLLECTOR_DONE. */
static enum collector_verdict attempt(struct delivery *d, struct backing_collector *collector, unsigned count,
                                      const struct buf *body, const char *id, struct collector_reply *reply,
                                      struct err *err)
{
        struct collector_request request = { .body = body->data,
                                             .length = body->len,
                                             .id = id,
                                             .timeout_ms = d->options.timeout_ms,
                                             .change = &d->collector_count,
                                             .unchanged = count };
        int rc = collector_client_send(d->client, collector, &request, reply, err);
        if (rc < 0)
                return COLLECTOR_AGAIN;
        (void)err_set(err, ERR_UNAVAILABLE, "%s: status %d", backing_collector_url(collector), reply->status);
        return collector_judge(reply->status);
}

/* Retries the batch until it is delivered or abandoned. */
static void deliver(struct delivery *d, struct queue_batch *batch, const struct buf *body, bool *refusal_told)
{
        char id[UUID_TEXT_SIZE];
        struct uuid uuid;
        struct collector_reply reply;
        struct err err;
        bool pressed = false;
        uuid_v4(&d->uuids, &uuid);
        (void)uuid_format(&uuid, id);
        for (unsigned failures = 1;; failures++) {
                unsigned count;
                struct backing_collector *collector = current_collector(d, &count);
                if (!collector)
                        break;
                enum collector_verdict verdict = attempt(d, collector, count, body, id, &reply, &err);
                if (verdict == COLLECTOR_REFUSED)
                        log_refusal(d, batch, backing_collector_url(collector), &reply, refusal_told);
                if (verdict != COLLECTOR_AGAIN) {
                        *refusal_told = verdict == COLLECTOR_REFUSED;
                        finish(d, batch, verdict == COLLECTOR_DONE ? DELIVERED : REFUSED,
                               backing_collector_url(collector));
                        backing_collector_unref(collector);
                        return;
                }
                backing_collector_unref(collector);
                uuid_v4(&d->uuids, &uuid);
                uint32_t random;
                memcpy(&random, uuid.bytes, sizeof(random));
                int64_t pause_ms = backoff_ms(d->options.retry_min_ms, d->options.retry_max_ms, failures, random);
                if (reply.retry_after_ms > pause_ms)
                        pause_ms = reply.retry_after_ms;
                note_failure(d, batch, &err, pause_ms);
                if (!pause_before_retry(d, pause_ms, count, &pressed))
                        break;
        }
        finish(d, batch, ABANDONED, NULL);
}

static void *work(void *data)
{
        struct delivery *d = data;
        struct queue_batch batch;
        struct buf body;
        bool refusal_told = false;
        buf_init(&body, 0);
        while (take_batch(d, &batch)) {
                if (queue_batch_print(&batch, &body) == 0)
                        deliver(d, &batch, &body, &refusal_told);
                else
                        finish(d, &batch, ABANDONED, NULL); /* out of memory: other records may fit later */
                buf_clear(&body, 64 * 1024);
        }
        buf_fini(&body);
        return NULL;
}

/* --- Life cycle --------------------------------------------------------------------------------- */

static void free_all(struct delivery *d)
{
        queue_fini(&d->queue);
        backing_collector_unref(d->collector);
        collector_client_close(d->client);
        (void)pthread_cond_destroy(&d->changed); /* no thread waits */
        (void)pthread_mutex_destroy(&d->lock);   /* no thread holds it */
        free(d);
}

static int start_thread(struct delivery *d, struct err *err)
{
        pthread_attr_t attributes;
        (void)pthread_attr_init(&attributes); /* cannot fail on Linux */
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        int errnum = pthread_create(&d->thread, &attributes, work, d);
        (void)pthread_attr_destroy(&attributes);
        if (errnum)
                return err_errnum(err, errnum, "thread for log delivery");
        d->has_thread = true;
        return 0;
}

int delivery_open(const struct delivery_options *options, struct delivery **out, struct err *err)
{
        struct delivery *d = calloc(1, sizeof(*d));
        pthread_condattr_t monotonic;
        if (!d)
                return err_set(err, ERR_NOMEM, "log delivery");
        d->options = *options;
        fill_defaults(&d->options);
        queue_init(&d->queue, &(struct queue_limits){ .records_max = d->options.records_max,
                                                      .bytes_max = d->options.bytes_max,
                                                      .batch_records = d->options.batch_records,
                                                      .batch_bytes_max = BATCH_MAX_BYTES,
                                                      .batch_ms = d->options.batch_ms });
        uuid_source_init(&d->uuids);
        (void)pthread_mutex_init(&d->lock, NULL); /* default attributes: cannot fail on Linux */
        (void)pthread_condattr_init(&monotonic);
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&d->changed, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
        int rc = make_metrics(d, err);
        if (rc == 0)
                rc = collector_client_open(d->options.max_age_ms, &d->client, err);
        if (rc == 0)
                rc = start_thread(d, err);
        if (rc < 0) {
                free_all(d);
                return rc;
        }
        *out = d;
        return 0;
}

void delivery_close(struct delivery *d, int64_t deadline_ms)
{
        if (!d)
                return;
        (void)pthread_mutex_lock(&d->lock);
        d->stopping = true;
        d->deadline_ms = deadline_ms;
        size_t waiting = d->queue.records;
        (void)pthread_mutex_unlock(&d->lock);
        (void)pthread_cond_signal(&d->changed);
        collector_client_cut_at(d->client, deadline_ms);
        (void)pthread_join(d->thread, NULL); /* it runs, and nothing else joins it */
        metric_add(d->metrics.shutdown_counter, (int64_t)d->queue.in_line);
        metric_set(d->metrics.waiting_gauge, 0);
        d->abandoned += d->queue.in_line;
        if (d->abandoned > 0)
                log_warn(d->options.log, "delivery.abandoned",
                         "The flush time is over: dropping the remaining log records",
                         log_int("count", (int64_t)d->abandoned));
        else if (waiting > 0)
                log_info(d->options.log, "delivery.flushed", "The queue of log records is empty",
                         log_int("count", (int64_t)waiting));
        free_all(d);
}

void delivery_set_collector(struct delivery *d, struct backing_collector *collector)
{
        (void)pthread_mutex_lock(&d->lock);
        struct backing_collector *old = d->collector;
        d->collector = backing_collector_ref(collector);
        d->collector_count++;
        (void)pthread_mutex_unlock(&d->lock);
        (void)pthread_cond_signal(&d->changed);
        collector_client_wake(d->client);
        backing_collector_unref(old);
}

void delivery_get_status(struct delivery *d, struct delivery_status *out)
{
        (void)pthread_mutex_lock(&d->lock);
        const char *url = d->collector ? backing_collector_url(d->collector) : NULL;
        out->state = url ? d->state : DELIVERY_NOWHERE;
        if (url && d->state == DELIVERY_NOWHERE)
                out->state = DELIVERY_WORKING; /* nothing was sent yet */
        out->waiting = d->queue.records;
        out->delivered = d->delivered;
        out->dropped = d->dropped;
        (void)snprintf(out->collector, sizeof(out->collector), "%s", url ? url : ""); /* a truncated URL is still
                                                                                       * useful */
        (void)snprintf(out->error, sizeof(out->error), "%s", d->error);
        (void)pthread_mutex_unlock(&d->lock);
}
