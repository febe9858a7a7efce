/* follower_ahead: documents that a follower already has although they come after its position. The follower has read
 * them itself, and if the tail (tail.h) reads them again, they are omitted.
 *
 * A read of the tail that begins after such a document was written, and reaches the end of the feed, has passed it.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOWER_AHEAD_H
#define COLLECTOR_FOLLOWER_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow_read.h"

struct follower_ahead_key;

struct follower_ahead { /* all zero: empty */
        struct follower_ahead_key *keys;
        size_t count, capacity;
        /* If there were too many keys to remember, or the keys are unknown: the number of the read of the tail that
         * must reach the end first; 0: all keys are remembered. */
        uint64_t unknown_until;
};

/* The follower begins at a place that the tail may not have reached yet: its client has documents that the tail will
 * read from now on, and their keys are unknown. */
void follower_ahead_begin(struct follower_ahead *ahead, uint64_t begun);
/* Call this when the documents of a read have been written. `begun`: the number of the read that the tail began
 * last. */
void follower_ahead_add(struct follower_ahead *ahead, const struct follow_read *read, uint64_t begun);
bool follower_ahead_has(const struct follower_ahead *ahead, const char *key);
/* Call this when the tail's reads up to that number have reached the end. */
void follower_ahead_passed(struct follower_ahead *ahead, uint64_t ended);
/* Call this when the follower no longer follows the tail: nothing counts as passed until follower_ahead_reached. */
void follower_ahead_leave(struct follower_ahead *ahead);
/* Call this when the follower's own read has reached the end. */
void follower_ahead_reached(struct follower_ahead *ahead, uint64_t begun);
bool follower_ahead_is_known(const struct follower_ahead *ahead);
void follower_ahead_clear(struct follower_ahead *ahead);

#endif
