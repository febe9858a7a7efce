/* backed: the common part of every resolved service (a Redis, a Collector, tokens): it is built from bindings, checked
 * completely, and from then on immutable and counted.
 *
 *     struct backing_certificate { struct backed backed; ... };           // first
 *     const struct backed_kind backing_certificate = { .noun = "certificate", .size = sizeof(struct backing_certificate),
 *                                                      .fill = fill, .fini = fini, .equal = equal };
 *     backed_new(&backing_certificate, &input, bindings, &backed, &err);  // or backing_watch_open, which follows it
 *
 * Threads: any; a service is immutable once it is in use, and has a reference count. */
#ifndef BACKING_BACKED_H
#define BACKING_BACKED_H

#include <stdbool.h>
#include <stddef.h>

#include "backing/notes.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/snapshot.h"

/* The first member of the struct of each kind. */
struct backed {
        struct snapshot snapshot;
        const struct backed_kind *kind;
        unsigned generation; /* 0: only resolved, not in use */
        struct notes notes;
};

/* What a kind of service consists of. */
struct backed_kind {
        const char *noun; /* for errors: "tokens" */
        size_t size;      /* of its struct        */
        /* Reads, checks and notes everything. `input` says what is requested, and names the sources besides the
         * bindings. ERR_NOT_FOUND if a requested binding is missing. `backed` is all zero at first. */
        int (*fill)(struct backed *backed, const void *input, const struct servicebinding_set *bindings,
                    struct err *err);
        /* Fills the service that is in use until the requested binding appears; NULL: that service is all zero. */
        int (*fill_nowhere)(struct backed *backed, const void *input, struct err *err);
        void (*fini)(struct backed *backed); /* frees what the two fill functions have added, even if they failed */
        bool (*equal)(const struct backed *a, const struct backed *b);
        const char *(*address)(const struct backed *backed); /* for logs and metrics; NULL: the service has none */
};

/* Errors of kind->fill; ERR_NOMEM. */
int backed_new(const struct backed_kind *kind, const void *input, const struct servicebinding_set *bindings,
               struct backed **out, struct err *err) NODISCARD;
int backed_new_nowhere(const struct backed_kind *kind, const void *input, struct backed **out,
                       struct err *err) NODISCARD;

/* NULL: it has none. */
static inline const char *backed_address(const struct backed *backed)
{
        return backed->kind->address ? backed->kind->address(backed) : NULL;
}

static inline void backed_unref(struct backed *backed)
{
        if (backed)
                snapshot_unref(&backed->snapshot);
}

#endif
