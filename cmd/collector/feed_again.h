/* feed_again: notices new entries that readers would miss. After a failover the new primary may assign ids below those
 * that readers have seen, if it lacks the last entries and its clock is slow by more than the duration of the failover.
 * A reader with a cursor has already passed such ids. So the entry is added again, above the highest id that this
 * process has seen in replies and in reads; after that, Redis assigns higher ids by itself.
 *
 *     feed_again_begin(&group->again, highest, partition);           // before the entry is sent
 *     feed_again_fill(&group->again, day, &addition);                // each time it is formatted
 *
 *     if (feed_again_is_due(&group->again, highest, command, reply)) // in on_reply: format and send it again
 *
 * The second entry names the id of the first, so readers that get both can omit it (feed_entries.h). The id is compared
 * with the highest one that was known when the entry was sent, since other entries are added while the first one is in
 * flight.
 *
 * Ids that are far ahead of our clock are ignored. Only another program adds such ids, and entries above them would
 * date our documents just as far ahead.
 *
 * Threads: any for struct feed_highest; one at a time for struct feed_again. */
#ifndef COLLECTOR_FEED_AGAIN_H
#define COLLECTOR_FEED_AGAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "feed.h"
#include "redis/redis.h"

/* There is one per process. */
struct feed_highest {
        int64_t ahead_max_ms; /* set by the caller: ids that are further ahead are ignored */

        /* Private. */
        atomic_uint generation; /* of the target in which the ids were seen */
        _Atomic uint64_t ids[FEED_PARTITIONS];
};

/* Notes an id in a stream of that partition. NULL is fine. */
void feed_highest_note(struct feed_highest *highest, unsigned generation, unsigned partition, struct feed_id id);

/* One entry that is being added. */
struct feed_again {
        /* Private. */
        unsigned partition, generation;
        uint64_t seen; /* the highest id at the beginning */
        unsigned times;
        int64_t day;           /* of the first entry's stream        */
        struct feed_id id;     /* of the second entry; 0-0: chosen by Redis */
        struct feed_id before; /* of the first entry                   */
};

/* `highest` may be NULL; the entry is then never added again. */
void feed_again_begin(struct feed_again *again, const struct feed_highest *highest, unsigned partition);
/* Sets the ids of the entry, which goes to a stream of that day. */
void feed_again_fill(struct feed_again *again, int64_t day, struct feed_addition *addition);
/* Notes the id in the reply to the XADD. True: add the entry again. */
bool feed_again_is_due(struct feed_again *again, struct feed_highest *highest, const struct redis_command *command,
                       const struct redis_reply *reply);

#endif
