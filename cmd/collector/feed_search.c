/* feed_search: searches spans of time (feed_spans); for each span, the days that it may touch; and for each day, the
 * pages of its stream, or of all its partitions at once.
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
        FIRST_READ = 16, /* entries: usually enough; with 60 keys in each, 512 entries take Redis over a millisecond */
        READ_GROWTH = 4,
};

/* --- Days ----------------------------------------------------------------------------------------------------- */

static int64_t last_day_of_span(const struct feed_search *search)
{
        int64_t day = feed_day(search->spans.to_ms - 1 + FEED_CLOCK_SKEW_MS);
        return day < search->last_day ? day : search->last_day;
}

static void set_day(struct feed_search *search, int64_t day)
{
        search->day = day;
        for (unsigned partition = 0; partition < search->partitions; partition++) {
                search->pages[partition].is_inside = false;
                search->pages[partition].has_more = true;
        }
}

/* False: everything has been searched, or the limit is reached. */
static bool next_span(struct feed_search *search)
{
        if (search->keys >= search->keys_max || !feed_spans_next(&search->spans)) {
                if (!feed_spans_to_end(&search->spans) || !feed_spans_next(&search->spans))
                        return false;
                search->keys = 0;
        }
        set_day(search, feed_day(search->spans.from_ms - search->spans.reach_ms));
        return true;
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
                search->entries_done++;
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
                       !search->is_moved; /* for other callers a change to the binding is not a failure */
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
        struct feed_id first = { (uint64_t)search->spans.from_ms, search->spans.from_sequence };
        char from[FEED_ID_SIZE + 1] = "(";
        char to[24];
        char count[8];
        if (page->is_inside)
                (void)feed_id_format(page->after, from + 1);
        else
                (void)feed_id_format(first, from);
        (void)feed_stream(redis_place(search->redis)->key_prefix, search->day, page->partition, stream);
        const char *argv[] = { "XRANGE", stream, from, to, "COUNT", count };
        size_t lengths[] = { 6,
                             strlen(stream),
                             strlen(from),
                             (size_t)snprintf(to, sizeof(to), "%" PRId64, search->spans.to_ms - 1),
                             5,
                             (size_t)snprintf(count, sizeof(count), "%zu", search->read_max) };
        redis_command_init(&page->command, on_page);
        page->command.on_place = on_place;
        page->command.made_for = search->place;
        if (redis_command_args(&page->command, COUNT_OF(argv), argv, lengths, NULL) < 0)
                page->command.must_not_hold = true; /* the next flush fails a command without bytes (ERR_NOMEM) */
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
        search->has_turn = search->is_moved = search->is_enough = false;
        search->outcome = STORE_DONE;
        search->keys = search->keys_done = search->entries_done = 0;
        search->read_max = search->first_read == 0              ? FIRST_READ
                           : search->first_read < FEED_READ_MAX ? search->first_read
                                                                : FEED_READ_MAX;
        if (!allocate(search))
                return false;
        feed_spans_start(&search->spans);
        if (!next_span(search)) {
                free_pages(search);
                return false;
        }
        read_pages(search);
        return true;
}
