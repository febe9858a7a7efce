/* newcomers: followers that begin now wait here until the end of the feed is known. Those that arrive together share a
 * query; one that arrives while a query is in progress waits for the next.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_NEWCOMERS_H
#define COLLECTOR_NEWCOMERS_H

#include <stdbool.h>

#include "base/list.h"
#include "feed_head.h"
#include "follower.h"

struct newcomers {
        /* Set by the caller, with head.store. */
        /* The follower's cursor is the end of the feed, or `err` says why that is not known. */
        void (*on_known)(struct newcomers *newcomers, struct follower *follower, const struct err *err);

        /* Private. */
        struct list fresh, asking; /* those in `asking` wait for the current query */
        struct feed_head head;
        unsigned tries; /* of that query */
        bool is_asking, is_closing;
};

void newcomers_init(struct newcomers *newcomers, struct store *store);
void newcomers_add(struct newcomers *newcomers, struct follower *follower);
void newcomers_close(struct newcomers *newcomers); /* no more queries are started */

#endif
