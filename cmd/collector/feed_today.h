/* feed_today: the stream to which entries are added now. Its name is cached, since nearly all callers want the same
 * one.
 *
 *     const char *name = feed_today_stream(&store->today, redis_place(redis));
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_TODAY_H
#define COLLECTOR_FEED_TODAY_H

#include <stdint.h>

#include "feed.h"
#include "redis/redis.h"

struct feed_today {
        int64_t day;                 /* the last day that was requested; -1: none      */
        unsigned place;              /* of `name` (redis_place)                        */
        char name[FEED_STREAM_SIZE]; /* of the stream of `day`; "": not formatted yet       */
};

/* The name of the stream of today, by our clock, in that place; borrowed until the next call. */
const char *feed_today_stream(struct feed_today *today, const struct redis_place *place);

#endif
