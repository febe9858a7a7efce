/* large_writes: a single write to a client is small, unless a document is large. Large documents may wait in memory for
 * only a few clients at a time; the other followers read theirs later. A client that does not read its large document
 * keeps the others waiting, so it is disconnected; it resumes from its last event.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_LARGE_WRITES_H
#define COLLECTOR_LARGE_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct http_request;

struct large_writes {
        struct list list;
        size_t bytes; /* across all clients */
};

/* The large write of one client. All zero, except the link. */
struct large_write {
        struct list link;
        struct http_request *request;
        size_t bytes, waiting; /* size of the write, and how many of its bytes were still unread when that last changed
                                * ... */
        int64_t changed_ms;    /* ... which was at this time (monotonic) */
};

void large_writes_init(struct large_writes *writes);
/* True if that many bytes may be written to the client now; if they are many, a large write begins. */
bool large_writes_begin(struct large_writes *writes, struct large_write *write, size_t bytes);
/* Call this when the client has read its large document or has disconnected. True if there was a large write, so that
 * another one may begin. */
bool large_writes_end(struct large_writes *writes, struct large_write *write);
/* Call this once a second. Returns a client that has read nothing for a while; NULL: none. */
struct large_write *large_writes_stuck(struct large_writes *writes, int64_t now_ms);

#endif
