/* delivery: carries log records to Collector, off the request path.
 *
 *     delivery_open(&(struct delivery_options){ .metrics = all, .log = log }, &delivery, &err);
 *     delivery_set_collector(delivery, collector);         // now, and whenever the binding changes
 *     delivery_put(delivery, text, length);                // never waits, never fails for the caller
 *     ...
 *     delivery_close(delivery, clock_monotonic_ms() + 10000);
 *
 * A thread of its own takes records in batches of up to 10, or whatever has come within a second, and sends each
 * batch as one `POST /` of {"logs":[...]}, one after the other, so Collector gets them in order. A batch that is not
 * taken is sent again, with backoff and under the same Idempotency-Key, until it is: a Collector that did store it the
 * first time stores nothing twice. Each attempt goes to the collector that is the newest then. Only a refusal that
 * says the batch itself is wrong (400, 413, 422, ...) makes it give a batch up.
 *
 * What waits is bounded; when it is full new records are dropped. Everything is counted:
 *   pinger_log_records_delivered_total, pinger_log_records_dropped_total{reason="queue_full|refused|shutdown|
 *   too_large|no_memory"}, pinger_log_records_waiting, pinger_log_batches_total{result="delivered|refused|
 *   abandoned"}, pinger_log_attempts_failed_total, pinger_log_delivery_seconds (from a batch's first record to
 *   Collector's answer)
 *
 * Threads: any, for _put, _status and _set_collector; the others belong to the main thread. */
#ifndef PINGER_DELIVERY_H
#define PINGER_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#include "backing/collector.h"
#include "base/attr.h"
#include "base/err.h"
#include "log/log.h"
#include "metrics/metrics.h"

struct delivery; /* opaque */

struct delivery_options {
        size_t batch_records;    /* 0 = 10                                                     */
        int64_t batch_ms;        /* 0 = 1000                                                   */
        size_t records_max;      /* waiting and under way; 0 = 10000                           */
        size_t bytes_max;        /* of their texts; 0 = 16 MiB                                 */
        int64_t max_age_ms;      /* of the connection, give or take a tenth; 0: for ever        */
        int64_t timeout_ms;      /* for one attempt; 0 = 10000                                 */
        int64_t retry_min_ms;    /* first pause, doubled with each failure; 0 = 100            */
        int64_t retry_max_ms;    /* 0 = 5000                                                   */
        struct metrics *metrics; /* not NULL; lives longer                                     */
        struct log *log;         /* NULL: silent                                               */
};

enum delivery_state {
        DELIVERY_NOWHERE,  /* it is not known where Collector is; records wait  */
        DELIVERY_WORKING,  /* nothing is wrong                                  */
        DELIVERY_RETRYING, /* the batch under way has failed at least once      */
};

struct delivery_status {
        enum delivery_state state;
        size_t waiting; /* records */
        uint64_t delivered, dropped;
        char collector[256]; /* its URL, "" where there is none; holds no secret */
        char error[256];     /* why the last attempt has failed; "" when WORKING */
};

/* Starts the thread; nothing is sent before there is a collector. */
int delivery_open(const struct delivery_options *options, struct delivery **out, struct err *err) NODISCARD;

/* Sends what waits until the deadline (clock_monotonic_ms), then counts the rest as dropped and frees it all.
 * Where no collector is known, nobody can take them: the rest is dropped at once. NULL is fine. */
void delivery_close(struct delivery *delivery, int64_t deadline_ms);

/* References it. A batch that waits for its next attempt is sent at once. */
void delivery_set_collector(struct delivery *delivery, struct backing_collector *collector);

/* Copies one record, which is a JSON value. */
void delivery_put(struct delivery *delivery, const char *text, size_t length);

void delivery_get_status(struct delivery *delivery, struct delivery_status *out);

/* The pause before attempt number `failures` + 1: retry_min_ms doubled each time, at most retry_max_ms, of which
 * `random` (any number) takes off up to a half, so that many Pingers don't come back together. */
int64_t delivery_pause_ms(const struct delivery_options *options, unsigned failures, uint32_t random);

#endif
