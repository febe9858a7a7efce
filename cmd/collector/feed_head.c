/* feed_head: sends XREVRANGE for the streams that may still grow, those of a day and of the next. */
#include "feed_head.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

int64_t feed_head_day(const struct store *store)
{
        int64_t now_ms = clock_realtime_ms(), today = feed_day(now_ms);
        return now_ms > feed_day_start_ms(today) + store_reach_ms(store) ? today : today - 1;
}

static void finish(struct feed_head *head)
{
        struct feed_read *read = &head->read;
        if (read->is_moved || (read->outcome == STORE_DONE && swap_is_behind(head->store->swap, read->generation)))
                read->outcome = STORE_MOVED;
        head->on_known(head, read->outcome, &read->err);
}

static void answered(struct feed_head *head)
{
        if (feed_read_is_answered(&head->read))
                finish(head);
}

/* ask->first: the partition; ask->count: 0, or 1 for the next day. */
static void on_entries(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_ask *ask = feed_ask_of(command);
        struct feed_head *head = ask->step;
        struct feed_entry newest = { 0 };
        head->read.generation = command->generation;
        if (feed_read_check(&head->read, reply, err) && redis_reply_count(reply) > 0) {
                struct cursor_places *places = ask->count == 0 ? &head->cursor.after : &head->cursor.after_next;
                (void)feed_entry_read(redis_reply_at(reply, 0), &newest); /* returns the id of any entry */
                places->of[ask->first] = (struct cursor_point){ .id = newest.id };
        }
        redis_command_fini(command);
        answered(head);
}

static bool ask_partition(struct feed_head *head, unsigned partition, unsigned next)
{
        char stream[FEED_STREAM_SIZE];
        const char *argv[] = { "XREVRANGE", stream, "+", "-", "COUNT", "1" };
        const char *prefix = redis_place(head->store->redis)->key_prefix;
        (void)feed_stream(prefix, head->cursor.day + next, partition, stream);
        return feed_read_send(&head->read, feed_read_ask(&head->read, partition, next, head), on_entries,
                              COUNT_OF(argv), argv);
}

static void ask(struct feed_head *head)
{
        unsigned partitions = feed_partitions(redis_place(head->store->redis));
        bool is_sent = true;
        memcpy(head->cursor.feed, head->store->name.text, sizeof(head->cursor.feed));
        feed_read_step(&head->read);
        for (unsigned i = 0; i < 2 * partitions && is_sent; i++)
                is_sent = ask_partition(head, i / 2, i % 2);
        answered(head);
}

static void on_named(struct feed_naming *naming)
{
        struct feed_head *head = CONTAINER_OF(naming, struct feed_head, naming);
        if (head->read.outcome == STORE_DONE)
                ask(head);
        else
                finish(head);
}

void feed_head_start(struct feed_head *head)
{
        feed_read_init(&head->read, head->store);
        head->read.asks = head->asks;
        head->naming = (struct feed_naming){ .read = &head->read, .on_known = on_named };
        head->cursor = (struct cursor){ .day = feed_head_day(head->store) };
        if (feed_name_is_known(&head->store->name, head->read.generation))
                ask(head);
        else
                feed_naming_start(&head->naming);
}
