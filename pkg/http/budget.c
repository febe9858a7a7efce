/* budget: the memory for data in transit from and to clients, over all workers: bodies, long targets, answers that wait
 * for a slow reader. Data that fits into a connection's own memory does not count, so a small request costs nothing
 * here and is served however much others send. The last quarter is reserved for requests that are not large, so that a
 * few endless large bodies do not lock everyone out. Memory that was freed in small pieces all over the heap stays with
 * the C library; so after a flood it is told to give it back. */
#include <malloc.h>

#include "base/cgroup.h"
#include "base/clock.h"
#include "http/internal.h"

enum {
        WITHOUT_LIMIT_BYTES = 256 << 20,
        SHARE_OF_MEMORY = 6, /* bodies are copied for Redis, and a PUT once more: three of six */
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

/* One body of the largest size fits at all times that nothing else is there. */
static size_t limit_for(const struct http_options *options, size_t whole)
{
        size_t least = options->body_max_bytes + LARGE_BYTES;
        size_t limit = options->transfer_max_bytes;
        if (whole > LARGE_BYTES)
                limit -= limit / RESERVED_SHARE;
        return limit > least ? limit : least;
}

bool budget_has_room(const struct http_server *server, size_t bytes)
{
        return atomic_load_explicit(&server->transfer_bytes, memory_order_relaxed) + bytes <=
               limit_for(&server->options, bytes);
}

bool budget_take(struct http_server *server, size_t bytes, size_t whole)
{
        size_t before = atomic_fetch_add_explicit(&server->transfer_bytes, bytes, memory_order_relaxed);
        if (before + bytes <= limit_for(&server->options, whole))
                return true;
        budget_give(server, bytes);
        return false;
}

void budget_give(struct http_server *server, size_t bytes)
{
        if (bytes)
                atomic_fetch_sub_explicit(&server->transfer_bytes, bytes, memory_order_relaxed);
}

bool budget_trim(struct http_worker *worker, int64_t now_ms)
{
        const struct http_server *server = worker->server;
        size_t used = atomic_load_explicit(&server->transfer_bytes, memory_order_relaxed) +
                      http_server_connections(server) * (server->options.header_max_bytes + CONNECTION_BYTES);
        if (used > worker->peak_bytes)
                worker->peak_bytes = used;
        if (worker->peak_bytes < TRIM_BYTES)
                return false;
        if (used < worker->peak_bytes / TRIM_SHARE && now_ms - worker->trimmed_ms >= TRIM_PAUSE_MS) {
#ifdef __GLIBC__
                (void)malloc_trim(0); /* says whether there was any */
#endif
                worker->peak_bytes = used;
                worker->trimmed_ms = now_ms;
        }
        return worker->peak_bytes >= TRIM_BYTES;
}
