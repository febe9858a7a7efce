/* budget: the memory for data in transit from and to clients, across all workers: bodies, long targets, and responses
 * that wait for a slow reader. Data that fits into a connection's own memory does not count, so small requests are
 * served no matter how much other clients send. The last quarter of the budget is reserved for small and medium
 * requests, so that a few large bodies that never end cannot lock everyone out. The C library holds on to memory that
 * was freed in small pieces all over the heap, so after a flood it is told to return that memory to the system. */
#include "http/budget.h"

#include <malloc.h>

#include "base/cgroup.h"

enum {
        CONNECTIONS_MAX = 16384,
        WITHOUT_LIMIT_BYTES = 256 << 20,
        SHARE_OF_MEMORY = 6, /* room for two copies: every body is copied for Redis, and that of a PUT once more */
        CONNECTIONS_SHARE_OF_MEMORY = 4,
        RESERVED_SHARE = 4,
        LARGE_BYTES = 64 << 10,
        TRIM_BYTES = 8 << 20,
        TRIM_SHARE = 4,
        TRIM_PAUSE_MS = 1000,
};

void budget_defaults(struct http_options *options)
{
        struct cgroup_limits limits;
        if (options->transfer_max_bytes && options->connections_max)
                return;
        cgroup_read("/", &limits);
        size_t memory = limits.memory_bytes > 0 ? (size_t)limits.memory_bytes : 0;
        if (!options->transfer_max_bytes)
                options->transfer_max_bytes = memory ? memory / SHARE_OF_MEMORY : WITHOUT_LIMIT_BYTES;
        if (!options->connections_max) {
                size_t fit = memory / CONNECTIONS_SHARE_OF_MEMORY / (options->header_max_bytes + CONNECTION_BYTES);
                options->connections_max = memory && fit < CONNECTIONS_MAX ? (unsigned)fit + 1 : CONNECTIONS_MAX;
        }
}

void budget_init(struct budget *budget, const struct http_options *options)
{
        budget->max_bytes = options->transfer_max_bytes;
        budget->least_bytes = options->body_max_bytes + LARGE_BYTES;
        atomic_init(&budget->used, 0);
}

static size_t limit_for(const struct budget *budget, size_t whole)
{
        size_t limit = budget->max_bytes;
        if (whole > LARGE_BYTES)
                limit -= limit / RESERVED_SHARE;
        return limit > budget->least_bytes ? limit : budget->least_bytes;
}

bool budget_has_room(const struct budget *budget, size_t bytes)
{
        return atomic_load_explicit(&budget->used, memory_order_relaxed) + bytes <= limit_for(budget, bytes);
}

bool budget_take(struct budget *budget, size_t bytes, size_t whole)
{
        size_t before = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
        if (before + bytes <= limit_for(budget, whole))
                return true;
        budget_give(budget, bytes);
        return false;
}

void budget_add(struct budget *budget, size_t bytes)
{
        if (bytes)
                atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
}

void budget_give(struct budget *budget, size_t bytes)
{
        if (bytes)
                atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

bool budget_trim(struct budget_trim *trim, size_t bytes, int64_t now_ms)
{
        if (bytes > trim->peak_bytes)
                trim->peak_bytes = bytes;
        if (trim->peak_bytes < TRIM_BYTES)
                return false;
        if (bytes < trim->peak_bytes / TRIM_SHARE && now_ms - trim->trimmed_ms >= TRIM_PAUSE_MS) {
#ifdef __GLIBC__
                (void)malloc_trim(0); /* the result only says whether memory was returned */
#endif
                trim->peak_bytes = bytes;
                trim->trimmed_ms = now_ms;
        }
        return trim->peak_bytes >= TRIM_BYTES;
}
