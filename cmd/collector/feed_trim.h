/* feed_trim: takes entries out of the feed whose document was seen to be gone, so that the next list need not pass them.
 *
 *     feed_trim_note(&store->trim, stream, id, generation);    // for each, as it is seen
 *     feed_trim_turn(&store->trim);                            // in each turn of the loop, right before redis_flush
 *
 * It sends XDEL for each id instead of XTRIM up to one: between entries of missing documents there may be live ones, of
 * a Collector with another retention. An id is that of one server's stream: it goes to the target that it was seen in,
 * or nowhere. What is beyond the rate is forgotten; the next reader sees it again.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_TRIM_H
#define COLLECTOR_FEED_TRIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed.h"
#include "redis/redis.h"

enum { FEED_TRIM_MAX = 256 }; /* ids in one turn of the loop */

struct feed_trim {
        /* Set by the caller. */
        struct redis *redis;
        int64_t age_ms; /* younger ones stay: their document may be on its way, by clocks that differ */
        /* Redis denies its user XDEL: logged once for each generation of the target. */
        void (*on_refused)(void *data, const char *reason);
        void *data;

        /* Private. */
        char stream[FEED_STREAM_SIZE];
        struct feed_id ids[FEED_TRIM_MAX];
        size_t count;
        unsigned generation;         /* of `ids` */
        unsigned refused_generation; /* where it is not tried any more */
        bool is_refused;
        int64_t allowance, filled_ms; /* ids that may go now, and when that was reckoned, monotonic */
};

void feed_trim_note(struct feed_trim *trim, const char *stream, struct feed_id id, unsigned generation);
void feed_trim_turn(struct feed_trim *trim);

#endif
