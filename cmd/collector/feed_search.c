/* feed_search: searches spans of time, for each span the days that it may touch, and for each day the pages of its
 * stream, or of all its partitions at once.
 *
 * An entry is in the stream of the day on which its writer sent the XADD, by the writer's clock. Redis assigns its id
 * later, by its own clock. So the streams from reach_ms before a span to FEED_CLOCK_SKEW_MS after it are searched;
 * except around midnight, that is a single stream. */
#include "feed_search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

enum {
        FIRST_SPAN_MS = 128,
        SPAN_GROWTH = 4,
        FIRST_READ = 16, /* entries: mostly enough, and with 60 keys in each, 512 take Redis over a millisecond */
        READ_GROWTH = 4,
};

static int64_t larger(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* --- Spans ---------------------------------------------------------------------------------------------------- */

static int64_t last_day_of_span(const struct feed_search *search)
{
        return smaller(feed_day(search->span.to_ms - 1 + FEED_CLOCK_SKEW_MS), search->last_day);
}

static void set_day(struct feed_search *search, int64_t day)
{
        search->day = day;
        for (unsigned partition = 0; partition < search->partitions; partition++) {
                search->pages[partition].is_inside = false;
                search->pages[partition].has_more = true;
        }
}

/* False: the span is empty. */
static bool set_span(struct feed_search *search, int64_t from_ms, int64_t to_ms)
{
        search->span.from_ms = larger(from_ms, search->span.earliest);
        search->span.to_ms = smaller(to_ms, search->span.latest);
        if (search->span.from_ms >= search->span.to_ms)
                return false;
        set_day(search, feed_day(search->span.from_ms - search->reach_ms));
        return true;
}

/* False: all spans around this time have been searched. */
static bool next_span_here(struct feed_search *search)
{
        int64_t farthest = larger(search->span.latest - search->last_ms, search->first_ms - search->span.earliest);
        while (search->span.inner_ms < farthest || search->span.is_back_next) {
                bool is_back = search->span.is_back_next;
                int64_t inner = search->span.inner_ms, outer = search->span.outer_ms;
                search->span.is_back_next = !is_back;
                if (is_back) {
                        search->span.inner_ms = outer;
                        search->span.outer_ms *= SPAN_GROWTH;
                        if (set_span(search, search->first_ms - outer, search->first_ms - inner))
                                return true;
                } else if (set_span(search, inner > 0 ? search->last_ms + inner : search->first_ms,
                                    search->last_ms + outer)) {
                        return true;
                }
        }
        return false;
}

static void go_to(struct feed_search *search, int64_t earliest, int64_t latest)
{
        search->span.earliest = larger(earliest, 0);
        search->span.latest = latest;
        search->span.inner_ms = 0;
        search->span.outer_ms = FIRST_SPAN_MS;
        search->span.is_back_next = false;
        search->keys = 0;
}

static bool go_to_end(struct feed_search *search)
{
        int64_t seen_ms = search->span.latest;
        if (search->is_at_end || seen_ms >= search->end_ms)
                return false;
        search->is_at_end = true;
        search->first_ms = search->last_ms = search->end_ms;
        go_to(search, larger(search->end_ms - FEED_CLOCK_SKEW_MS - search->reach_ms, seen_ms), search->end_ms);
        return true;
}

/* False: everything has been searched, or the limit is reached. */
static bool next_span(struct feed_search *search)
{
        if (search->keys < search->keys_max && next_span_here(search))
                return true;
        return go_to_end(search) && next_span_here(search);
}

/* --- Reads ---------------------------------------------------------------------------------------------------- */

static void give_turn(struct feed_search *search, const struct err *err)
{
        bool had_turn = search->has_turn;
        search->has_turn = false;
        if (had_turn && err)
                feed_turns_fail(search->turns, err);
        else if (had_turn)
                feed_turns_give(search->turns);
}

static void look_at_page(struct feed_search_page *page, const struct redis_reply *reply)
{
        struct feed_search *search = page->search;
        struct feed_entry entry = { .id = page->after };
        page->is_inside = true;
        page->has_more = redis_reply_count(reply) >= search->read_max;
        search->partition = page->partition;
        for (size_t i = 0; i < redis_reply_count(reply) && !search->is_enough; i++) {
                bool is_sound = feed_entry_read(redis_reply_at(reply, i), &entry);
                page->after = entry.id;
                search->keys += is_sound ? entry.count : 1;
                for (size_t k = 0; is_sound && k < entry.count && !search->is_enough; k++)
                        search->is_enough = !search->on_key(search, search->day, entry.id, entry.keys[k]);
        }
}

static bool has_more(const struct feed_search *search)
{
        for (unsigned partition = 0; partition < search->partitions; partition++)
                if (search->pages[partition].has_more)
                        return true;
        return false;
}

/* Moves to the start of the next read. False: there is none. */
static bool move_on(struct feed_search *search)
{
        if (search->keys < search->keys_max) {
                if (has_more(search))
                        return true;
                if (search->day + 1 <= last_day_of_span(search)) {
                        set_day(search, search->day + 1);
                        return true;
                }
        }
        return next_span(search);
}

static void free_pages(struct feed_search *search)
{
        if (search->pages != &search->alone)
                free(search->pages);
        search->pages = NULL;
}

static void done(struct feed_search *search)
{
        free_pages(search);
        search->on_done(search, search->outcome, &search->failure);
}

static void read_pages(struct feed_search *search);

static void on_turn(struct feed_turn *turn, const struct err *err)
{
        struct feed_search *search = CONTAINER_OF(turn, struct feed_search, turn);
        if (err) {
                search->outcome = store_failure(NULL, err, &search->failure);
                done(search);
                return;
        }
        search->has_turn = true;
        read_pages(search);
}

static void page_answered(struct feed_search *search)
{
        if (--search->waiting > 0)
                return;
        search->read_max =
                search->read_max < FEED_READ_MAX / READ_GROWTH ? search->read_max * READ_GROWTH : FEED_READ_MAX;
        bool is_sound = search->outcome == STORE_DONE;
        bool is_away = search->outcome == STORE_UNAVAILABLE &&
                       !search->is_moved; /* for others a change to the binding is not a failure */
        bool more = is_sound && !search->is_enough && move_on(search);
        give_turn(search, is_away ? &search->failure : NULL);
        if (!more) {
                done(search);
        } else if (search->turns) {
                search->turn.on_turn = on_turn;
                feed_turns_take(search->turns, &search->turn);
        } else {
                read_pages(search);
        }
}

static void on_page(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_search_page *page = CONTAINER_OF(command, struct feed_search_page, command);
        struct feed_search *search = page->search;
        size_t before = search->keys++;
        struct err why = { 0 };
        if (reply && redis_reply_type(reply) != REDIS_ERROR) {
                look_at_page(page, reply);
        } else if (search->outcome == STORE_DONE) {
                search->outcome = store_failure(reply, err, &why);
                search->failure = why;
        }
        search->keys_done += search->keys - before;
        redis_command_fini(command);
        page_answered(search);
}

static enum redis_made on_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        CONTAINER_OF(command, struct feed_search_page, command)->search->is_moved = true;
        return REDIS_NOT_MADE;
}

