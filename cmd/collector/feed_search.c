/* feed_search: searches spans of time, for each span the days that it may touch, and for each day the pages of its
 * stream.
 *
 * An entry is in the stream of the day on which its writer sent the XADD, by the writer's clock. Redis assigns its id
 * later, by its own clock. So the streams from reach_ms before a span to FEED_CLOCK_SKEW_MS after it are searched;
 * except around midnight, that is a single stream. */
#include "feed_search.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

enum { FIRST_SPAN_MS = 128, SPAN_GROWTH = 4 };

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

/* False: the span is empty. */
static bool set_span(struct feed_search *search, int64_t from_ms, int64_t to_ms)
{
        search->span.from_ms = larger(from_ms, search->span.earliest);
        search->span.to_ms = smaller(to_ms, search->span.latest);
        if (search->span.from_ms >= search->span.to_ms)
                return false;
        search->day = feed_day(search->span.from_ms - search->reach_ms);
        search->is_inside = false;
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

static bool page_is_enough(struct feed_search *search, const struct redis_reply *page)
{
        struct feed_entry entry = { .id = search->after };
        search->is_inside = true;
        for (size_t i = 0; i < redis_reply_count(page); i++) {
                bool is_sound = feed_entry_read(redis_reply_at(page, i), &entry);
                search->after = entry.id;
                search->keys += is_sound ? entry.count : 1;
                for (size_t k = 0; is_sound && k < entry.count; k++)
                        if (!search->on_key(search, search->day, entry.id, entry.keys[k]))
                                return true;
        }
        return false;
}

/* Moves to the start of the next read. False: there is none. */
static bool move_on(struct feed_search *search, const struct redis_reply *page)
{
        if (redis_reply_count(page) >= FEED_READ_MAX && search->keys < search->keys_max)
                return true;
        search->is_inside = false;
        if (search->keys < search->keys_max && ++search->day <= last_day_of_span(search))
                return true;
        return next_span(search);
}

static void read_page(struct feed_search *search);

static void on_turn(struct feed_turn *turn, const struct err *err)
{
        struct feed_search *search = CONTAINER_OF(turn, struct feed_search, turn);
        if (err) {
                search->failure = *err; /* belongs to another search, which may be freed before on_done returns */
                search->on_done(search, NULL, &search->failure);
                return;
        }
        search->has_turn = true;
        read_page(search);
}

static void on_page(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_search *search = CONTAINER_OF(command, struct feed_search, command);
        bool sound = reply && redis_reply_type(reply) != REDIS_ERROR;
        size_t before = search->keys++;
        bool is_enough = sound && page_is_enough(search, reply);
        search->keys_done += search->keys - before;
        bool more = sound && !is_enough && move_on(search, reply);
        redis_command_fini(command);
        give_turn(search, search->is_moved ? NULL : err); /* for other searches a move is not a failure */
        if (!more) {
                search->on_done(search, sound ? NULL : reply, sound ? NULL : err);
        } else if (search->turns) {
                search->turn.on_turn = on_turn;
                feed_turns_take(search->turns, &search->turn);
        } else {
                read_page(search);
        }
}

static enum redis_made on_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        CONTAINER_OF(command, struct feed_search, command)->is_moved = true;
        return REDIS_NOT_MADE;
}

static void read_page(struct feed_search *search)
{
        char stream[FEED_STREAM_SIZE];
        char from[FEED_ID_SIZE + 1] = "(";
        char to[24];
        char count[8];
        if (search->is_inside)
                (void)feed_id_format(search->after, from + 1);
        else
                (void)snprintf(from, sizeof(from), "%" PRId64, search->span.from_ms);
        const char *prefix = redis_place(search->redis)->key_prefix;
        const char *argv[] = { "XRANGE", feed_stream(prefix, search->day, stream), from, to, "COUNT", count };
        size_t lengths[] = { 6,
                             strlen(stream),
                             strlen(from),
                             (size_t)snprintf(to, sizeof(to), "%" PRId64, search->span.to_ms - 1),
                             5,
                             (size_t)snprintf(count, sizeof(count), "%d", FEED_READ_MAX) };
        redis_command_init(&search->command, on_page);
        search->command.on_place = on_place;
        search->command.made_for = search->place;
        if (redis_command_args(&search->command, COUNT_OF(argv), argv, lengths, NULL) < 0)
                search->command.must_not_hold = true; /* without bytes the next flush fails it with ERR_NOMEM */
        redis_send(search->redis, &search->command);
}

bool feed_search_start(struct feed_search *search)
{
        int64_t latest = smaller(search->end_ms, search->last_ms + search->reach_ms);
        search->is_at_end = search->has_turn = search->is_moved = false;
        search->keys_done = 0;
        go_to(search, search->first_ms - FEED_CLOCK_SKEW_MS, latest);
        if (!next_span(search))
                return false;
        read_page(search);
        return true;
}
