/* backed: the common part of every resolved service (a Redis, a Collector, tokens), for the code that follows its
 * binding.
 *
 * Threads: any; a service is immutable once it is in use, and has a reference count. */
#ifndef BACKING_BACKED_H
#define BACKING_BACKED_H

#include <stddef.h>

#include "backing/notes.h"
#include "base/attr.h"
#include "base/snapshot.h"

/* The first member of struct backing_redis, struct backing_collector and struct backing_tokens. Their destructors also
 * free the notes. */
struct backed {
        struct snapshot snapshot;
        unsigned generation; /* 0: only resolved, not in use */
        struct notes notes;
};

static inline void backed_unref(struct backed *backed)
{
        if (backed)
                snapshot_unref(&backed->snapshot);
}

#endif