static void read_page(struct feed_search_page *page)
{
        struct feed_search *search = page->search;
        char stream[FEED_STREAM_SIZE];
        char from[FEED_ID_SIZE + 1] = "(";
        char to[24];
        char count[8];
        if (page->is_inside)
                (void)feed_id_format(page->after, from + 1);
        else
                (void)snprintf(from, sizeof(from), "%" PRId64, search->span.from_ms);
        (void)feed_stream(redis_place(search->redis)->key_prefix, search->day, page->partition, stream);
        const char *argv[] = { "XRANGE", stream, from, to, "COUNT", count };
        size_t lengths[] = { 6,
                             strlen(stream),
                             strlen(from),
                             (size_t)snprintf(to, sizeof(to), "%" PRId64, search->span.to_ms - 1),
                             5,
                             (size_t)snprintf(count, sizeof(count), "%zu", search->read_max) };
        redis_command_init(&page->command, on_page);
        page->command.on_place = on_place;
        page->command.made_for = search->place;
        if (redis_command_args(&page->command, COUNT_OF(argv), argv, lengths, NULL) < 0)
                page->command.must_not_hold = true; /* without bytes the next flush fails it with ERR_NOMEM */
        search->waiting++;
        redis_send(search->redis, &page->command);
}

/* redis_send never calls back itself, so no reply arrives during this loop. */
static void read_pages(struct feed_search *search)
{
        search->waiting = 0;
        for (unsigned partition = 0; partition < search->partitions; partition++)
                if (search->pages[partition].has_more)
                        read_page(&search->pages[partition]);
}

/* False: out of memory. */
static bool allocate(struct feed_search *search)
{
        search->partitions = feed_partitions(redis_place(search->redis));
        search->alone = (struct feed_search_page){ 0 };
        search->pages = search->partitions == 1 ? &search->alone : calloc(search->partitions, sizeof(search->pages[0]));
        for (unsigned partition = 0; search->pages && partition < search->partitions; partition++) {
                search->pages[partition].search = search;
                search->pages[partition].partition = partition;
        }
        return search->pages != NULL;
}

bool feed_search_start(struct feed_search *search)
{
        int64_t latest = smaller(search->end_ms, search->last_ms + search->reach_ms);
        search->is_at_end = search->has_turn = search->is_moved = search->is_enough = false;
        search->outcome = STORE_DONE;
        search->keys_done = 0;
        search->read_max = FIRST_READ;
        if (!allocate(search))
                return false;
        go_to(search, search->first_ms - FEED_CLOCK_SKEW_MS, latest);
        if (!next_span(search)) {
                free_pages(search);
                return false;
        }
        read_pages(search);
        return true;
}
