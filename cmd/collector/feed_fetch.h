/* feed_fetch: the documents of the entries in a window. Of each it fetches at most the first 64 KiB, a batch at a time, so
 * what is in memory is bounded by their product; a longer one is fetched whole when its turn comes. Where documents are
 * likely to be gone it asks for the existence of many keys at once.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_FETCH_H
#define COLLECTOR_FEED_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "feed_read.h"
#include "feed_window.h"

struct feed_fetch {
        /* Set by the caller. */
        struct feed_read *read;
        struct feed_window *window;

        bool is_walking; /* nothing was left of the last batch: what follows is likely to be gone as well */

        /* Private. */
        void (*on_done)(struct feed_fetch *fetch);
        size_t batch_min; /* documents to be fetched at once; more than are wanted, if many are gone */
};

/* For each call below on_done comes exactly once, perhaps from inside if memory is short. A failure is in `read`. */

/* Documents from window->at on, for about `wanted` that exist (0: not known). The batch then ends behind them. */
void feed_fetch_batch(struct feed_fetch *fetch, size_t wanted, void (*on_done)(struct feed_fetch *fetch));
/* Leaves out entries from window->at on whose document is gone. The batch then ends before the first one that may exist.
 * Not for a Cluster. */
void feed_fetch_existence(struct feed_fetch *fetch, void (*on_done)(struct feed_fetch *fetch));
/* The document of window->at, of which only a part is there. */
void feed_fetch_whole(struct feed_fetch *fetch, void (*on_done)(struct feed_fetch *fetch));

#endif
