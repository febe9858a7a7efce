/* feed_head: finds the end of the feed: a cursor after its newest entry.
 *
 *     head->store = store;
 *     head->on_known = on_known;
 *     feed_head_start(&head);                       // one or two round trips
 *
 * Entries that Redis adds after feed_head_start follow that cursor, or precede it if the query is executed later.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_HEAD_H
#define COLLECTOR_FEED_HEAD_H

#include "base/err.h"
#include "cursor.h"
#include "feed_ends.h"
#include "feed_naming.h"
#include "feed_read.h"
#include "store.h"

struct feed_head {
        /* Set by the caller. */
        struct store *store;
        /* Called exactly once, and during feed_head_start only if memory has run out. STORE_DONE: `cursor` is set.
         * STORE_MOVED: the binding has changed; start again. */
        void (*on_known)(struct feed_head *head, enum store_outcome outcome, const struct err *err);

        struct cursor cursor; /* the result */

        /* Private. */
        struct feed_read read;
        struct feed_naming naming;
        struct feed_ends ends;
        struct feed_ask asks[2 * FEED_PARTITIONS];
};

void feed_head_start(struct feed_head *head);

#endif
