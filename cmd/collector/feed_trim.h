/* feed_trim: removes entries of missing documents from the feed, so that the next list need not pass them.
 *
 *     feed_trim_note(&store->trim, stream, id, generation);    // for each, as a reader sees it
 *     feed_trim_turn(&store->trim);                            // in each turn of the loop, just before redis_flush
 *
 * It sends XDEL for each id instead of XTRIM up to one: between entries of missing documents there may be others whose
 * document exists, of a Collector with another retention. An id belongs to one server's stream: it goes to the
 * target that it was seen in, or nowhere. The rate is limited; ids beyond it are forgotten, and the next reader sees
 * them again.
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
        int64_t age_ms; /* younger entries stay: clocks differ, and their document may be on its way */
        /* The Redis user may not send XDEL. Once for each generation of the target. */
        void (*on_refused)(void *data, const char *reason);
        void *data;

        /* Private. */
        char stream[FEED_STREAM_SIZE];
        struct feed_id ids[FEED_TRIM_MAX];
        size_t count;
        unsigned generation;         /* of `ids` */
        unsigned refused_generation; /* where XDEL is refused */
        bool is_refused;
        int64_t allowance, filled_ms; /* ids that may go now; when that was computed, monotonic */
};

void feed_trim_note(struct feed_trim *trim, const char *stream, struct feed_id id, unsigned generation);
void feed_trim_turn(struct feed_trim *trim);

#endif
