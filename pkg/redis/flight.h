/* flight: the commands written to one connection, in order, until their replies arrive.
 *
 * Threads: loop only. */
#ifndef REDIS_FLIGHT_H
#define REDIS_FLIGHT_H

#include "redis/hold_queue.h"

struct flight {
        struct list in_flight;         /* written, in order                                                */
        struct list refused;           /* temporarily refused, in order, until in_flight is empty                    */
        struct redis_command *partial; /* the last of in_flight, if only its first bytes have been written */
        size_t partial_written;
};

void redis_flight_init(struct flight *flight);
/* Fails commands that have waited too long. A placeholder remains, so that a late reply is not mistaken for the next
 * command's. */
void redis_flight_expire(struct flight *flight, struct queue *queue, int64_t now_ms);
void redis_flight_free_stand_in(struct redis_command *command); /* a command that is COMMAND_ABANDONED */

static inline bool redis_flight_is_empty(const struct flight *flight)
{
        return list_is_empty(&flight->in_flight);
}

#endif
