/* store_trail: the keys being searched for are in a hash table, so each key that a search reads costs one look-up. More
 * keys may join while a search is in progress, since the replies of a whole window arrive together; what the search had
 * already read by then is read again for them.
 *
 * A search takes several steps, each in a different part of the feed, until every key has been found. */
#include "store_trail.h"

#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "feed_days.h"

enum {
        NEAR_KEYS_MAX = 4 * ANNOUNCE_KEYS_MAX,
        TIMES_APART_MAX_MS = FEED_DAY_MS, /* the most by which the times of documents in one span differ */
        STEPS = 4,
        MORE_ENTRIES = 2, /* the first read requests this many more than were enough last time */
};

enum way {
        WAY_NEAR,   /* where the last search found its keys */
        WAY_TIMES,  /* at the times that the documents suggest */
        WAY_RECENT, /* among the latest entries: bodies are most often sent again at once */
        WAY_WHOLE,  /* in the whole feed */
};

struct span {
        int64_t first_ms, last_ms;
        size_t keys_max;
        uint64_t first_sequence;
        size_t first_read; /* entries; 0: a few */
};

static const struct trail_place nowhere = { .ms = -1 };

/* --- The keys being searched for --------------------------------------------------------------------------------- */

static struct store_announce **slot_of(struct store_trail *trail, const char *key)
{
        uint32_t hash = 2166136261U; /* FNV-1a */
        for (size_t i = 0; i < UUID_TEXT_LENGTH; i++)
                hash = (hash ^ (unsigned char)key[i]) * 16777619U;
        return &trail->slots[(hash ^ hash >> 16) % TRAIL_SLOTS];
}

static void seek(struct store_trail *trail, struct store_announce *announce)
{
        struct store_announce **slot = slot_of(trail, announce->key);
        list_append(&trail->sought, &announce->link);
        announce->next = *slot;
        *slot = announce;
}

static void forget(struct store_trail *trail, struct store_announce *announce)
{
        struct store_announce **slot = slot_of(trail, announce->key);
        while (*slot != announce)
                slot = &(*slot)->next;
        *slot = announce->next;
        list_remove(&announce->link);
}

static void move_all(struct list *from, struct list *to)
{
        struct list *link;
        while ((link = list_first(from))) {
                list_remove(link);
                list_append(to, link);
        }
}

