/* trim: takes entries out of the feed whose document was seen to be gone, so that the next list need not pass them.
 *
 *     trim_note(&store->trim, stream, id, generation);    // for each, as it is seen
 *     trim_turn(&store->trim);                            // in each turn of the loop, right before redis_flush
 *
 * It sends XDEL for each id instead of XTRIM up to one: between entries of missing documents there may be live ones, of
 * a Collector with another retention. An id is that of one server's stream: it goes to the target that it was seen in,
 * or nowhere. What is beyond the rate is forgotten; the next reader sees it again.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_TRIM_H
#define COLLECTOR_TRIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed.h"
#include "redis/redis.h"

enum { TRIM_MAX = 256 }; /* ids in one turn of the loop */

struct trim {
        /* Set by the caller. */
        struct redis *redis;
        int64_t age_ms; /* younger ones stay: their document may be on its way, by clocks that differ */
        /* Redis denies its user XDEL: logged once for each generation of the target. */
        void (*on_refused)(void *data, const char *reason);
        void *data;

        /* Private. */
        char stream[FEED_STREAM_SIZE];
        struct feed_id ids[TRIM_MAX];
        size_t count;
        unsigned generation;         /* of `ids` */
        unsigned refused_generation; /* where it is not tried any more */
        bool is_refused;
        int64_t allowance, filled_ms; /* ids that may go now, and when that was reckoned, monotonic */
};

void trim_note(struct trim *trim, const char *stream, struct feed_id id, unsigned generation);
void trim_turn(struct trim *trim);

#endif
