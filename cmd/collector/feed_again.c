/* feed_again: an id is packed into 64 bits: 44 for the milliseconds (until the year 2527), 20 for the sequence. A
 * sequence that does not fit is replaced by the largest one that does; a later entry of the same millisecond then
 * counts as new. */
#include "feed_again.h"

#include "base/clock.h"

enum {
        SEQUENCE_BITS = 20,
        SEQUENCE_MAX = (1 << SEQUENCE_BITS) - 1,
        TIMES_MAX = 4, /* others may add higher ids in the meantime */
};

static uint64_t pack(struct feed_id id)
{
        uint64_t sequence = id.sequence < SEQUENCE_MAX ? id.sequence : SEQUENCE_MAX;
        return id.ms << SEQUENCE_BITS | sequence;
}

static struct feed_id next_after(uint64_t packed)
{
        packed++; /* after the largest sequence: the next millisecond */
        return (struct feed_id){ packed >> SEQUENCE_BITS, packed & SEQUENCE_MAX };
}

/* False: these ids are from a former target. */
static bool move_to(struct feed_highest *highest, unsigned generation)
{
        unsigned current = atomic_load(&highest->generation);
        if (generation > current && atomic_compare_exchange_strong(&highest->generation, &current, generation)) {
                for (unsigned i = 0; i < FEED_PARTITIONS; i++)
                        atomic_store(&highest->ids[i], 0);
                return true;
        }
        return generation >= current;
}

void feed_highest_note(struct feed_highest *highest, unsigned generation, unsigned partition, struct feed_id id)
{
        if (!highest || id.ms > (uint64_t)(clock_realtime_ms() + highest->ahead_max_ms) ||
            !move_to(highest, generation))
                return;
        _Atomic uint64_t *known = &highest->ids[partition];
        uint64_t seen = pack(id), before = atomic_load(known);
        while (before < seen && !atomic_compare_exchange_weak(known, &before, seen))
                continue;
}

void feed_again_begin(struct feed_again *again, const struct feed_highest *highest, unsigned partition)
{
        *again = (struct feed_again){ .partition = partition };
        if (!highest)
                return;
        again->generation = atomic_load(&highest->generation);
        again->seen = atomic_load(&highest->ids[partition]);
}

void feed_again_fill(struct feed_again *again, int64_t day, struct feed_addition *addition)
{
        if (again->times == 0)
                again->day = day;
        addition->id = again->id;
        /* Readers cannot compare positions in different streams, so after midnight they may get both entries. */
        addition->before = again->day == day ? again->before : (struct feed_id){ 0 };
}

static bool is_hidden(const struct feed_again *again, unsigned generation, struct feed_id id)
{
        return generation == again->generation && pack(id) < again->seen;
}

bool feed_again_is_due(struct feed_again *again, struct feed_highest *highest, const struct redis_command *command,
                       const struct redis_reply *reply)
{
        struct feed_id id;
        size_t length;
        const char *text = reply ? redis_reply_text(reply, &length) : NULL;
        if (!highest || !text || again->times == TIMES_MAX)
                return false;
        if (redis_reply_type(reply) == REDIS_ERROR) {
                /* Another entry now has a higher id, so the next id that Redis assigns is high enough. */
                if (again->id.ms == 0 || !redis_reply_is_error(reply, "ERR"))
                        return false;
                again->id = (struct feed_id){ 0 };
        } else {
                if (!feed_id_parse(text, length, &id))
                        return false;
                feed_highest_note(highest, command->generation, again->partition, id);
                if (!is_hidden(again, command->generation, id))
                        return false;
                again->before = id;
                again->id = next_after(atomic_load(&highest->ids[again->partition]));
        }
        again->times++;
        return true;
}
