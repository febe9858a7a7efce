/* feed_today: the stream to which entries are added now. In a Cluster, the tag of this stream is the first tag whose
 * slot is on the master that gets the documents, so that SETs and XADD are sent in one write.
 *
 *     unsigned partition = feed_today_partition(&store->today, redis, redis_master_of(redis, &job->set));
 *     const char *name = feed_today_stream(&store->today, redis_place(redis), partition);
 *
 * The name is cached, since nearly all callers want the same one.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_TODAY_H
#define COLLECTOR_FEED_TODAY_H

#include <stdbool.h>
#include <stdint.h>

#include "feed.h"
#include "redis/redis.h"

enum { FEED_PARTITION_NONE = FEED_PARTITIONS };

struct feed_today {
        int64_t day;                     /* the last day that was requested; -1: none          */
        unsigned place;                  /* the place for which the following members were computed (redis_place) */
        char name[FEED_STREAM_SIZE];     /* the name of the stream of `partition`; "": not formatted yet */
        unsigned partition;              /* the last partition requested                    */
        unsigned slots[FEED_PARTITIONS]; /* of the streams with a tag                          */
        bool has_slots;
        unsigned turn; /* of feed_today_any */
};

/* The partition for an entry on that master, as redis_master_of numbers it. FEED_PARTITION_NONE: the master owns none,
 * or is unknown. 0 if Redis is not a Cluster. */
unsigned feed_today_partition(struct feed_today *today, const struct redis *redis, unsigned master);
/* Returns the partitions of a Cluster in turn. */
unsigned feed_today_any(struct feed_today *today);

/* The name of the partition's stream for today, by our clock, in that place; borrowed until the next call. */
const char *feed_today_stream(struct feed_today *today, const struct redis_place *place, unsigned partition);

#endif
