/* snapshot: a value that is built once, never changes, and is replaced as a whole while threads use it: a list of
 * tokens, the target of a binding, a certificate with its key.
 *
 *     struct tokens { struct snapshot snapshot; ... };
 *     static void destroy(struct snapshot *s) { struct tokens *t = CONTAINER_OF(s, struct tokens, snapshot); ... }
 *
 *     struct tokens *fresh;                                      // build it, and check all of it
 *     if (tokens_new(input, &fresh, &err) < 0) ...               // which calls snapshot_init(&..., destroy)
 *             return;                                            // any failure: the old one stays in use
 *     snapshot_holder_set(&holder, &fresh->snapshot);            // from now on readers get the new one
 *
 *     struct snapshot *now = snapshot_holder_get(&holder);       // a reader, in any thread
 *     ...
 *     snapshot_unref(now);                                       // the last one out destroys it
 *
 * A reader that asks often, such as a worker for each request, keeps the snapshot that it has seen last and renews it
 * with snapshot_holder_refresh, which takes the lock only after a change.
 *
 * The holder has one reference, each reader has its own. So a snapshot that was replaced lives on until the last
 * reader is done with it, and secrets in it are wiped then.
 *
 * Threads: any. snapshot_init and the functions _init and _fini of a holder: one at a time. */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Embedded in what is counted. Private. */
struct snapshot {
        atomic_uint references;
        void (*destroy)(struct snapshot *snapshot);
};

/* The caller has the first reference. `destroy` frees all, in the thread that gives the last reference back. */
void snapshot_init(struct snapshot *snapshot, void (*destroy)(struct snapshot *snapshot));
/* One more reference, for whoever has one already. Returns its argument; NULL is fine. */
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

/* The place where the newest one is. Private. */
struct snapshot_holder {
        pthread_mutex_t lock;
        struct snapshot *now;  /* one reference; NULL: none */
        atomic_uint set_count; /* how often it was set      */
};

void snapshot_holder_init(struct snapshot_holder *holder); /* empty */
void snapshot_holder_fini(struct snapshot_holder *holder); /* gives its reference back */
/* Replaces what is held. Takes the caller's reference over; NULL empties the holder. */
void snapshot_holder_set(struct snapshot_holder *holder, struct snapshot *fresh);
/* A reference of the caller's own; NULL while the holder is empty. */
struct snapshot *snapshot_holder_get(struct snapshot_holder *holder);

/* What one reader has seen; all zero at first. One thread at a time. */
struct snapshot_seen {
        struct snapshot *snapshot; /* one reference; give it to snapshot_unref in the end */
        unsigned set_count;
};

/* Makes `seen` the newest one. True where it has changed. While it has not, this costs one atomic load. */
bool snapshot_holder_refresh(struct snapshot_holder *holder, struct snapshot_seen *seen);

#endif
