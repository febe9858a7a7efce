/* store_trail: makes sure that many existing documents are in the feed, as store_announce does for one: those of a body
 * that is sent again. One search serves all that wait.
 *
 *     struct store_trail trail;                         // of one body
 *     store_trail_init(&trail, store);
 *     store_trail_announce(&trail, &deposit->announce, &deposit->read, stored_ms);
 *
 * A body's documents were added to the feed in about the order in which they stand in the body, but it may be unknown
 * when: restored documents say only when they were stored in another Redis. So the search begins where the last one
 * found something, or at the times that the documents suggest, whichever has worked before; then among the latest entries; then in
 * the whole feed, for a body only as long as that has read no more than TRAIL_KEYS_MAX keys. A document without an entry
 * gets one with a mark.
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
        TRAIL_KEYS_MAX = 20000000, /* read in searches of the whole feed: 5 s of Redis's time at the most */
};

struct store_trail {
        /* Private. */
        struct store *store;
        struct list waiting; /* for the next search */
        struct list sought;  /* by this one; those that have joined it late stand behind the others */
        struct list found;   /* by this one */
        struct store_announce *slots[TRAIL_SLOTS]; /* those sought, by key */
        struct feed_search search;
        unsigned step;        /* of the search */
        int64_t near_ms;      /* the first entry that was found last time; -1: none */
        int64_t step_near_ms; /* the same before this step */
        bool is_by_time;      /* the documents' times have worked better than near_ms */
        size_t keys_left;     /* of TRAIL_KEYS_MAX */
};

void store_trail_init(struct store_trail *trail, struct store *store);

/* As store_announce. The trail must live until on_done. */
void store_trail_announce(struct store_trail *trail, struct store_announce *announce, const struct store_read *found,
                          int64_t stored_ms);

#endif
