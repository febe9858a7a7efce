/* store_trail: makes sure that many existing documents, those of a body that is sent again, are in the feed, as
 * store_announce does for one. One search serves all waiting documents.
 *
 *     struct store_trail trail;                         // for one body
 *     store_trail_init(&trail, store);
 *     store_trail_announce(&trail, &deposit->announce, &deposit->read, stored_ms);
 *
 * A body's documents were added to the feed in about the order of the body, but the time may be unknown: restored
 * documents only say when they were stored in another Redis. So the search begins at the first entry that the last one
 * found, or at the times that the documents suggest, whichever has worked before. It continues among the latest
 * entries, and then in the whole feed, as long as searches of the whole feed have read no more than TRAIL_KEYS_MAX keys
 * for this body. A document without an entry gets one with a mark.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_TRAIL_H
#define COLLECTOR_STORE_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "feed_search.h"
#include "store.h"
#include "store_announce.h"
#include "store_read.h"

enum {
        TRAIL_SLOTS = 256,
        TRAIL_KEYS_MAX = 20000000, /* keys read in searches of the whole feed: at most 5 s of Redis's time */
};

struct trail_place {
        int64_t ms;        /* Unix time; -1: none                                                */
        uint64_t sequence; /* of the entry; 0 in a Cluster, whose partitions count independently */
};

struct store_trail {
        /* Private. */
        struct store *store;
        struct list waiting;                       /* waiting for the next search */
        struct list sought;                        /* in the current search; those that joined late come last */
        struct list found;                         /* by the current search */
        struct store_announce *slots[TRAIL_SLOTS]; /* those in the current search, by key */
        struct feed_search search;
        unsigned step;               /* of the search */
        struct trail_place near;     /* of the first entry that the last search found ... */
        struct trail_place was_near; /* ... and before this step */
        size_t near_entries;         /* read by the last search that found something */
        bool is_by_time;             /* the documents' times have been more useful than `near` */
        size_t keys_left;            /* what is left of TRAIL_KEYS_MAX */
};

void store_trail_init(struct store_trail *trail, struct store *store);

/* Like store_announce. The trail must live until on_done is called. */
void store_trail_announce(struct store_trail *trail, struct store_announce *announce, const struct store_read *found,
                          int64_t stored_ms);

#endif
