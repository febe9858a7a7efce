/* feed_doubles: omits duplicate entries, whose document is already in an earlier part of the feed. Only an entry with a
 * mark can be a duplicate. The window and the feed are searched for the same key around the time of the mark.
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
        bool is_descending;                            /* the window begins with the newest entries */
        void (*on_done)(struct feed_doubles *doubles); /* `read` holds a failure */

        /* Private. */
        int64_t day;
        struct feed_search search;
        size_t keys; /* read so far; limited */
};

/* Checks the window's batch, whose entries belong to `day`. on_done is called exactly once, possibly during this
 * call. */
void feed_doubles_leave_out(struct feed_doubles *doubles, int64_t day);

#endif
