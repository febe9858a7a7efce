/* queue: a linked list with a tail pointer; each record and its text share one allocation. Room becomes free when a
 * batch is released rather than when it is taken, so that the limits cover everything in memory. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

struct queue_record {
        struct queue_record *next;
        int64_t since_ms;
        size_t length;
        char text[];
};

void queue_init(struct queue *q, const struct queue_limits *limits)
{
        *q = (struct queue){ .limits = *limits };
        q->end = &q->first;
}

static void free_records(struct queue_record *r)
{
        while (r) {
                struct queue_record *next = r->next;
                free(r);
                r = next;
        }
}

void queue_fini(struct queue *q)
{
        free_records(q->first);
        queue_init(q, &q->limits);
}

int queue_put(struct queue *q, const char *text, size_t length, int64_t now_ms)
{
        if (q->records >= q->limits.records_max || length > q->limits.bytes_max - q->bytes)
                return ERR_LIMIT;
        struct queue_record *r = malloc(sizeof(*r) + length);
        if (!r)
                return ERR_NOMEM;
        r->next = NULL;
        r->since_ms = now_ms;
        r->length = length;
        memcpy(r->text, text, length);
        *q->end = r;
        q->end = &r->next;
        q->in_line++;
        q->records++;
        q->bytes += length;
        return 0;
}

int64_t queue_due_ms(const struct queue *q)
{
        if (q->in_line == 0)
                return INT64_MAX;
        return q->in_line >= q->limits.batch_records ? INT64_MIN : q->first->since_ms + q->limits.batch_ms;
}

void queue_take(struct queue *q, struct queue_batch *batch)
{
        struct queue_record **at = &q->first;
        *batch = (struct queue_batch){ .first = q->first, .oldest_ms = q->first ? q->first->since_ms : 0 };
        while (*at && batch->records < q->limits.batch_records &&
               (batch->records == 0 || batch->bytes + (*at)->length <= q->limits.batch_bytes_max)) {
                batch->records++;
                batch->bytes += (*at)->length;
                at = &(*at)->next;
        }
        if (batch->records == 0)
                return;
        q->first = *at;
        *at = NULL;
        if (!q->first)
                q->end = &q->first;
        q->in_line -= batch->records;
}

int queue_batch_print(const struct queue_batch *batch, struct buf *out)
{
        int rc = buf_puts(out, "{\"logs\":[");
        for (const struct queue_record *r = batch->first; r && rc == 0; r = r->next) {
                if (r != batch->first)
                        rc = buf_putc(out, ',');
                if (rc == 0)
                        rc = buf_append(out, r->text, r->length);
        }
        return rc == 0 ? buf_puts(out, "]}") : rc;
}

void queue_release(struct queue *q, struct queue_batch *batch)
{
        q->records -= batch->records;
        q->bytes -= batch->bytes;
        free_records(batch->first);
        *batch = (struct queue_batch){ 0 };
}
