/* feed_entries: each partition gets the same room in the window. If one has more entries than were read, later entries
 * of the others are dropped and read again later. Only whole entries are kept, so that all keys of an entry are seen in
 * sequence and it can be removed when none has a document. */
#include "feed_entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

enum {
        ROOM_ALONE = 256, /* keys, for a single stream */
        COUNT_MIN = 2,    /* an entry may count as completely seen if it has fewer keys than the cursor says */
};

size_t feed_entries_room(unsigned partitions)
{
        return partitions == 1 ? ROOM_ALONE : (size_t)partitions * FEED_KEYS_MAX;
}

/* --- The entries in a reply --------------------------------------------------------------------------------------- */

/* Adds the entry's keys from `place` on. */
static void keep_entry(struct feed_window *window, unsigned partition, const struct feed_entry *read, size_t place)
{
        for (; place < read->count; place++) {
                struct feed_window_entry *entry = &window->entries[window->count++];
                *entry = (struct feed_window_entry){ .id = read->id,
                                                     .partition = partition,
                                                     .place = (unsigned)place,
                                                     .keys_after = place + 1 < read->count ? (unsigned)place + 1 : 0,
                                                     .mark_ms = read->mark_ms };
                memcpy(entry->key, read->keys[place], sizeof(entry->key));
        }
}

/* An entry that is not ours is skipped. */
static void keep_foreign(struct feed_window *window, unsigned partition, struct feed_id id)
{
        window->entries[window->count++] =
                (struct feed_window_entry){ .id = id, .partition = partition, .mark_ms = -1, .left_out = true };
}

/* False: there is no room. */
static bool keep(struct feed_entries *entries, unsigned partition, const struct redis_reply *reply, size_t *room)
{
        struct cursor_point *point = &entries->places->of[partition];
        struct feed_entry read = { 0 };
        bool is_ours = feed_entry_read(reply, &read);
        bool is_begun = point->keys > 0 && feed_id_compare(read.id, point->id) == 0;
        if (is_begun && point->keys >= read.count) {
                point->keys = 0; /* it has fewer keys than the cursor says: none are left */
                return true;
        }
        size_t place = is_begun ? point->keys : 0, needed = is_ours ? read.count - place : 1;
        if (needed > *room)
                return false;
        *room -= needed;
        if (is_ours)
                keep_entry(entries->window, partition, &read, place);
        else
                keep_foreign(entries->window, partition, read.id);
        return true;
}

static void keep_page(struct feed_entries *entries, unsigned partition, const struct redis_reply *page)
{
        size_t room = entries->window->most / entries->read->partitions;
        size_t count = redis_reply_count(page), kept = 0;
        while (kept < count && kept < entries->count && keep(entries, partition, redis_reply_at(page, kept), &room))
                kept++;
        entries->has_more[partition] = kept < count || count >= entries->count;
        /* Entries are large: ask for no more than there is room for. */
        if (kept < count && entries->count_next == 0)
                entries->count_next = kept + 1 < COUNT_MIN ? COUNT_MIN : kept + 1;
        else if (kept < count && kept + 1 > entries->count_next)
                entries->count_next = kept + 1;
}

/* --- Merging in order ------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
        const struct feed_window_entry *a = left, *b = right;
        int order = feed_id_compare(a->id, b->id);
        if (order == 0 && a->partition != b->partition)
                order = a->partition < b->partition ? -1 : 1;
        if (order == 0 && a->place != b->place)
                order = a->place < b->place ? -1 : 1;
        return order;
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
                qsort(window->entries, window->count, sizeof(window->entries[0]), compare);
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

/* --- Asking --------------------------------------------------------------------------------------------------- */

/* The first id to read: the one after the position, or that of the position's own entry if only some of its keys were
 * seen. */
static void format_from(const struct feed_entries *entries, unsigned partition, char out[FEED_ID_SIZE + 1])
{
        const struct cursor_point *point = &entries->places->of[partition];
        *out = '(';
        if (point->id.ms < entries->since_ms)
                (void)snprintf(out, FEED_ID_SIZE + 1, "%" PRIu64, entries->since_ms);
        else
                (void)feed_id_format(point->id, point->keys > 0 ? out : out + 1);
}

static void format_to(const struct feed_entries *entries, char out[FEED_ID_SIZE])
{
        uint64_t until_ms = entries->until_ms;
        if (until_ms == UINT64_MAX)
                memcpy(out, "+", sizeof("+"));
        else
                (void)snprintf(out, FEED_ID_SIZE, "%" PRIu64, until_ms > 0 ? until_ms - 1 : 0);
}

void feed_entries_read(struct feed_entries *entries, int64_t day, struct cursor_places *places)
{
        struct feed_read *read = entries->read;
        char stream[FEED_STREAM_SIZE], from[FEED_ID_SIZE + 1], to[FEED_ID_SIZE], count[24];
        const char *prefix = redis_place(read->store->redis)->key_prefix;
        entries->places = places;
        entries->is_inside = false;
        entries->count_next = 0;
        memset(entries->has_more, 0, sizeof(entries->has_more));
        feed_window_clear(entries->window);
        format_to(entries, to);
        (void)snprintf(count, sizeof(count), "%zu", entries->count);
        feed_read_step(read);
        for (unsigned partition = 0; partition < read->partitions; partition++) {
                format_from(entries, partition, from);
                (void)feed_stream(prefix, day, partition, stream);
                if (!feed_read_send(read, feed_read_ask(read, partition, 0, entries), on_page, 6,
                                    (const char *[]){ "XRANGE", stream, from, to, "COUNT", count }))
                        break;
        }
        answered(entries);
}
