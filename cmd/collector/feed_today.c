/* feed_today: the name is formatted again when the day or the place changes. */
#include "feed_today.h"

#include "base/clock.h"

static int64_t set_day(struct feed_today *today)
{
        int64_t day = feed_day(clock_realtime_ms());
        if (day != today->day) {
                today->day = day;
                today->name[0] = '\0';
        }
        return day;
}

const char *feed_today_stream(struct feed_today *today, const struct redis_place *place)
{
        int64_t day = set_day(today);
        if (place->number != today->place || !today->name[0]) {
                (void)feed_stream(place->key_prefix, day, 0, today->name);
                today->place = place->number;
        }
        return today->name;
}