/* True if any of them has been waiting since the first step. */
static bool has_punctual(const struct store_trail *trail)
{
        const struct list *first = list_first(&trail->sought); /* those that joined late were appended */
        return first && !CONTAINER_OF(first, struct store_announce, link)->is_late;
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

/* The span from the earliest to the latest of the documents' times, or only the time of the first document if the times
 * are too far apart. */
static void span_of_times(const struct store_trail *trail, struct span *span)
{
        const struct list *first = list_first(&trail->sought);
        int64_t from_ms = CONTAINER_OF(first, struct store_announce, link)->begin_ms, to_ms = from_ms;
        int64_t first_ms = from_ms;
        for (const struct list *at = first; at; at = list_next(&trail->sought, at)) {
                int64_t ms = CONTAINER_OF(at, struct store_announce, link)->begin_ms;
                from_ms = ms < from_ms ? ms : from_ms;
                to_ms = ms > to_ms ? ms : to_ms;
        }
        bool is_close = to_ms - from_ms <= TIMES_APART_MAX_MS;
        *span = (struct span){ is_close ? from_ms : first_ms, is_close ? to_ms : first_ms, NEAR_KEYS_MAX, 0, 0 };
}

/* Where the step searches. The first two steps try what may have worked before. */
static enum way way_of(const struct store_trail *trail)
{
        static const enum way usual[STEPS] = { WAY_NEAR, WAY_TIMES, WAY_RECENT, WAY_WHOLE };
        return usual[trail->is_by_time && trail->step < 2 ? 1 - trail->step : trail->step];
}

/* False: there is nothing to search in this step. */
static bool step_span(const struct store_trail *trail, struct span *span)
{
        int64_t now_ms = clock_realtime_ms();
        switch (way_of(trail)) {
        case WAY_NEAR:
                *span = (struct span){ trail->near.ms, trail->near.ms, NEAR_KEYS_MAX, trail->near.sequence,
                                       trail->near_entries + MORE_ENTRIES };
                return trail->near.ms >= 0;
        case WAY_TIMES:
                span_of_times(trail, span);
                return true;
        case WAY_RECENT:
                *span = (struct span){ now_ms - store_reach_ms(trail->store), now_ms, NEAR_KEYS_MAX, 0, 0 };
                return true;
        case WAY_WHOLE:
                *span = (struct span){ feed_day_start_ms(feed_days_first()), now_ms, trail->keys_left, 0, 0 };
                break;
        }
        return trail->keys_left > 0;
}

static void note_place(struct store_trail *trail, struct feed_id id)
{
        struct trail_place place = { (int64_t)id.ms, trail->search.partitions == 1 ? id.sequence : 0 };
        struct trail_place near = trail->near;
        if (near.ms < 0 || place.ms < near.ms || (place.ms == near.ms && place.sequence < near.sequence))
                trail->near = place;
}

static bool on_key(struct feed_search *search, int64_t day UNUSED, struct feed_id id, const char *key)
{
        struct store_trail *trail = CONTAINER_OF(search, struct store_trail, search);
        struct store_announce *at = *slot_of(trail, key);
        while (at && memcmp(at->key, key, UUID_TEXT_LENGTH) != 0)
                at = at->next;
        if (!at)
                return true;
        forget(trail, at);
        list_append(&trail->found, &at->link);
        note_place(trail, id);
        return !list_is_empty(&trail->sought);
}

static void on_searched(struct feed_search *search, enum store_outcome outcome, const struct err *err);

/* False: no step is left. */
static bool start_step(struct store_trail *trail)
{
        struct store *store = trail->store;
        const struct store_announce *first = CONTAINER_OF(list_first(&trail->sought), struct store_announce, link);
        int64_t reach_ms = store_reach_ms(store);
        for (; trail->step < STEPS; trail->step++) {
                struct span span = { 0 };
                if (!step_span(trail, &span))
                        continue;
                trail->search = (struct feed_search){ .redis = first->search.redis,
                                                      .place = first->search.place,
                                                      .turns = &store->turns,
                                                      .spans = { .reach_ms = reach_ms,
                                                                 .first_ms = span.first_ms,
                                                                 .last_ms = span.last_ms,
                                                                 .first_sequence = span.first_sequence,
                                                                 .end_ms = span.last_ms + reach_ms },
                                                      .last_day = feed_day(clock_realtime_ms()) + 1,
                                                      .keys_max = span.keys_max,
                                                      .first_read = span.first_read,
                                                      .on_key = on_key,
                                                      .on_done = on_searched };
                trail->was_near = trail->near;
                trail->near = nowhere;
                if (feed_search_start(&trail->search))
                        return true;
                trail->near = trail->was_near;
        }
        return false;
}

/* --- Rounds ------------------------------------------------------------------------------------------------------- */

/* The remaining keys were not found, or joined late. The former get an entry; the search begins again for the
 * latter. */
static void give_up(struct store_trail *trail, struct list *unlisted)
{
        for (struct list *at = list_first(&trail->sought), *next; at; at = next) {
                struct store_announce *announce = CONTAINER_OF(at, struct store_announce, link);
                next = list_next(&trail->sought, at);
                forget(trail, announce);
                list_append(announce->is_late ? &trail->waiting : unlisted, &announce->link);
        }
}

/* Begins to search for all waiting documents that are in the same Redis as the first one. */
static void begin_round(struct store_trail *trail)
{
        const struct list *first = list_first(&trail->waiting);
        unsigned place = first ? CONTAINER_OF(first, struct store_announce, link)->search.place : 0;
        for (struct list *at = list_first(&trail->waiting), *next; at; at = next) {
                struct store_announce *announce = CONTAINER_OF(at, struct store_announce, link);
                next = list_next(&trail->waiting, at);
                if (announce->search.place != place)
                        continue;
                list_remove(at);
                announce->is_late = false;
                seek(trail, announce);
        }
        trail->step = 0;
}

/* Starts the next search, if any. Documents for which there is nothing to search are moved to `unlisted`. */
static void search_on(struct store_trail *trail, struct list *unlisted)
{
        for (;;) {
                if (!has_punctual(trail)) {
                        give_up(trail, unlisted); /* only those that joined late */
                        begin_round(trail);
                }
                if (list_is_empty(&trail->sought) || start_step(trail))
                        return;
                give_up(trail, unlisted);
        }
}

static void add_all(struct list *unlisted)
{
        struct list *link;
        while ((link = list_first(unlisted))) {
                list_remove(link);
                store_announce_add(CONTAINER_OF(link, struct store_announce, link));
        }
}

static void end_all(struct list *done, enum store_outcome outcome, const struct err *err)
{
        struct list *link;
        while ((link = list_first(done))) {
                list_remove(link);
                store_announce_end(CONTAINER_OF(link, struct store_announce, link), outcome, err);
        }
}

static void note_step(struct store_trail *trail)
{
        enum way way = way_of(trail);
        size_t read = trail->search.keys_done;
        if (way == WAY_WHOLE)
                trail->keys_left -= read < trail->keys_left ? read : trail->keys_left;
        if (!list_is_empty(&trail->found))
                trail->near_entries = trail->search.entries_done;
        if (list_is_empty(&trail->found))
                trail->near = trail->was_near;
        else if (way != WAY_TIMES)
                trail->is_by_time = false;
        else if (trail->was_near.ms >= 0) /* `near` has been tried without success, now or before */
                trail->is_by_time = true;
        trail->step++;
}

static void fail_round(struct store_trail *trail, struct list *failed)
{
        for (struct list *at = list_first(&trail->sought), *next; at; at = next) {
                struct store_announce *announce = CONTAINER_OF(at, struct store_announce, link);
                next = list_next(&trail->sought, at);
                forget(trail, announce);
                announce->is_moved = trail->search.is_moved;
                list_append(failed, &announce->link);
        }
}

/* Starts the next search before it reports any outcome, since the callback may free the trail. */
static void on_searched(struct feed_search *search, enum store_outcome outcome, const struct err *err)
{
        struct store_trail *trail = CONTAINER_OF(search, struct store_trail, search);
        struct list found, failed, unlisted;
        struct err why = *err; /* may be part of the search, which is reused */
        list_init(&found);
        list_init(&failed);
        list_init(&unlisted);
        note_step(trail);
        move_all(&trail->found, &found);
        if (outcome != STORE_DONE)
                fail_round(trail, &failed);
        search_on(trail, &unlisted);
        add_all(&unlisted);
        end_all(&found, STORE_DONE, &why);
        end_all(&failed, outcome, &why);
}

/* --- One document ------------------------------------------------------------------------------------------------ */

void store_trail_init(struct store_trail *trail, struct store *store)
{
        *trail = (struct store_trail){
                .store = store, .near = nowhere, .was_near = nowhere, .keys_left = TRAIL_KEYS_MAX
        };
        list_init(&trail->waiting);
        list_init(&trail->sought);
        list_init(&trail->found);
}

void store_trail_announce(struct store_trail *trail, struct store_announce *announce, const struct store_read *found,
                          int64_t stored_ms)
{
        struct list unlisted;
        store_announce_prepare(trail->store, announce, found, stored_ms);
        list_init(&announce->link);
        announce->is_late = true;
        if (!list_is_empty(&trail->sought) && announce->search.place == trail->search.place) {
                seek(trail, announce);
                return;
        }
        list_append(&trail->waiting, &announce->link);
        if (!list_is_empty(&trail->sought) || !list_is_empty(&trail->found)) /* a search is in progress */
                return;
        list_init(&unlisted);
        search_on(trail, &unlisted);
        add_all(&unlisted);
}
