/* feed_fetch: fetches the documents of the entries in a window, a batch at a time. It fetches at most the first 64 KiB
 * of each, so memory is bounded by batch size times 64 KiB; a longer document is fetched whole when it is needed.
 * When documents are probably gone, it checks the existence of many keys at once.
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

        bool is_walking; /* no document of the last batch exists: the next ones are probably gone as well */

        /* Private. */
        void (*on_done)(struct feed_fetch *fetch);
        size_t batch_min; /* documents to fetch at once; more than wanted if many were deleted */
};

/* For each call below, on_done is called exactly once, possibly during the call if memory has run out. `read` holds a
 * failure. */

/* Fetches documents from window->at on, enough to find about `wanted` existing ones (0: unknown). The batch then ends
 * after them. */
void feed_fetch_batch(struct feed_fetch *fetch, size_t wanted, void (*on_done)(struct feed_fetch *fetch));
/* Omits entries from window->at on whose document is gone. The batch then ends before the first document that may
 * exist. Not for a Cluster. */
void feed_fetch_existence(struct feed_fetch *fetch, void (*on_done)(struct feed_fetch *fetch));
/* Fetches the whole document of window->at, of which only a part is in memory. */
void feed_fetch_whole(struct feed_fetch *fetch, void (*on_done)(struct feed_fetch *fetch));

#endif
