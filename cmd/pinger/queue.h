/* queue: log records that wait for Collector, in order and bounded.
 *
 *     struct queue q;
 *     queue_init(&q, &(struct queue_limits){ .records_max = 10000, ... });
 *     rc = queue_put(&q, text, length, now_ms);        // ERR_LIMIT: full, the record is lost
 *     if (queue_due_ms(&q) <= now_ms) {
 *             queue_take(&q, &batch);                  // out of the line, still counted
 *             ...                                      // delivered, or given up
 *             queue_release(&q, &batch);               // now there is room again
 *     }
 *
 * When it is full, new records are refused: those that wait are the ones nearer to the cause of the
 * trouble, and a batch that is under way can't be taken back.
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
        size_t records_max;     /* waiting and under way together                  */
        size_t bytes_max;       /* of their texts                                  */
        size_t batch_records;   /* a batch is full with so many                    */
        size_t batch_bytes_max; /* or with so many bytes, but has at least one     */
        int64_t batch_ms;       /* an older record does not wait for a full batch  */
};

struct queue {
        struct queue_limits limits;
        struct queue_record *first, **end;
        size_t in_line;        /* records that no batch has taken       */
        size_t records, bytes; /* with those in batches, until released */
};

struct queue_batch {
        struct queue_record *first;
        size_t records, bytes;
        int64_t oldest_ms; /* when its first record was put in */
};

void queue_init(struct queue *q, const struct queue_limits *limits);
void queue_fini(struct queue *q); /* frees the records in line */

/* Copies the text. 0, ERR_LIMIT or ERR_NOMEM. */
int queue_put(struct queue *q, const char *text, size_t length, int64_t now_ms) NODISCARD;

/* From when on a batch is to be taken: INT64_MIN at once (a full one waits), INT64_MAX: nothing waits. */
int64_t queue_due_ms(const struct queue *q);

/* Takes the next batch, full or not; empty where nothing waits. */
void queue_take(struct queue *q, struct queue_batch *batch);
/* Appends {"logs":[...]}. 0, ERR_LIMIT or ERR_NOMEM. */
int queue_batch_print(const struct queue_batch *batch, struct buf *out) NODISCARD;
/* Frees the batch and counts its records no longer. */
void queue_release(struct queue *q, struct queue_batch *batch);

#endif
