/* feed_days: which days have a stream: one EXISTS for each of the next days, all in one write, about 0.3 us of Redis's time
 * each. Nobody has to keep a list of days, which another Redis would not have after a swap.
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
        int64_t last; /* the last day that may have a stream */
        /* For each feed_days_ask exactly once, never from inside it unless memory is short. A failure is in `read`. */
        void (*on_known)(struct feed_days *days);

        /* Private. */
        int64_t first;
        size_t count; /* days that are known, from `first` on */
        bool has_stream[FEED_ASKS_MAX];
};

/* The first day that can have a stream. */
int64_t feed_days_first(void);

enum feed_day_state feed_days_look_up(const struct feed_days *days, int64_t day);
/* Asks for this day and those after it, as many as one write has room for. */
void feed_days_ask(struct feed_days *days, int64_t day);

#endif
