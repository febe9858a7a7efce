/* delivery: delivers log records to Collector, outside the request path.
 *
 *     delivery_open(&(struct delivery_options){ .metrics = all, .log = log }, &delivery, &err);
 *     delivery_set_collector(delivery, collector);         // at startup and whenever the binding changes
 *     delivery_put(delivery, text, length);                // never waits, never fails for the caller
 *     ...
 *     delivery_close(delivery, clock_monotonic_ms() + 10000);
 *
 * A dedicated thread takes records in batches, up to 10 records or the records of one second, and sends each batch as
 * one `POST /` of {"logs":[...]}, one after the other, so Collector gets them in order. It retries a batch with backoff
 * until Collector accepts it, under the same Idempotency-Key, so that a Collector that stored the batch the first time
 * does not store it twice. Each attempt is sent to the newest collector at that time. The thread abandons a batch only
 * if the response says that the batch itself is wrong (400, 413, 422, ...).
 *
 * The queue is bounded, and a full queue drops new records. Everything is counted:
 *   pinger_log_records_delivered_total, pinger_log_records_dropped_total{reason="queue_full|refused|shutdown|
 *   too_large|no_memory"}, pinger_log_records_waiting, pinger_log_batches_total{result="delivered|refused|
 *   abandoned"}, pinger_log_attempts_failed_total, pinger_log_delivery_seconds (from a batch's first record to
 *   Collector's response)
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
        size_t batch_records;    /* 0 = 10                                                   */
        int64_t batch_ms;        /* 0 = 1000                                                 */
        size_t records_max;      /* waiting and in flight; 0 = 10000                         */
        size_t bytes_max;        /* total size of their texts in bytes; 0 = 16 MiB           */
        int64_t max_age_ms;      /* age limit of a connection, give or take a tenth; 0: none */
        int64_t timeout_ms;      /* for one attempt; 0 = 10000                               */
        int64_t retry_min_ms;    /* first pause, doubled with each failure; 0 = 100          */
        int64_t retry_max_ms;    /* 0 = 5000                                                 */
        struct metrics *metrics; /* not NULL; must outlive the delivery                      */
        struct log *log;         /* NULL: silent                                             */
};

enum delivery_state {
        DELIVERY_NOWHERE,  /* Collector's address is unknown; records wait */
        DELIVERY_WORKING,  /* nothing is wrong                                  */
        DELIVERY_RETRYING, /* the current batch has failed at least once */
};

struct delivery_status {
        enum delivery_state state;
        size_t waiting; /* records */
        uint64_t delivered, dropped;
        char collector[256]; /* its URL, "" if there is none; contains no secret */
        char error[256];     /* why the last attempt failed; "" if WORKING */
};

/* Starts the thread; it sends nothing until there is a collector. */
int delivery_open(const struct delivery_options *options, struct delivery **out, struct err *err) NODISCARD;

/* Sends waiting records until the deadline (clock_monotonic_ms), then counts the rest as dropped and frees everything.
 * If no collector is known, all are dropped at once. NULL is fine. */
void delivery_close(struct delivery *delivery, int64_t deadline_ms);

/* Takes its own reference. A batch that waits for its next attempt is sent at once. */
void delivery_set_collector(struct delivery *delivery, struct backing_collector *collector);

/* Copies one record, which is a JSON value. */
void delivery_put(struct delivery *delivery, const char *text, size_t length);

void delivery_get_status(struct delivery *delivery, struct delivery_status *out);

#endif
