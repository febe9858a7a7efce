/* store_delete: removes a document from the current Redis and then from the previous one (`--previous-binding`).
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_DELETE_H
#define COLLECTOR_STORE_DELETE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/uuid.h"
#include "redis/redis.h"
#include "store.h"

struct store_delete {
        void (*on_done)(struct store_delete *delete, enum store_outcome outcome, const struct err *err);
        bool was_there; /* the document was deleted; after a failure: from the current Redis, perhaps not from the
                         * previous one */

        /* Private. */
        struct store *store;
        struct redis_command command;
        char key[UUID_TEXT_SIZE];
        bool is_previous;
};

/* on_done is called exactly once, on the same loop, never during this call. */
void store_delete(struct store *store, struct store_delete *delete, const char *key);

#endif
