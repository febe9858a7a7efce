/* feed_ends: finds the newest entry in each stream of a day and of the next day, in one round trip.
 *
 *     head->ends = (struct feed_ends){ .read = &head->read, .on_known = on_ends };
 *     feed_ends_ask(&head->ends, feed_ends_day(store));          // the streams that may still grow
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_ENDS_H
#define COLLECTOR_FEED_ENDS_H

#include <stdint.h>

#include "cursor.h"
#include "feed_read.h"
#include "store.h"

struct feed_ends {
        /* Set by the caller. */
        struct feed_read *read;
        /* Called exactly once for each feed_ends_ask, and during that call only if memory has run out. `read` holds a
         * failure. */
        void (*on_known)(struct feed_ends *ends);

        int64_t day;
        struct cursor_places of_day, of_next; /* the results: the newest ids; 0-0: the stream has no entry */
};

/* The first day whose stream may still get entries: today, or yesterday until its stream is closed (feed_reader.h). */
int64_t feed_ends_day(const struct store *store);

void feed_ends_ask(struct feed_ends *ends, int64_t day);

#endif
