/* store_read: reads the document under a key from the current Redis or from the previous one (`--previous-binding`).
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_READ_H
#define COLLECTOR_STORE_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/uuid.h"
#include "redis/redis.h"
#include "store.h"

struct store_read {
        /* `document` is borrowed during the call, NULL unless STORE_DONE. */
        void (*on_done)(struct store_read *read, enum store_outcome outcome, const char *document, size_t length,
                        const struct err *err);
        bool is_previous; /* the previous Redis had the document, or was queried last */

        /* Private. */
        struct store *store;
        struct redis *redis;
        struct redis_command get; /* its made_for is the place that answered */
        char key[UUID_TEXT_SIZE];
};

/* on_done is called exactly once, on the same loop, never during these calls. */

/* Also queries the previous Redis, if there is one. If the previous Redis does not reply, the outcome is
 * STORE_UNAVAILABLE, not STORE_ABSENT. */
void store_read(struct store *store, struct store_read *read, const char *key);
/* Queries `redis`, where a store_write has found the key. */
void store_read_found(struct store *store, struct store_read *read, struct redis *redis, const char *key);
/* Queries only the previous Redis. */
void store_read_previous(struct store *store, struct store_read *read, const char *key);
/* Call this in on_done. True if the result comes from an old Redis and does not count (swap.h). */
bool store_read_is_overtaken(const struct store_read *read);

#endif
