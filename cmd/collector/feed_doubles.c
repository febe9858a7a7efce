/* feed_doubles: entries whose marks are close together form a group; one search covers a group, and the groups are
 * searched one after another. When a page has reached its limit of keys, the remaining duplicates are shown. */
#include "feed_doubles.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

enum {
        GROUP_MS = 1000,   /* marks closer than this share a search */
        EARLIER_MS = 100,  /* Redis's clock may be slightly behind the writer's     */
        KEYS_MAX = 100000, /* read for one page: 50 ms of Redis's time             */
};

/* --- In the window -------------------------------------------------------------------------------------- */

/* Finds the same key in an earlier entry of the window, with a document that still exists. */
static bool stands_in_window(const struct feed_doubles *doubles, const struct feed_window_entry *entry)
{
        const struct feed_window *window = doubles->window;
        const struct feed_window_entry *from = doubles->is_descending ? entry + 1 : window->entries;
        const struct feed_window_entry *end = doubles->is_descending ? window->entries + window->count : entry;
        for (const struct feed_window_entry *other = from; other < end; other++)
                if (!other->is_gone && memcmp(other->key, entry->key, UUID_TEXT_LENGTH) == 0)
                        return true;
        return false;
}

static void leave_out_of_window(struct feed_doubles *doubles)
{
        struct feed_window *window = doubles->window;
        for (size_t i = window->at; i < window->end; i++) {
                struct feed_window_entry *entry = &window->entries[i];
                if (!entry->left_out && entry->mark_ms >= 0)
                        entry->left_out = stands_in_window(doubles, entry);
        }
}

/* --- In the feed ---------------------------------------------------------------------------------------- */

static void search_next_group(struct feed_doubles *doubles);

/* If two partitions have entries with the same id, one of the entries counts as the first. */
static bool is_before(const struct feed_doubles *doubles, int64_t day, struct feed_id id,
                      const struct feed_window_entry *entry)
{
        int order = feed_id_compare(id, entry->id);
        if (order == 0)
                order = doubles->search.partition < entry->partition ? -1 : 0;
        return day < doubles->day || (day == doubles->day && order < 0);
}

static bool on_earlier_key(struct feed_search *search, int64_t day, struct feed_id id, const char *key)
{
        struct feed_doubles *doubles = CONTAINER_OF(search, struct feed_doubles, search);
        struct feed_window *window = doubles->window;
        bool more = false;
        for (size_t i = window->at; i < window->end; i++) {
                struct feed_window_entry *entry = &window->entries[i];
                if (!entry->is_looked_for || entry->left_out)
                        continue;
                if (memcmp(entry->key, key, UUID_TEXT_LENGTH) == 0 && is_before(doubles, day, id, entry))
                        entry->left_out = true;
                else
                        more = true;
        }
        return more;
}

/* Selects the entries whose marks are close to that of `first` and passes their times to the search. */
static void gather_group(struct feed_doubles *doubles, struct feed_window_entry *first)
{
        struct feed_spans *spans = &doubles->search.spans;
        const struct feed_window_entry *end = &doubles->window->entries[doubles->window->end];
        spans->first_ms = spans->last_ms = first->mark_ms;
        for (struct feed_window_entry *entry = first; entry < end; entry++) {
                if (entry->left_out || entry->mark_ms < 0 || entry->is_searched ||
                    llabs(entry->mark_ms - first->mark_ms) > GROUP_MS)
                        continue;
                entry->is_searched = entry->is_looked_for = true;
                spans->first_ms = entry->mark_ms < spans->first_ms ? entry->mark_ms : spans->first_ms;
                spans->last_ms = entry->mark_ms > spans->last_ms ? entry->mark_ms : spans->last_ms;
                spans->end_ms = (int64_t)entry->id.ms >= spans->end_ms ? (int64_t)entry->id.ms + 1 : spans->end_ms;
        }
        spans->first_ms -= EARLIER_MS;
}

static void forget_group(struct feed_window *window)
{
        for (size_t i = window->at; i < window->end; i++)
                window->entries[i].is_looked_for = false;
}

static void on_searched(struct feed_search *search, enum store_outcome outcome, const struct err *err)
{
        struct feed_doubles *doubles = CONTAINER_OF(search, struct feed_doubles, search);
        forget_group(doubles->window);
        doubles->keys += search->keys_done;
        if (search->is_moved)
                doubles->read->is_moved = true;
        if (outcome != STORE_DONE) {
                feed_read_fail(doubles->read, outcome, err);
                doubles->on_done(doubles);
        } else {
                search_next_group(doubles);
        }
}

/* False: there is nothing to search for, or the limit is reached. */
static bool start_search(struct feed_doubles *doubles, struct feed_window_entry *first)
{
        struct store *store = doubles->read->store;
        size_t left = doubles->keys < KEYS_MAX ? KEYS_MAX - doubles->keys : 0;
        doubles->search = (struct feed_search){ .redis = store->redis,
                                                .place = doubles->read->place,
                                                .turns = &store->turns,
                                                .spans = { .reach_ms = store_reach_ms(store) },
                                                .last_day = doubles->day,
                                                .keys_max = left / 2,
                                                .on_key = on_earlier_key,
                                                .on_done = on_searched };
        gather_group(doubles, first);
        if (doubles->search.keys_max > 0 && feed_search_start(&doubles->search))
                return true;
        forget_group(doubles->window);
        return false;
}

static void search_next_group(struct feed_doubles *doubles)
{
        struct feed_window *window = doubles->window;
        for (size_t i = window->at; i < window->end; i++) {
                struct feed_window_entry *entry = &window->entries[i];
                if (!entry->left_out && entry->mark_ms >= 0 && !entry->is_searched && start_search(doubles, entry))
                        return;
        }
        doubles->on_done(doubles);
}

void feed_doubles_leave_out(struct feed_doubles *doubles, int64_t day)
{
        doubles->day = day;
        leave_out_of_window(doubles);
        search_next_group(doubles);
}
