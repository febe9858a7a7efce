/* feed_doubles: omits entries whose document is already in an earlier part of the feed. Only an entry with a mark can
 * be such a double: the window and a feed_search are searched for the same key around the time of the mark.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_DOUBLES_H
#define COLLECTOR_FEED_DOUBLES_H

#include <stdint.h>

#include "feed_read.h"
#include "feed_search.h"
#include "feed_window.h"

struct feed_doubles {
        /* Set by the caller. */
        struct feed_read *read;
        struct feed_window *window;
        void (*on_done)(struct feed_doubles *doubles); /* a failure is in `read` */

        /* Private. */
        int64_t day;
        struct feed_search search;
        unsigned reads; /* so far: they are bounded */
};

/* Of the window's batch, whose entries are of `day`. on_done comes exactly once, perhaps from inside. */
void feed_doubles_leave_out(struct feed_doubles *doubles, int64_t day);

#endif
