/* feed_stream_expiry: sets an expiry time (EXPIREAT) for the feed's streams and its name (feed_name.h), later than that
 * of their last document. Without an expiry time, the streams would remain after the documents have expired. The time
 * is set as soon as a stream may have been created, and again about once a minute. Single entries whose documents have
 * expired are removed by feed_trim.h.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_STREAM_EXPIRY_H
#define COLLECTOR_FEED_STREAM_EXPIRY_H

#include <stdint.h>

#include "redis/redis.h"

struct feed_expiry {
        /* Set by the caller. */
        struct redis *redis;  /* borrowed */
        int64_t retention_ms; /* 0: documents and streams are kept */
        int64_t reach_ms;     /* how long after its day a stream may still get entries */

        /* Private. */
        int64_t sent_ms; /* when EXPIREAT was last sent, monotonic; 0: never */
        int64_t ending_day;
        unsigned ending_generation; /* the target in which that day's streams have an expiry time ... */
        unsigned ending_partitions; /* ... one bit for each of these streams                      */
};

/* Call this for each entry added to a stream of `day`. */
void feed_expiry_note(struct feed_expiry *expiry, int64_t day, unsigned partition);
/* Call this about once a second: it renews the expiry times of the streams of `day`, the last one written to (-1:
 * none), and of the day before. */
void feed_expiry_renew(struct feed_expiry *expiry, int64_t day);

/* The lifetime of a name that is set now, unless it is renewed; 0: forever. */
int64_t feed_expiry_of_name_ms(const struct feed_expiry *expiry);

#endif
