/* feed_reader: reads documents in the order in which Redis took them, starting at a place in the feed.
 *
 *     struct page { struct feed_reader reader; ... };
 *     page->reader = (struct feed_reader){ .store = store, .cursor = from, .on_document = on_document,
 *                                          .on_done = on_done };
 *     feed_reader_start(&page->reader);
 *
 * It goes in steps, each one round trip: entries of a stream (XRANGE); their documents (feed_fetch.h); for entries with a
 * mark, whether the same key was added before them (feed_doubles.h); and again, until on_document says that it is
 * enough. At a stream's end it asks which of the next days have one (feed_days.h). Entries whose document is
 * gone, deleted or expired, are left out, and removed from the feed when they are old enough (feed_trim.h): an entry
 * is added after its document.
 *
 * The work is bounded: it ends, with `more`, when it has passed about a thousand entries without a document. Reads beyond
 * the first ones take turns (feed_turns.h). In memory are at most the first 64 KiB of 64 documents, and one longer
 * document.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_READER_H
#define COLLECTOR_FEED_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cursor.h"
#include "feed_days.h"
#include "feed_doubles.h"
#include "feed_fetch.h"
#include "feed_read.h"
#include "feed_turns.h"
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
         * and entries and documents would be of two servers; begin again. */
        void (*on_done)(struct feed_reader *reader, enum store_outcome outcome, bool more, const struct err *err);

        /* Private. */
        struct feed_reader_memory *memory; /* owned, while it runs                      */
        struct feed_window *window;        /* in `memory`                               */
        struct feed_read read;
        struct feed_days days;
        struct feed_fetch fetch;
        struct feed_doubles doubles;
        struct feed_turn turn;
        size_t page_entries;  /* asked for at once                               */
        size_t taken, passed; /* entries with and without a document that counts */
        bool has_turn;
        bool has_read;  /* entries, at least once                          */
        bool in_next;   /* reading the stream of cursor.day + 1            */
        bool is_inside; /* the stream may have more entries behind those in memory */
};

void feed_reader_start(struct feed_reader *reader);

#endif
