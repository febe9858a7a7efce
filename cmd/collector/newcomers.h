/* newcomers: followers that start with new documents wait here until the end of the feed is known.
 *
 * While the tail follows, that is where it is when a read has reached the end that began after they came: then they are
 * current at once, however many they are. Otherwise Redis is asked. Those who come together share a query; one that
 * comes while a query is under way waits for the next.
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
        /* The follower's cursor is the end of the feed, or `err` says why that is not known. `is_current`: the tail is
         * there. */
        void (*on_known)(struct newcomers *newcomers, struct follower *follower, bool is_current,
                         const struct err *err);

        /* Private. */
        struct list joining;       /* wait for the tail */
        struct list fresh, asking; /* those in `asking` wait for the current query */
        struct feed_head head;
        unsigned tries; /* of that query */
        bool is_asking, is_closing;
};

void newcomers_init(struct newcomers *newcomers, struct store *store, struct tail *tail);
void newcomers_add(struct newcomers *newcomers, struct follower *follower);
void newcomers_tail_ended(struct newcomers *newcomers); /* one of its reads has reached the end */
/* Call it each second: Redis is asked for those whom the tail keeps waiting. */
void newcomers_second(struct newcomers *newcomers, int64_t now_ms);
void newcomers_close(struct newcomers *newcomers); /* no query begins any more */

#endif
