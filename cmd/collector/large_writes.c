/* large_writes: a list of the clients, and the sum of their bytes. */
#include "large_writes.h"

#include "base/attr.h"
#include "base/clock.h"
#include "http/http.h"

enum {
        LARGE_BYTES = 64 << 10,
        SUM_BYTES = 24 << 20, /* one larger document is always allowed */
        STILL_MS = 5000,
};

void large_writes_init(struct large_writes *writes)
{
        *writes = (struct large_writes){ 0 };
        list_init(&writes->list);
}

bool large_writes_begin(struct large_writes *writes, struct large_write *write, size_t bytes)
{
        if (bytes < LARGE_BYTES)
                return true;
        if (!list_is_empty(&writes->list) && writes->bytes + bytes > SUM_BYTES)
                return false;
        (void)large_writes_end(writes, write);
        write->bytes = write->waiting = bytes;
        write->changed_ms = clock_monotonic_ms();
        writes->bytes += bytes;
        list_append(&writes->list, &write->link);
        return true;
}

bool large_writes_end(struct large_writes *writes, struct large_write *write)
{
        bool was_large = write->bytes > 0;
        writes->bytes -= write->bytes;
        write->bytes = 0;
        list_remove(&write->link);
        return was_large;
}

struct large_write *large_writes_stuck(struct large_writes *writes, int64_t now_ms)
{
        for (struct list *at = list_first(&writes->list); at; at = list_next(&writes->list, at)) {
                struct large_write *write = CONTAINER_OF(at, struct large_write, link);
                size_t waiting = http_stream_waiting(write->request);
                if (waiting != write->waiting)
                        write->changed_ms = now_ms;
                write->waiting = waiting;
                if (now_ms - write->changed_ms >= STILL_MS)
                        return write;
        }
        return NULL;
}
