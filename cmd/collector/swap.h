/* swap: the moment at which a swap of the binding takes effect for the whole process. Each connection of each worker reaches
 * the new Redis at a time of its own. A worker that is still connected to the former one would answer 404 for a document
 * that another worker has acknowledged in the new one, and would acknowledge documents that the other one cannot
 * read. So from the first acknowledgement in a newer Redis on, nothing that was done or missed in an older one is final:
 * a write is repeated, a read that found nothing is repeated, a list begins again. Commands sent from then on wait,
 * within the hold time, until their connection has reached the newer Redis.
 *
 *     read->get.generation_min = swap_newest(swap);
 *     redis_send(redis, &read->get);
 *     ...
 *     if (swap_is_behind(swap, command->generation)) ...       // found nothing there: repeat it
 *     swap_note(swap, command->generation);                    // acknowledged
 *
 * The generation of a target tells which Redis is newer. It also grows if the binding is changed back.
 *
 * Threads: any. */
#ifndef COLLECTOR_SWAP_H
#define COLLECTOR_SWAP_H

#include <stdatomic.h>
#include <stdbool.h>

/* One for the process. All zero: nothing has been acknowledged yet. */
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

/* Call it before the sender can learn of the acknowledgement. */
static inline void swap_note(struct swap *swap, unsigned generation)
{
        unsigned newest = atomic_load(&swap->newest);
        while (newest < generation && !atomic_compare_exchange_weak(&swap->newest, &newest, generation))
                continue;
}

#endif
