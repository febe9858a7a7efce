/* reader: reads documents in the order in which Redis took them, from a place in the feed on.
 *
 *     struct page { struct reader reader; ... };
 *     page->reader = (struct reader){ .store = store, .cursor = from, .on_document = on_document, .on_done = on_done };
 *     reader_start(&page->reader);
 *
 * It goes in steps, each one round trip: entries of a stream (XRANGE); for entries with a mark, whether the same key
 * stands before them; the documents (GETRANGE for each); and again, until on_document says that it is enough. At a
 * stream's end it asks which of the next days have one (EXISTS for each of at most 64). Entries whose document is
 * gone, deleted or expired, are left out: an entry is added after its document.
 *
 * In memory are at most the first 64 KiB of 64 documents. A longer one is fetched whole (GET) when its turn comes, one
 * at a time.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_READER_H
#define COLLECTOR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cursor.h"
#include "store.h"

struct reader {
        /* Set by the caller. */
        struct store *store;
        struct cursor cursor;        /* moves behind each document that was taken or left out   */
        uint64_t since_ms, until_ms; /* bounds of the ids; until is exclusive, UINT64_MAX: none */
        size_t wanted;               /* documents that will be taken: no more are fetched at once; 0: not known */
        /* A document, borrowed during the call. False: it is not taken, this is enough. */
        bool (*on_document)(struct reader *reader, const char *key, const char *document, size_t length);
        /* Exactly once, and the last thing the reader does. `more`: on_document refused one. */
        void (*on_done)(struct reader *reader, enum store_outcome outcome, bool more, const struct err *err);

        /* Private. */
        struct redis_command command;
        struct reader_day *days; /* owned array: which days have a stream, as far as they were asked; else NULL */
        size_t day_count;
        int64_t first_day, last_day;  /* of `days`; of all     */
        struct reader_entry *entries; /* owned array, one step's */
        size_t entry_count, step_max, look_at, take_at;
        struct feed_id look_after;
        unsigned look_pages;
        size_t waiting;
        bool in_next;   /* reading the stream of cursor.day + 1          */
        bool step_full; /* the stream may have more behind this step     */
        enum store_outcome outcome;
        struct err err;
};

/* The first day that can have a stream. */
int64_t reader_first_day(void);

void reader_start(struct reader *reader);

#endif
