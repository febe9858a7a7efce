/* swap: determines when a change to the binding takes effect for the whole process. The connections reach the new Redis
 * at different times. A worker that is still connected to the old Redis would return 404 for a document that another
 * worker has acknowledged in the new Redis, and would acknowledge documents that the other worker cannot read. So after
 * the first acknowledgement in a newer Redis, no result from an older Redis is final: writes, and reads that found
 * nothing, are repeated, and listings start again. Commands sent after that wait, within the hold time, until their
 * connection has reached the newer Redis.
 *
 *     read->get.generation_min = swap_newest(swap);
 *     redis_send(redis, &read->get);
 *     ...
 *     if (swap_is_behind(swap, command->generation)) ...       // found nothing there: repeat it
 *     swap_note(swap, command->generation);                    // acknowledged
 *
 * The target with the higher generation is the newer one. The generation also grows if the binding is changed back.
 *
 * Threads: any. */
#ifndef COLLECTOR_SWAP_H
#define COLLECTOR_SWAP_H

#include <stdatomic.h>
#include <stdbool.h>

/* There is one per process. All zero: nothing has been acknowledged yet. */
struct swap {
        atomic_uint newest; /* the highest generation in which a document was acknowledged */
};

static inline unsigned swap_newest(const struct swap *swap)
{
        return atomic_load(&swap->newest);
}

static inline bool swap_is_behind(const struct swap *swap, unsigned generation)
{
        return swap_newest(swap) > generation;
}

/* Call this before the sender can learn of the acknowledgement. */
static inline void swap_note(struct swap *swap, unsigned generation)
{
        unsigned newest = atomic_load(&swap->newest);
        while (newest < generation && !atomic_compare_exchange_weak(&swap->newest, &newest, generation))
                continue;
}

#endif
