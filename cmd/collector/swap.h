/* swap: one moment at which a swap of the binding counts for the whole process. Each connection of each worker reaches the
 * new Redis at a time of its own. Without more, a document that one worker has acknowledged there would be 404 at another
 * one, which still reads in the former Redis; and that one would go on to acknowledge documents where the first does not
 * read any more. So from the first document that is acknowledged in a newer Redis, nothing is final that was done or
 * missed in an older one: a write is done once more, a read that found nothing is asked once more, a list begins again.
 * What is sent from then on waits until its connection has reached the newer one, within the hold time.
 *
 *     read->get.generation_min = swap_newest(swap);
 *     redis_send(redis, &read->get);
 *     ...
 *     if (swap_is_behind(swap, command->generation)) ...       // found nothing there: once more
 *     swap_note(swap, command->generation);                    // acknowledged
 *
 * Which Redis is newer tells the generation of its target (redis.h): it grows also where a binding is turned back.
 *
 * Threads: any. */
#ifndef COLLECTOR_SWAP_H
#define COLLECTOR_SWAP_H

#include <stdatomic.h>
#include <stdbool.h>

/* Of the process. Zeroed, nothing was acknowledged yet. */
struct swap {
        atomic_uint newest; /* of the targets in which a document was acknowledged: its generation */
};

static inline unsigned swap_newest(const struct swap *swap)
{
        return atomic_load(&swap->newest);
}

static inline bool swap_is_behind(const struct swap *swap, unsigned generation)
{
        return swap_newest(swap) > generation;
}

/* Before the sender can know that it is acknowledged. */
static inline void swap_note(struct swap *swap, unsigned generation)
{
        unsigned newest = atomic_load(&swap->newest);
        while (newest < generation && !atomic_compare_exchange_weak(&swap->newest, &newest, generation))
                continue;
}

#endif
