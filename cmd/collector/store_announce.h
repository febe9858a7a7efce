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
#include "base/list.h"
#include "base/uuid.h"
#include "feed.h"
#include "feed_search.h"
#include "redis/redis.h"
#include "store.h"
#include "store_read.h"

enum { ANNOUNCE_KEYS_MAX = 12800 }; /* keys to read around a time, and again backwards from now */

struct store_announce {
        void (*on_done)(struct store_announce *announce, enum store_outcome outcome, const struct err *err);

        /* Private. */
        struct store *store;
        struct list link;            /* of store_trail.h ... */
        struct store_announce *next; /* ... likewise */
        struct feed_search search;
        struct redis_command add;
        unsigned generation; /* of the target in which the document was found */
        unsigned partition;  /* gets the entry */
        struct feed_again again;
        char key[UUID_TEXT_SIZE];
        int64_t begin_ms; /* Unix time: where the search begins */
        int64_t from_ms;  /* Unix time: the mark of an entry that has to be added */
        bool is_found;
        bool is_moved; /* another Redis is in use */
        bool is_late;  /* the search in store_trail.h began before this document was added */
};

/* `found` has just read the document, and determines whose feed counts; it may share memory with `announce`.
 * `stored_ms` is Unix time. on_done is called exactly once, on the same loop, never during this call. */
void store_announce(struct store *store, struct store_announce *announce, const struct store_read *found,
                    int64_t stored_ms);

/* --- For store_trail.h, which searches for many at once ----------------------------------------------------------- */

/* Only fills in `announce`; search.redis and search.place say where to search. */
void store_announce_prepare(struct store *store, struct store_announce *announce, const struct store_read *found,
                            int64_t stored_ms);
/* The search is over: STORE_DONE if there is an entry, otherwise another outcome and the reason. Calls on_done. */
void store_announce_end(struct store_announce *announce, enum store_outcome outcome, const struct err *err);
/* Adds the missing entry. on_done is called later, never during this call. */
void store_announce_add(struct store_announce *announce);

#endif
