/* feed_today: name and slots are computed again when the day or the place changes. The slots of tags never change, but
 * the slots of names do if the key prefix has a hash tag. */
#include "feed_today.h"

#include <string.h>

#include "base/clock.h"

static void refresh(struct feed_today *today, const struct redis_place *place)
{
        int64_t day = feed_day(clock_realtime_ms());
        if (day == today->day && place->number == today->place)
                return;
        today->day = day;
        today->place = place->number;
        today->name[0] = '\0';
        today->has_slots = false;
}

static void find_slots(struct feed_today *today, const struct redis_place *place)
{
        char name[FEED_STREAM_SIZE];
        for (unsigned partition = 1; partition < FEED_PARTITIONS; partition++) {
                (void)feed_stream(place->key_prefix, today->day, partition, name);
                today->slots[partition] = redis_slot_of_key(name, strlen(name));
        }
        today->has_slots = true;
}

unsigned feed_today_partition(struct feed_today *today, const struct redis *redis, unsigned master)
{
        const struct redis_place *place = redis_place(redis);
        if (!place->is_cluster)
                return 0;
        refresh(today, place);
        if (!today->has_slots)
                find_slots(today, place);
        for (unsigned partition = 1; master > 0 && partition < FEED_PARTITIONS; partition++)
                if (redis_master_of_slot(redis, today->slots[partition]) == master)
                        return partition;
        return FEED_PARTITION_NONE;
}

unsigned feed_today_any(struct feed_today *today)
{
        return 1 + today->turn++ % (FEED_PARTITIONS - 1);
}

const char *feed_today_stream(struct feed_today *today, const struct redis_place *place, unsigned partition)
{
        refresh(today, place);
        if (!today->name[0] || partition != today->partition) {
                (void)feed_stream(place->key_prefix, today->day, partition, today->name);
                today->partition = partition;
        }
        return today->name;
}
