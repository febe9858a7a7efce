/* queue: log records that wait for Collector, in order and limited in number and size.
 *
 *     struct queue q;
 *     queue_init(&q, &(struct queue_limits){ .records_max = 10000, ... });
 *     rc = queue_put(&q, text, length, now_ms);        // ERR_LIMIT: full, the record is dropped
 *     if (queue_due_ms(&q) <= now_ms) {
 *             queue_take(&q, &batch);                  // out of the queue, still counted
 *             ... // delivered, or abandoned
 *             queue_release(&q, &batch);               // makes room
 *     }
 *
 * A full queue refuses new records: the waiting ones are closer to the cause of a problem, and a batch in flight can't
 * be recalled.
 *
 * Threads: one at a time; delivery.c holds its lock around these. */
#ifndef PINGER_QUEUE_H
#define PINGER_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct queue_record; /* opaque */

struct queue_limits {
        size_t records_max;     /* waiting and in flight together */
        size_t bytes_max;       /* total size of their texts in bytes */
        size_t batch_records;   /* this many records fill a batch */
        size_t batch_bytes_max; /* so do this many bytes; a batch has at least one record */
        int64_t batch_ms;       /* a record this old does not wait for a full batch */
};

struct queue {
        struct queue_limits limits;
        struct queue_record *first, **end;
        size_t in_line;        /* records that are in no batch */
        size_t records, bytes; /* including those in batches, until released */
};

struct queue_batch {
        struct queue_record *first;
        size_t records, bytes;
        int64_t oldest_ms; /* when its first record was added */
};

void queue_init(struct queue *q, const struct queue_limits *limits);
void queue_fini(struct queue *q); /* frees the waiting records */

/* Copies the text. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int queue_put(struct queue *q, const char *text, size_t length, int64_t now_ms) NODISCARD;

/* When the next batch is due. INT64_MIN: now, because it is full; INT64_MAX: nothing waits. */
int64_t queue_due_ms(const struct queue *q);

/* Takes the next batch, full or not; empty if nothing waits. */
void queue_take(struct queue *q, struct queue_batch *batch);
/* Appends {"logs":[...]}. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int queue_batch_print(const struct queue_batch *batch, struct buf *out) NODISCARD;
/* Frees the batch, whose records no longer count. */
void queue_release(struct queue *q, struct queue_batch *batch);

#endif
