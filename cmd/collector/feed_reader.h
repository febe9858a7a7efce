/* feed_reader: reads documents in the order in which Redis took them, from a place in the feed on.
 *
 *     struct page { struct feed_reader reader; ... };
 *     page->reader = (struct feed_reader){ .store = store, .cursor = from, .on_document = on_document, .on_done = on_done };
 *     feed_reader_start(&page->reader);
 *
 * It goes in steps, each one round trip: entries of a stream (XRANGE); the documents (GETRANGE for each); for entries with
 * a mark, whether the same key was added before them (feed_search.h); and again, until on_document says that it is enough. At
 * a stream's end it asks which of the next days have one (EXISTS for each of at most 64). Entries whose document is
 * gone, deleted or expired, are left out, and taken out of the feed when they are old enough (feed_trim.h): an entry is added
 * after its document.
 *
 * The work is bounded: it ends, with `more`, when it has passed about a thousand entries without a document. Reads
 * beyond the first ones take turns (feed_turns.h).
 *
 * In memory are at most the first 64 KiB of 64 documents. A longer one is fetched whole (GET) when its turn comes, one
 * at a time.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_READER_H
#define COLLECTOR_FEED_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cursor.h"
#include "feed_search.h"
#include "store.h"

struct feed_reader {
        /* Set by the caller. */
        struct store *store;
        struct cursor cursor;        /* moves behind each document that was taken or left out   */
        uint64_t since_ms, until_ms; /* bounds of the ids; until is exclusive, UINT64_MAX: none */
        size_t wanted;               /* documents that will be taken: no more are fetched at once; 0: not known */
        /* A document, borrowed during the call. False: it is not taken, this is enough. */
        bool (*on_document)(struct feed_reader *reader, const char *key, const char *document, size_t length);
        /* Exactly once, and the last thing the reader does. `more`: on_document refused one, or the reader has passed as
         * many entries without a document as it may; the cursor is where to go on. STORE_MOVED: the binding has changed,
         * and entries and documents would be of two Redis; begin again. */
        void (*on_done)(struct feed_reader *reader, enum store_outcome outcome, bool more, const struct err *err);

        /* Private. */
        struct redis_command command;
        struct feed_reader_memory *memory; /* owned, while it runs */
        size_t entry_count, window;        /* in memory; asked for at once */
        size_t at, batch_end;              /* the next one to take; where those end whose documents are known */
        size_t batch_min; /* documents to be fetched at once; more than are wanted, where many are gone */
        size_t ask_count, waiting;
        size_t taken, passed;        /* entries with and without a document that was wanted */
        unsigned generation;         /* of the target that the entries are of */
        unsigned place;              /* that it has begun in (redis_place) */
        bool is_moved;               /* another one is in use */
        int64_t first_day, last_day; /* of those that were asked for; of all */
        size_t day_count;
        struct feed_search search;
        unsigned look_back_reads;
        struct feed_turn turn;
        bool has_turn;
        bool has_read;   /* entries, at least once                        */
        bool is_walking; /* nothing was left of the last batch        */
        bool in_next;    /* reading the stream of cursor.day + 1          */
        bool step_full;  /* the stream may have more behind the entries   */
        enum store_outcome outcome;
        struct err err;
};

/* The first day that can have a stream. */
int64_t feed_reader_first_day(void);

void feed_reader_start(struct feed_reader *reader);

#endif
