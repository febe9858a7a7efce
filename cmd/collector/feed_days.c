/* feed_days: a missing stream reads like an empty one, so for one or two days a read costs no more than asking whether
 * the stream exists. */
#include "feed_days.h"

#include <string.h>

#include "base/attr.h"

int64_t feed_days_first(void)
{
        return 20454; /* 2026-01-01: no feed is older than the program */
}

enum feed_day_state feed_days_look_up(const struct feed_days *days, int64_t day)
{
        if (day < days->earliest || day > days->last)
                return FEED_DAY_EMPTY;
        if (day >= days->first && day < days->first + (int64_t)days->count)
                return days->has_stream[day - days->first] ? FEED_DAY_HAS_STREAM : FEED_DAY_EMPTY;
        int64_t left = days->is_descending ? day - days->earliest : days->last - day;
        return left > 1 ? FEED_DAY_UNKNOWN : FEED_DAY_HAS_STREAM;
}

static void answered(struct feed_days *days)
{
        if (feed_read_is_answered(days->read))
                days->on_known(days);
}

static void on_exists(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_ask *ask = feed_ask_of(command);
        struct feed_days *days = ask->step;
        if (feed_read_check(ask->read, reply, err))
                days->has_stream[ask->first] |= redis_reply_integer(reply) > 0;
        redis_command_fini(command);
        answered(days);
}

/* False: out of memory, which has been recorded. */
static bool ask_for_partitions(struct feed_days *days, size_t i)
{
        char stream[FEED_STREAM_SIZE];
        struct feed_read *read = days->read;
        for (unsigned partition = 0; partition < read->partitions; partition++) {
                (void)feed_stream(redis_place(read->store->redis)->key_prefix, days->first + (int64_t)i, partition,
                                  stream);
                if (!feed_read_send(read, feed_read_ask(read, i, 1, days), on_exists, 2,
                                    (const char *[]){ "EXISTS", stream }))
                        return false;
        }
        return true;
}

void feed_days_ask(struct feed_days *days, int64_t day)
{
        size_t most = days->read->asks_most / days->read->partitions;
        int64_t left = 1 + (days->is_descending ? day - days->earliest : days->last - day);
        feed_read_step(days->read);
        days->count = left < (int64_t)most ? (size_t)left : most;
        days->first = days->is_descending ? day - (int64_t)days->count + 1 : day;
        memset(days->has_stream, 0, sizeof(days->has_stream));
        for (size_t i = 0; i < days->count && ask_for_partitions(days, i);)
                i++;
        answered(days);
}
