/* feed_expiry: the streams of the feed get an end (EXPIREAT), later than that of their last document. Without it they would
 * stay after the documents have expired. It is set as soon as a stream may have been created, and about once a
 * minute again.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_EXPIRY_H
#define COLLECTOR_FEED_EXPIRY_H

#include <stdint.h>

#include "redis/redis.h"

struct feed_expiry {
        /* Set by the caller. */
        struct redis *redis;  /* borrowed */
        int64_t retention_ms; /* 0: documents are kept, and so are streams */
        int64_t reach_ms;     /* how much later than its day a stream may still get entries */

        /* Private. */
        int64_t sent_ms; /* when EXPIREAT was last sent, monotonic; 0: never */
        int64_t ending_day;
        unsigned ending_generation; /* the target in which the stream of that day has an end */
};

/* Call it for each entry added to the stream of `day`. */
void feed_expiry_note(struct feed_expiry *expiry, int64_t day);
/* Call it each second or so: renews the ends of `day`, the last one written to (-1: none), and of the day before. */
void feed_expiry_renew(struct feed_expiry *expiry, int64_t day);

#endif
