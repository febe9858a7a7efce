/* feed_entries: each partition gets the same room in the window. If one partition has more entries than were read,
 * later entries of the other partitions are dropped and read again later. Only whole entries are kept, so that all keys
 * of an entry are seen in sequence and the entry can be removed when none of its keys has a document. */
#include "feed_entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

enum {
        BOUND_SIZE = FEED_ID_SIZE + 1,
        ROOM_ALONE = 256, /* keys, for a single stream */
        COUNT_MIN = 2,    /* an entry counts as completely seen if it has fewer keys than the cursor says */
};

size_t feed_entries_room(unsigned partitions)
{
        return partitions == 1 ? ROOM_ALONE : (size_t)partitions * FEED_KEYS_MAX;
}

/* --- The entries in a reply --------------------------------------------------------------------------------------- */

/* True if the reader gets the entry that this one repeats. A reader that has already passed that entry's id does not
 * get it. */
static bool is_repeated(const struct feed_entries *entries, const struct cursor_point *point,
                        const struct feed_entry *read)
{
        if (read->before.ms == 0 || read->before.ms < entries->since_ms)
                return false;
        int order = feed_id_compare(read->before, point->id);
        return entries->is_descending || order > 0 || (order == 0 && point->keys > 0);
}

/* Adds the entry's keys, except the first `place` ones in the order of reading. */
static void keep_entry(struct feed_entries *entries, unsigned partition, const struct feed_entry *read, size_t place)
{
        struct feed_window *window = entries->window;
        bool left_out = is_repeated(entries, &entries->places->of[partition], read);
        for (; place < read->count; place++) {
                struct feed_window_entry *entry = &window->entries[window->count++];
                size_t number = entries->is_descending ? read->count - 1 - place : place;
                size_t keys_after = entries->is_descending ? number : (number + 1) % read->count;
                *entry = (struct feed_window_entry){ .id = read->id,
                                                     .partition = partition,
                                                     .place = (unsigned)place,
                                                     .keys_after = (unsigned)keys_after,
                                                     .mark_ms = read->mark_ms,
                                                     .left_out = left_out };
                memcpy(entry->key, read->keys[number], sizeof(entry->key));
        }
}

/* An entry that is not ours is skipped. */
static void keep_foreign(struct feed_window *window, unsigned partition, struct feed_id id)
{
        window->entries[window->count++] =
                (struct feed_window_entry){ .id = id, .partition = partition, .mark_ms = -1, .left_out = true };
}

/* How many of the entry's keys come before the position, in the order of reading. */
static size_t keys_seen(const struct feed_entries *entries, const struct cursor_point *point,
                        const struct feed_entry *read)
{
        size_t keys = point->keys < read->count ? point->keys : read->count;
        if (point->keys == 0 || feed_id_compare(read->id, point->id) != 0)
                return 0;
        return entries->is_descending ? read->count - keys : keys;
}

/* False: there is no room. */
static bool keep(struct feed_entries *entries, unsigned partition, const struct redis_reply *reply, size_t *room)
{
        struct cursor_point *point = &entries->places->of[partition];
        struct feed_entry read = { 0 };
        bool is_ours = feed_entry_read(reply, &read);
        size_t place = keys_seen(entries, point, &read);
        if (place > 0 && place == read.count) {
                point->keys = 0; /* no keys come after those that the cursor counts */
                return true;
        }
        size_t needed = is_ours ? read.count - place : 1;
        if (needed > *room)
                return false;
        *room -= needed;
        if (is_ours)
                keep_entry(entries, partition, &read, place);
        else
                keep_foreign(entries->window, partition, read.id);
        return true;
}

/* Of the entries in the window from `first` on. */
static void note_newest(struct feed_entries *entries, unsigned partition, size_t first)
{
        const struct feed_window *window = entries->window;
        size_t newest = entries->is_descending ? first : window->count - 1;
        feed_highest_note(entries->read->store->highest, entries->read->generation, partition,
                          window->entries[newest].id);
}

static void keep_page(struct feed_entries *entries, unsigned partition, const struct redis_reply *page)
{
        size_t room = entries->window->most / entries->read->partitions;
        size_t count = redis_reply_count(page), kept = 0, before = entries->window->count;
        while (kept < count && kept < entries->count && keep(entries, partition, redis_reply_at(page, kept), &room))
                kept++;
        entries->has_more[partition] = kept < count || count >= entries->count;
        if (entries->window->count > before)
                note_newest(entries, partition, before);
        /* If entries are large, requests no more than there is room for. */
        if (kept < count && entries->count_next == 0)
                entries->count_next = kept + 1 < COUNT_MIN ? COUNT_MIN : kept + 1;
        else if (kept < count && kept + 1 > entries->count_next)
                entries->count_next = kept + 1;
}

/* --- Merging in order ------------------------------------------------------------------------------------- */

