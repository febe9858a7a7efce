/* moves: determines since when Collectors have used a Redis, by the clock of that Redis. Replicas learn of a change to
 * the binding at different times, within two minutes. The first replicas to learn of it store documents in the new
 * Redis before the other replicas move, and the followers of those other replicas have not seen these documents. So
 * each worker that moves adds an entry to a small stream in the new Redis, `<prefix>collector:feed:moves`, and
 * followers start at the time of the first entry of the last few minutes.
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
        int64_t from_ms;     /* the result; by our own clock until it is known */

        /* Private. */
        unsigned generation; /* of the Redis; 0: there was no change */
        bool is_known, is_asking;
        int64_t begun_ms;  /* monotonic: when the binding changed */
        int64_t again_ms;  /* monotonic: the next attempt does not begin before this time */
        struct feed_id id; /* of our own entry */
        struct feed_read read;
        struct feed_naming naming;
        struct feed_ask asks[2];
};

void moves_begin(struct moves *moves, unsigned generation);
void moves_turn(struct moves *moves);
bool moves_are_known(const struct moves *moves);

#endif
