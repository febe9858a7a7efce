/* backed: what every resolved service has in common, for those who follow it: a Redis, a Collector, tokens.
 *
 * Threads: immutable once it is in use, and counted: any. */
#ifndef BACKING_BACKED_H
#define BACKING_BACKED_H

#include <stddef.h>

#include "backing/notes.h"
#include "base/attr.h"
#include "base/snapshot.h"

/* The first member of struct backing_redis, struct backing_collector and struct backing_tokens. Their destructors free
 * the notes, too. */
struct backed {
        struct snapshot snapshot;
        unsigned generation; /* 0: resolved, and never in use */
        struct notes notes;
};

static inline void backed_unref(struct backed *backed)
{
        if (backed)
                snapshot_unref(&backed->snapshot);
}

#endif