static int compare_entries(const struct feed_window_entry *a, const struct feed_window_entry *b)
{
        int order = feed_id_compare(a->id, b->id);
        if (order == 0 && a->partition != b->partition)
                order = a->partition < b->partition ? -1 : 1;
        return order;
}

static int compare_places(const struct feed_window_entry *a, const struct feed_window_entry *b)
{
        return a->place == b->place ? 0 : a->place < b->place ? -1 : 1;
}

static int ascending(const void *left, const void *right)
{
        int order = compare_entries(left, right);
        return order != 0 ? order : compare_places(left, right);
}

static int descending(const void *left, const void *right)
{
        int order = compare_entries(right, left);
        return order != 0 ? order : compare_places(left, right);
}

/* Drops entries that may follow others that were not read. */
static void cut(struct feed_entries *entries)
{
        struct feed_window *window = entries->window;
        size_t end[FEED_PARTITIONS] = { 0 }, count = window->count;
        for (size_t i = 0; i < window->count; i++)
                end[window->entries[i].partition] = i + 1;
        for (unsigned partition = 0; partition < entries->read->partitions; partition++) {
                entries->is_inside |= entries->has_more[partition];
                if (entries->has_more[partition] && end[partition] < count)
                        count = end[partition];
        }
        window->count = count;
}

static void answered(struct feed_entries *entries)
{
        struct feed_window *window = entries->window;
        if (!feed_read_is_answered(entries->read))
                return;
        if (entries->read->partitions > 1)
                qsort(window->entries, window->count, sizeof(window->entries[0]),
                      entries->is_descending ? descending : ascending);
        cut(entries);
        entries->count = entries->count_next > 0 ? entries->count_next : FEED_READ_MAX;
        entries->read->store->feed_count = entries->count;
        entries->on_done(entries);
}

static void on_page(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_ask *ask = feed_ask_of(command);
        struct feed_entries *entries = ask->step;
        entries->read->generation = command->generation;
        if (feed_read_check(entries->read, reply, err))
                keep_page(entries, (unsigned)ask->first, reply);
        redis_command_fini(command);
        answered(entries);
}

/* --- Requests --------------------------------------------------------------------------------------------------- */

/* A bound at a position: it excludes that entry, unless only some of its keys were seen. */
static void format_place(const struct cursor_point *point, char out[BOUND_SIZE])
{
        *out = '(';
        (void)feed_id_format(point->id, point->keys > 0 ? out : out + 1);
}

static void format_from(const struct feed_entries *entries, const struct cursor_point *point, char out[BOUND_SIZE])
{
        if (entries->is_descending || point->id.ms < entries->since_ms)
                (void)snprintf(out, BOUND_SIZE, "%" PRIu64, entries->since_ms);
        else
                format_place(point, out);
}

static void format_to(const struct feed_entries *entries, const struct cursor_point *point, char out[BOUND_SIZE])
{
        uint64_t until_ms = entries->until_ms;
        bool has_place = entries->is_descending && point->id.sequence + point->id.ms > 0;
        if (has_place && point->id.ms < until_ms)
                format_place(point, out);
        else if (until_ms == UINT64_MAX)
                memcpy(out, "+", sizeof("+"));
        else
                (void)snprintf(out, BOUND_SIZE, "%" PRIu64, until_ms > 0 ? until_ms - 1 : 0);
}

/* False: out of memory, which has been recorded. */
static bool read_partition(struct feed_entries *entries, int64_t day, unsigned partition)
{
        struct feed_read *read = entries->read;
        const struct cursor_point *point = &entries->places->of[partition];
        char stream[FEED_STREAM_SIZE], from[BOUND_SIZE], to[BOUND_SIZE], count[24];
        bool is_descending = entries->is_descending;
        (void)feed_stream(redis_place(read->store->redis)->key_prefix, day, partition, stream);
        (void)snprintf(count, sizeof(count), "%zu", entries->count);
        format_from(entries, point, from);
        format_to(entries, point, to);
        return feed_read_send(read, feed_read_ask(read, partition, 0, entries), on_page, 6,
                              (const char *[]){ is_descending ? "XREVRANGE" : "XRANGE", stream,
                                                is_descending ? to : from, is_descending ? from : to, "COUNT", count });
}

void feed_entries_read(struct feed_entries *entries, int64_t day, struct cursor_places *places)
{
        struct feed_read *read = entries->read;
        bool is_sent = true;
        entries->places = places;
        entries->is_inside = false;
        entries->count_next = 0;
        memset(entries->has_more, 0, sizeof(entries->has_more));
        feed_window_clear(entries->window);
        feed_read_step(read);
        for (unsigned partition = 0; partition < read->partitions && is_sent; partition++)
                if (!entries->is_descending || !cursor_point_is_over(&places->of[partition]))
                        is_sent = read_partition(entries, day, partition);
        answered(entries);
}
