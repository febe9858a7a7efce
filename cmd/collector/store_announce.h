/* store_announce: makes sure that an existing document is in the feed, in case its Collector died between SET and XADD.
 * It searches for the entry around the time at which the document was stored, and among the latest entries. If it finds
 * none, it adds an entry with a mark to today's stream. The search is bounded, and it is better to list a document
 * twice than to miss it.
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
        unsigned generation; /* of the target in which the document was found */
        unsigned partition;  /* gets the entry */
        char key[UUID_TEXT_SIZE];
        int64_t from_ms; /* Unix time: the start of the search, and the mark */
        bool is_found;
        bool is_moved; /* another Redis is in use */
};

/* `found` has just read the document, and determines whose feed counts; it may share memory with `announce`.
 * `stored_ms` is Unix time. on_done is called exactly once, on the same loop, never during this call. */
void store_announce(struct store *store, struct store_announce *announce, const struct store_read *found,
                    int64_t stored_ms);

#endif
