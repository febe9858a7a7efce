/* feed_ends: sends XREVRANGE for each stream. */
#include "feed_ends.h"

#include "base/attr.h"
#include "base/clock.h"

int64_t feed_ends_day(const struct store *store)
{
        int64_t now_ms = clock_realtime_ms(), today = feed_day(now_ms);
        return now_ms > feed_day_start_ms(today) + store_reach_ms(store) ? today : today - 1;
}

static void answered(struct feed_ends *ends)
{
        if (feed_read_is_answered(ends->read))
                ends->on_known(ends);
}

/* ask->first is the partition; ask->count is 1 for the next day's stream, otherwise 0. */
static void on_entries(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_ask *ask = feed_ask_of(command);
        struct feed_ends *ends = ask->step;
        struct feed_entry newest = { 0 };
        ends->read->generation = command->generation;
        if (feed_read_check(ends->read, reply, err) && redis_reply_count(reply) > 0) {
                struct cursor_places *places = ask->count == 0 ? &ends->of_day : &ends->of_next;
                (void)feed_entry_read(redis_reply_at(reply, 0), &newest); /* sets the id of every entry, even of another
                                                                           * program */
                places->of[ask->first] = (struct cursor_point){ .id = newest.id };
                feed_highest_note(ends->read->store->highest, command->generation, (unsigned)ask->first, newest.id);
        }
        redis_command_fini(command);
        answered(ends);
}

static bool ask_partition(struct feed_ends *ends, int64_t day, unsigned partition, unsigned next)
{
        char stream[FEED_STREAM_SIZE];
        const char *argv[] = { "XREVRANGE", stream, "+", "-", "COUNT", "1" };
        const char *prefix = redis_place(ends->read->store->redis)->key_prefix;
        (void)feed_stream(prefix, day + next, partition, stream);
        return feed_read_send(ends->read, feed_read_ask(ends->read, partition, next, ends), on_entries, COUNT_OF(argv),
                              argv);
}

void feed_ends_ask(struct feed_ends *ends, int64_t day)
{
        bool is_sent = true;
        ends->day = day;
        ends->of_day = ends->of_next = (struct cursor_places){ 0 };
        feed_read_step(ends->read);
        for (unsigned i = 0; i < 2 * ends->read->partitions && is_sent; i++)
                is_sent = ask_partition(ends, day, i / 2, i % 2);
        answered(ends);
}
