/* moves: since when Collectors use a Redis, by its own clock. Replicas learn of a change to the binding at different
 * times, within two minutes. Those who learn of it first store documents in the new Redis that followers of the others
 * have not seen when these move. So each worker that moves leaves an entry in a small stream there,
 * `<prefix>collector:feed:moves`, and followers start at the time of the first entry of the last minutes.
 *
 *     moves_begin(&moves, generation);          // the binding has changed
 *     moves_turn(&moves);                       // in each turn of the loop: asks once the new Redis is in use
 *     if (moves_are_known(&moves))
 *             ... moves.from_ms ...             // and the name of its feed is known
 *
 * Threads: loop only. */
#ifndef COLLECTOR_MOVES_H
#define COLLECTOR_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "feed_naming.h"
#include "feed_read.h"
#include "store.h"

struct moves {
        struct store *store; /* set by the caller */
        int64_t from_ms;     /* the result; before that by our own clock */

        /* Private. */
        unsigned generation; /* of the Redis; 0: there was no change */
        bool is_known, is_asking;
        int64_t begun_ms;  /* monotonic: when the binding changed */
        int64_t again_ms;  /* monotonic: not before that */
        struct feed_id id; /* of our own entry */
        struct feed_read read;
        struct feed_naming naming;
        struct feed_ask asks[2];
};

void moves_begin(struct moves *moves, unsigned generation);
void moves_turn(struct moves *moves);
bool moves_are_known(const struct moves *moves);

#endif
