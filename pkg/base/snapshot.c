/* snapshot: a reader takes its reference under the lock that guards the pointer, so that no snapshot is destroyed
 * between reading the pointer and counting the reference. */
#include "base/snapshot.h"

#include <stddef.h>

void snapshot_init(struct snapshot *snapshot, void (*destroy)(struct snapshot *snapshot))
{
        atomic_init(&snapshot->references, 1);
        snapshot->destroy = destroy;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
        if (snapshot)
                atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
        return snapshot;
}

/* Release, so that this thread's reads come first; acquire, so that the last thread destroys the snapshot after all
 * others are done. */
void snapshot_unref(struct snapshot *snapshot)
{
        if (snapshot && atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) == 1)
                snapshot->destroy(snapshot);
}

void snapshot_holder_init(struct snapshot_holder *holder)
{
        (void)pthread_mutex_init(&holder->lock, NULL); /* default attributes: cannot fail on Linux */
        holder->now = NULL;
        atomic_init(&holder->set_count, 0);
}

void snapshot_holder_fini(struct snapshot_holder *holder)
{
        snapshot_unref(holder->now);
        holder->now = NULL;
        (void)pthread_mutex_destroy(&holder->lock); /* nothing refers to it any more */
}

/* The old snapshot is released outside the lock, since destroying it may take a while. */
void snapshot_holder_set(struct snapshot_holder *holder, struct snapshot *fresh)
{
        (void)pthread_mutex_lock(&holder->lock); /* this call and those below can't fail with a plain mutex */
        struct snapshot *old = holder->now;
        holder->now = fresh;
        atomic_fetch_add_explicit(&holder->set_count, 1, memory_order_release);
        (void)pthread_mutex_unlock(&holder->lock);
        snapshot_unref(old);
}

struct snapshot *snapshot_holder_get(struct snapshot_holder *holder)
{
        (void)pthread_mutex_lock(&holder->lock);
        struct snapshot *now = snapshot_ref(holder->now);
        (void)pthread_mutex_unlock(&holder->lock);
        return now;
}

bool snapshot_holder_refresh(struct snapshot_holder *holder, struct snapshot_seen *seen)
{
        if (atomic_load_explicit(&holder->set_count, memory_order_acquire) == seen->set_count)
                return false;
        struct snapshot *old = seen->snapshot;
        (void)pthread_mutex_lock(&holder->lock);
        seen->snapshot = snapshot_ref(holder->now);
        seen->set_count = atomic_load_explicit(&holder->set_count, memory_order_relaxed);
        (void)pthread_mutex_unlock(&holder->lock);
        snapshot_unref(old);
        return true;
}
