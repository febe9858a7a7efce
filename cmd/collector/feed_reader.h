/* feed_reader: reads documents in the order in which Redis received them, or newest first, starting at a position in
 * the feed.
 *
 *     struct page { struct feed_reader reader; ... };
 *     page->reader = (struct feed_reader){ .store = store, .cursor = from, .on_document = on_document,
 *                                          .on_done = on_done };
 *     feed_reader_start(&page->reader);
 *
 * Each step is one round trip. The reader asks for the feed's name unless it is known (feed_naming.h). It reads entries
 * of a day (feed_entries.h), then their documents (feed_fetch.h). For entries with a mark it checks whether the same
 * keys were added earlier (feed_doubles.h). It repeats this until on_document stops it. At the end of a day it finds
 * out which of the next days have a stream (feed_days.h). Keys whose document was deleted or has expired are omitted,
 * and an entry is removed from the feed when all its documents are gone and it is old enough (feed_trim.h); young
 * entries stay, because a document may be on its way.
 *
 * A descending reader (cursor.is_descending) reads the days backwards. When it starts, it finds the ends of the streams
 * that may still grow (feed_ends.h), so documents that arrive later are not part of the list and cannot shift its
 * pages.
 *
 * The work is bounded: the reader ends with `more` after it has skipped about a thousand keys without a document.
 * Reads beyond the first ones take turns (feed_turns.h). Memory holds at most the first 64 KiB of 64 documents, and one
 * longer document.
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
#include "feed_ends.h"
#include "feed_entries.h"
#include "feed_fetch.h"
#include "feed_naming.h"
#include "feed_read.h"
#include "feed_turns.h"
#include "store.h"

struct feed_reader {
        /* Set by the caller. */
        struct store *store;
        struct cursor cursor;        /* moves past each document that was taken or omitted; receives the feed's name */
        uint64_t since_ms, until_ms; /* bounds of the ids; until is exclusive, UINT64_MAX: none */
        size_t wanted;               /* how many documents the caller will take, so as not to fetch more; 0: unknown */
        /* Gets a document, borrowed during the call. Returns false to stop without taking it. */
        bool (*on_document)(struct feed_reader *reader, const char *key, const char *document, size_t length);
        /* Called exactly once, as the reader's last action. `more`: on_document refused a document, or the reader has
         * skipped as many keys without a document as it may; continue at the cursor. STORE_MOVED: the binding has
         * changed, and entries and documents would come from two servers; start again. STORE_FOREIGN: the cursor
         * belongs to another feed. */
        void (*on_done)(struct feed_reader *reader, enum store_outcome outcome, bool more, const struct err *err);

        /* Private. */
        struct feed_window window; /* its entries, and `asks` of `read`, are owned while it runs */
        struct feed_read read;
        struct feed_naming naming;
        struct feed_ends ends;
        struct feed_days days;
        struct feed_entries entries;
        struct feed_fetch fetch;
        struct feed_doubles doubles;
        struct feed_turn turn;
        size_t taken, passed; /* keys with a document, and keys skipped without one */
        unsigned gone;        /* keys of the current entry without a document, if all its earlier keys lack one too */
        bool has_turn;
        bool in_next;   /* reading the streams of cursor.day + 1                  */
        bool is_inside; /* this day may have more entries after those in memory   */
};

void feed_reader_start(struct feed_reader *reader);

/* The beginning of the list, for clients that send no cursor. The store and the bounds of the ids must be set. */
struct cursor feed_reader_beginning(const struct feed_reader *reader, bool is_descending);

#endif
