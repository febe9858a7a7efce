/* pool: a stack of free blocks. Each block contains the pointer to the next one. */
#include "pool.h"

#include <stdlib.h>

struct pool_block {
        struct pool_block *next;
};

void *pool_take(struct pool *pool, size_t bytes)
{
        struct pool_block *block = pool->first;
        if (!block)
                return malloc(bytes < sizeof(*block) ? sizeof(*block) : bytes);
        pool->first = block->next;
        pool->kept--;
        return block;
}

void pool_give(struct pool *pool, void *memory)
{
        struct pool_block *block = memory;
        if (pool->kept == POOL_KEPT_MAX) {
                free(block);
                return;
        }
        block->next = pool->first;
        pool->first = block;
        pool->kept++;
}

void pool_fini(struct pool *pool)
{
        while (pool->first) {
                struct pool_block *block = pool->first;
                pool->first = block->next;
                free(block);
        }
        pool->kept = 0;
}
