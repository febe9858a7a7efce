/* feed_days: finds out which days have a stream. It sends one EXISTS for each of the next days (or, if it is
 * descending, each of the previous days); in a Cluster, it sends one for each partition of these days. All of them are
 * sent in one write, and each costs Redis about 0.3 us. A stored list of days would not help: after a swap, the other
 * Redis would lack it.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_DAYS_H
#define COLLECTOR_FEED_DAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed_read.h"

enum feed_day_state { FEED_DAY_EMPTY, FEED_DAY_HAS_STREAM, FEED_DAY_UNKNOWN };

struct feed_days {
        /* Set by the caller. */
        struct feed_read *read;
        int64_t earliest, last; /* the days that may have a stream */
        bool is_descending;
        /* Called exactly once for each feed_days_ask, and during that call only if memory has run out. `read` holds a
         * failure. */
        void (*on_known)(struct feed_days *days);

        /* Private. */
        int64_t first;
        size_t count;                   /* number of known days, from `first` on */
        bool has_stream[FEED_ASKS_MAX]; /* in any partition */
};

/* The first day that can have a stream. */
int64_t feed_days_first(void);

enum feed_day_state feed_days_look_up(const struct feed_days *days, int64_t day);
/* Asks about this day and as many of the following days (or of the days before it) as one write has room for. */
void feed_days_ask(struct feed_days *days, int64_t day);

#endif
