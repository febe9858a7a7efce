/* snapshot: a value that is built once, never changes, and is replaced as a whole while threads use it: a list of
 * tokens, the target of a binding, a certificate with its key.
 *
 *     struct tokens { struct snapshot snapshot; ... };
 *     static void destroy(struct snapshot *s) { struct tokens *t = CONTAINER_OF(s, struct tokens, snapshot); ... }
 *
 *     struct tokens *fresh;                                      // build it and check it completely
 *     if (tokens_new(input, &fresh, &err) < 0) ...               // which calls snapshot_init(&..., destroy)
 *             return;                                            // on failure the old one stays in use
 *     snapshot_holder_set(&holder, &fresh->snapshot);            // from now on readers get the new one
 *
 *     struct snapshot *now = snapshot_holder_get(&holder);       // a reader, in any thread
 *     ...
 *     snapshot_unref(now);                                       // the last reference destroys it
 *
 * A frequent reader, such as a worker that needs the snapshot for each request, keeps the last snapshot it has seen and
 * renews it with snapshot_holder_refresh, which takes the lock only after a change.
 *
 * The holder has one reference, and each reader has its own. So a replaced snapshot lives until the last reader is done
 * with it; only then are its secrets wiped.
 *
 * Threads: any. snapshot_init and the functions _init and _fini of a holder: one at a time. */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Embedded in the counted struct. Private. */
struct snapshot {
        atomic_uint references;
        void (*destroy)(struct snapshot *snapshot);
};

/* The caller has the first reference. `destroy` frees everything, in the thread that releases the last reference. */
void snapshot_init(struct snapshot *snapshot, void (*destroy)(struct snapshot *snapshot));
/* Adds a reference; the caller must already have one. Returns its argument; NULL is fine. */
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

/* Holds the newest snapshot. Private. */
struct snapshot_holder {
        pthread_mutex_t lock;
        struct snapshot *now;  /* one reference; NULL: none */
        atomic_uint set_count; /* how many times the snapshot has been replaced */
};

void snapshot_holder_init(struct snapshot_holder *holder); /* empty */
void snapshot_holder_fini(struct snapshot_holder *holder); /* releases its reference */
/* Replaces the snapshot and takes over the caller's reference; NULL empties the holder. */
void snapshot_holder_set(struct snapshot_holder *holder, struct snapshot *fresh);
/* Returns a new reference; NULL while the holder is empty. */
struct snapshot *snapshot_holder_get(struct snapshot_holder *holder);

/* The last snapshot that a reader has seen; all zero at first. One thread at a time. */
struct snapshot_seen {
        struct snapshot *snapshot; /* one reference; release it with snapshot_unref */
        unsigned set_count;
};

/* Updates `seen` to the newest snapshot. True if it has changed. Otherwise this costs one atomic load. */
bool snapshot_holder_refresh(struct snapshot_holder *holder, struct snapshot_seen *seen);

#endif
