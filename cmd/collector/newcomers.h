/* newcomers: followers that start with new documents wait here until the end of the feed is known.
 *
 * While the tail is running, the end is known when a read of the tail that began after their arrival has reached it.
 * All of these followers are then current at once, no matter how many there are. Otherwise Redis is queried. Followers
 * that arrive together share a query; a follower that arrives while a query is in progress waits for the next query.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_NEWCOMERS_H
#define COLLECTOR_NEWCOMERS_H

#include <stdbool.h>

#include "base/list.h"
#include "feed_head.h"
#include "follower.h"
#include "tail.h"

struct newcomers {
        /* Set by the caller, with head.store. */
        struct tail *tail;
        /* The follower's cursor is now the end of the feed, or `err` says why that is unknown. `is_current`: the tail
         * is at the same position. */
        void (*on_known)(struct newcomers *newcomers, struct follower *follower, bool is_current,
                         const struct err *err);

        /* Private. */
        struct list joining;       /* followers that wait for the tail */
        struct list fresh, asking; /* the followers in `asking` wait for the current query */
        struct feed_head head;
        unsigned tries; /* of the current query */
        bool is_asking, is_closing;
};

void newcomers_init(struct newcomers *newcomers, struct store *store, struct tail *tail);
void newcomers_add(struct newcomers *newcomers, struct follower *follower);
void newcomers_tail_ended(struct newcomers *newcomers); /* one of the tail's reads has reached the end */
/* Call this once a second: queries Redis for followers that the tail has kept waiting. */
void newcomers_second(struct newcomers *newcomers, int64_t now_ms);
void newcomers_close(struct newcomers *newcomers); /* starts no further query */

#endif
