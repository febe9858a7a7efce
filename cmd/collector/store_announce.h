/* store_announce: makes sure that an existing document is in the feed, in case that its Collector died between SET and
 * XADD. It looks for the entry around the time at which the document was stored, and among the latest entries. If it
 * finds none it adds one to today's stream, with a mark: the search is bounded, and a document that it did not find is
 * better listed twice than missed.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_ANNOUNCE_H
#define COLLECTOR_STORE_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"
#include "feed.h"
#include "feed_search.h"
#include "redis/redis.h"
#include "store.h"
#include "store_read.h"

struct store_announce {
        void (*on_done)(struct store_announce *announce, enum store_outcome outcome, const struct err *err);

        /* Private. */
        struct store *store;
        struct feed_search search;
        struct redis_command add;
        unsigned generation; /* of the target that the document was found in */
        char key[UUID_TEXT_SIZE];
        int64_t from_ms; /* Unix time: where the search begins, and the mark */
        bool is_found;
        bool is_moved; /* another Redis is in use */
};

/* `found` has just read the document, and tells the Redis whose feed counts; it may be in the same memory as `announce`.
 * `stored_ms` is Unix time. on_done comes exactly once, in the same loop, never from inside this call. */
void store_announce(struct store *store, struct store_announce *announce, const struct store_read *found,
                    int64_t stored_ms);

#endif
