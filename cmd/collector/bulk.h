/* bulk: stores a body with many documents while it arrives, in constant memory. It knows nothing of HTTP.
 *
 *     bulk_begin(&worker->bulks, &upload->bulk, &options);
 *     if (!bulk_take(bulk, bytes, length))              // full: wait for on_room
 *             http_request_pause(request);
 *     bulk_end(bulk);                                   // the body is complete
 *     on_over(bulk);                                    // everything has its outcome: answer from bulk->result
 *     bulk_fini(bulk);
 *
 * A body is cut into lines or elements (json/split.h), and each becomes a deposit. A window (BULK_DOCUMENTS and
 * BULK_BYTES) limits the deposits in progress. Bulks that have documents in progress share this window equally, and the
 * window is smaller while single documents are being stored. So single requests find the same short queue in Redis, no
 * matter how many bulks are in progress. All bulks together use at most half of what may wait for Redis (--held-max,
 * --held-bytes-max), so single requests are not refused because of them. While Redis is unreachable, the documents that
 * a bulk has in progress wait, as single requests do.
 *
 * An invalid document does not affect the others. A failure that would affect the next documents as well, such as a
 * Redis that is unreachable for too long, ends the bulk: documents in progress get their outcome, and no more are
 * taken.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_BULK_H
#define COLLECTOR_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "bulk_result.h"
#include "deposit.h"
#include "inflow.h"
#include "instruments.h"
#include "pool.h"
#include "redis/redis.h"
#include "json/split.h"

enum {
        BULK_DOCUMENTS = 256,
        BULK_BYTES = 512 << 10,
        BULK_BESIDE_SINGLES = 4, /* the window is this much smaller while single documents are being stored */
        BULK_DOCUMENTS_MIN = 8,  /* the smallest share; one document is allowed regardless of its bytes */
};

struct bulk;

/* BULK_SKIP, returned by read_document: the line is not a document and has no outcome. */
enum { BULK_SKIP = 1 };

struct bulk_options {
        enum json_split_kind kind;
        size_t line_max_bytes; /* a longer line or element fails with 413, without affecting the others */
        uint64_t bytes_max;    /* of the body; 0: no limit */
        bool has_keys;
        struct json_span correlation; /* as in deposit_options; borrowed */
        /* Finds the document in a line, which stays in memory until its deposit is done. Sets `body`. If the sender or
         * the line gives a key, also sets `key` (UUID_TEXT_SIZE bytes) and makes options->key point to it. Returns 0,
         * BULK_SKIP, or ERR_INVALID with the text of err. NULL: the line is the document, which gets a new key. */
        int (*read_document)(struct bulk *bulk, const struct json_item *line, struct deposit_options *options,
                             char *key, struct err *err);
        /* Counts memory that this bulk needs in addition to what it has requested before. False: there is no room. */
        bool (*reserve)(struct bulk *bulk, size_t bytes);
        bool (*is_abandoned)(struct bulk *bulk); /* as in deposit_options; NULL: never */
        void (*on_room)(struct bulk *bulk);      /* after bulk_take has returned "full" */
        void (*on_over)(struct bulk *bulk);      /* called once, as the last callback; may free the bulk */
};

/* The caller provides the memory. */
struct bulk {
        struct bulk_result result;
        uint64_t bytes; /* taken */

        /* Private. */
        struct bulks *bulks;
        struct bulk_options options;
        struct json_split split;
        struct list link;         /* in bulks->all */
        struct store_trail trail; /* finds documents of a repeated body */
        struct buf rest;          /* bytes of the piece that arrived when the bulk became full ... */
        size_t rest_at;           /* ... of which this many are done */
        size_t in_progress, in_progress_bytes;
        size_t reserved_bytes;
        int64_t stop_at_ms; /* monotonic; 0: never */
        bool is_repeat;     /* the last outcome was that of a repeat, so the next ones are probably repeats as well */
        bool is_full;       /* bulk_take has returned "full" */
        bool is_whole;      /* the body has ended ... */
        bool is_split;      /* ... and all its documents have been taken */
};

/* The bulks of one worker. */
struct bulks {
        struct deposits *deposits;                   /* borrowed, like the next ones */
        const struct redis_budget *waiting, *unsafe; /* limits for documents that wait for Redis, and for documents that
                                                      * wait to be safe (--ack) */
        struct list all;
        size_t active;          /* bulks that have documents in progress */
        size_t in_progress;     /* documents of all bulks */
        struct inflows inflows; /* for compressed bodies */
        struct pool pool;
};

void bulks_init(struct bulks *bulks, struct deposits *deposits, const struct redis_budget *waiting,
                const struct redis_budget *unsafe);
void bulks_fini(struct bulks *bulks);
/* Call this once a second. It stops each bulk whose time, set by bulk_stop_at, has come. */
void bulks_second(struct bulks *bulks, int64_t now_ms);

void bulk_begin(struct bulks *bulks, struct bulk *bulk, const struct bulk_options *options);
void bulk_fini(struct bulk *bulk); /* after on_over */

/* Takes a whole piece of the body. False: the bulk is full or has ended; on_room or on_over is called later, unless it
 * was already called during this call. After on_over the bulk must not be used. */
bool bulk_take(struct bulk *bulk, const char *bytes, size_t length);
void bulk_end(struct bulk *bulk); /* the body is complete */
/* Takes nothing more, because the client has disconnected or the body is invalid. The response gets this status and
 * detail, unless the bulk has already ended for another reason. */
void bulk_stop(struct bulk *bulk, int status, const char *format, ...) PRINTF_LIKE(3, 4);
/* Like bulk_stop, but takes effect at the given time. For a server that is stopping. */
void bulk_stop_at(struct bulk *bulk, int64_t stop_at_ms);

#endif
