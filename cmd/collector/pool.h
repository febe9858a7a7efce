/* pool: keeps memory blocks of one size for later requests, because they are too large for malloc's own free lists.
 *
 *     struct upload *upload = pool_take(&worker->uploads, sizeof(*upload));
 *     pool_give(&worker->uploads, upload);
 *
 * Threads: one at a time. */
#ifndef COLLECTOR_POOL_H
#define COLLECTOR_POOL_H

#include <stddef.h>

enum { POOL_KEPT_MAX = 256 };

/* All zero: an empty pool. */
struct pool {
        struct pool_block *first;
        unsigned kept;
};

/* `bytes` is the same for all blocks of a pool. NULL: out of memory. */
void *pool_take(struct pool *pool, size_t bytes);
void pool_give(struct pool *pool, void *block);
void pool_fini(struct pool *pool);

#endif
