/* feed_window: the part of the feed that a reader has in memory, one element for each key, and the batch of them whose
 * documents are known. All are of one day.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_WINDOW_H
#define COLLECTOR_FEED_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/uuid.h"
#include "feed.h"

struct feed_window_entry {
        char key[UUID_TEXT_SIZE];
        struct feed_id id;
        unsigned partition;              /* of its entry                             */
        unsigned place;                  /* in its entry, from 0, in reading order    */
        unsigned keys_after;             /* cursor_point.keys after it; 0: the last */
        int64_t mark_ms;                 /* -1: no mark                              */
        bool left_out;                   /* a duplicate, or without a document       */
        bool is_gone;                    /* the entry's own Redis lacks the document */
        bool is_cut;                     /* only the beginning of the document was fetched */
        bool is_looked_for, is_searched; /* by feed_doubles                          */
        char *document;                  /* owned                                    */
        size_t length;
};

struct feed_window {
        struct feed_window_entry *entries; /* the reader's */
        size_t most;                       /* room         */
        size_t count;
        size_t at;  /* the next element to take */
        size_t end; /* the batch ends before this element; at == end: there is no batch yet */
};

static inline void feed_window_clear(struct feed_window *window)
{
        for (size_t i = 0; i < window->count; i++)
                free(window->entries[i].document);
        window->count = window->at = window->end = 0;
}

#endif
