/* follower: the data that waits for a client is limited to WAITING_BYTES, or to one read (follow_read.h). */
#include "follower.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "feed_ends.h"
#include "json/json.h"

enum {
        WAITING_BYTES = 32 << 10, /* limit for waiting data, beyond which no other write begins */
        ALONE_BYTES = 64 << 10,   /* limit for one write, if nothing is waiting */
        COMMENT_EVERY_MS = 15 * 1000,
        COMMENT_WAITING_MAX = 1 << 10,
};

bool follower_has_room(const struct follower *follower, size_t bytes)
{
        size_t waiting = http_stream_waiting(follower->request);
        return waiting > 0 ? waiting + bytes <= WAITING_BYTES : bytes <= ALONE_BYTES;
}

static size_t write_others(struct follower *follower, const struct follow_read *read)
{
        size_t written = 0;
        for (size_t i = 0; i < read->count; i++) {
                size_t begin = i == 0 ? 0 : read->ends[i - 1];
                if (follower_ahead_has(&follower->ahead, read->keys[i]))
                        continue;
                (void)http_stream_write(follower->request, read->events.data + begin, read->ends[i] - begin);
                written++;
        }
        return written;
}

static void write_news(struct follower *follower, const char *name, const char *member, const char *text)
{
        char cursor[CURSOR_SIZE];
        struct buf event;
        buf_init(&event, 0);
        int rc = buf_printf(&event, "event: %s\ndata: {\"%s\":", name, member);
        if (rc == 0)
                rc = json_escape(&event, text, strlen(text));
        if (rc == 0 && follower->cursor.feed[0])
                rc = buf_printf(&event, "}\nid: %s\n\n", cursor_format(&follower->cursor, cursor));
        else if (rc == 0)
                rc = buf_puts(&event, "}\n\n");
        if (rc == 0)
                (void)http_stream_write(follower->request, event.data, event.len);
        buf_fini(&event);
}

static void go_to_time(struct follower *follower, const struct store *store, int64_t unix_ms)
{
        const struct cursor_point before = { .id = { .ms = (uint64_t)unix_ms - 1, .sequence = INT64_MAX } };
        follower->cursor = (struct cursor){ .day = feed_ends_day(store) };
        follower->since_ms = (uint64_t)unix_ms;
        for (unsigned i = 0; i < feed_partitions(redis_place(store->redis)); i++)
                follower->cursor.after.of[i] = follower->cursor.after_next.of[i] = before;
}

static void go_back(struct follower *follower)
{
        follower->cursor = *follower->late;
        follower->since_ms = 0;
}

void follower_reset(struct follower *follower, const char *feed, const char *reason)
{
        struct cursor oldest = { .day = feed_days_first() };
        (void)snprintf(oldest.feed, sizeof(oldest.feed), "%s", feed); /* fits */
        follower->cursor = oldest;
        follower->since_ms = 0;
        write_news(follower, "reset", "reason", reason);
}

void follower_rebind(struct follower *follower, const struct store *store, const char *address, int64_t unix_ms)
{
        if (follower->late && strcmp(follower->late->feed, store->name.text) == 0)
                go_back(follower);
        else
                go_to_time(follower, store, unix_ms);
        memcpy(follower->cursor.feed, store->name.text, sizeof(follower->cursor.feed));
        write_news(follower, "rebound", "address", address ? address : "");
}

bool follower_is_too_old(const struct follower *follower, int64_t retention_ms)
{
        int64_t ms = cursor_newest_ms(&follower->cursor);
        return retention_ms > 0 && ms > 0 && ms < clock_realtime_ms() - retention_ms;
}

size_t follower_write(struct follower *follower, const struct follow_read *read)
{
        size_t written = read->count;
        if (follower->ahead.count > 0)
                written = write_others(follower, read);
        else if (read->count > 0)
                (void)http_stream_write(follower->request, read->events.data, read->events.len);
        follower->count += written;
        http_request_set_count(follower->request, follower->count);
        return written;
}

void follower_comment(struct follower *follower, int64_t now_ms)
{
        if (follower->state == FOLLOWER_NEW || now_ms - follower->comment_ms < COMMENT_EVERY_MS)
                return;
        follower->comment_ms = now_ms;
        if (http_stream_waiting(follower->request) < COMMENT_WAITING_MAX)
                (void)http_stream_write(follower->request, ":\n\n", 3);
}
