/* feed_trim: removes entries of missing documents from the feed, so that later listings need not skip them.
 * Whole streams expire by themselves (feed_stream_expiry.h).
 *
 *     feed_trim_note(&store->trim, day, partition, id, generation);    // for each such entry that a reader meets
 *     feed_trim_turn(&store->trim);                            // in each turn of the loop, just before redis_flush
 *
 * It sends XDEL with single ids rather than XTRIM up to an id, because entries of existing documents, from a Collector
 * with another retention, may lie in between. An id belongs to one server's stream, so it is sent only to the target in
 * which it was seen. The rate is limited: ids beyond it are dropped, and the next reader finds them again.
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
        int64_t age_ms; /* newer entries stay: clocks differ, and their document may still arrive */
        /* The Redis user lacks the right to send XDEL. Called once per generation of the target. */
        void (*on_refused)(void *data, const char *reason);
        void *data;

        /* Private. */
        struct feed_trim_place {
                struct feed_id id;
                unsigned partition;
        } noted[FEED_TRIM_MAX];
        size_t count;
        int64_t day;                 /* of all recorded ids */
        unsigned generation;         /* of all recorded ids as well */
        unsigned refused_generation; /* the target that refuses XDEL */
        bool is_refused;
        int64_t allowance, filled_ms; /* ids that may be sent now; when that was computed, monotonic */
};

void feed_trim_note(struct feed_trim *trim, int64_t day, unsigned partition, struct feed_id id, unsigned generation);
void feed_trim_turn(struct feed_trim *trim);

#endif
