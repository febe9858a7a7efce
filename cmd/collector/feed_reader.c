/* feed_reader: a chain of callbacks, each step ending in the next:
 *
 *     start -> ask for the name -> begin; newest first: -> find the ends of the streams -> go_on
 *     begin -> go_on -> read entries -> go_on -> fetch a batch   -> leave out doubles -> take_documents -> go_on
 *              go_on -> ask for days -> go_on    fetch existence -> take_documents                     -> go_on
 *                                                take_documents  -> fetch one whole    -> take_documents
 *
 * Entries are read many at a time, since the documents of many may be gone; documents are fetched in batches. After a
 * batch in which no document exists, EXISTS checks many keys at once until it finds some that exist. Readers take turns
 * with that search. */
#include "feed_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

enum {
        ENTRIES_MIN = 8, /* in one read, even if fewer documents are wanted */
        DAYS_A_PASS = 4, /* this many days count as one skipped key         */
        PASS_MAX = 1024, /* keys that one page may skip before it takes a key  */
};

/* --- Ending --------------------------------------------------------------------------------------------- */

/* Called when everything that was sent has been answered. */
static void give_turn(struct feed_reader *reader)
{
        struct feed_turns *turns = &reader->store->turns;
        bool had_turn = reader->has_turn;
        reader->has_turn = false;
        if (had_turn && reader->read.outcome == STORE_UNAVAILABLE)
                feed_turns_fail(turns, &reader->read.err);
        else if (had_turn)
                feed_turns_give(turns);
}

/* Ascending lists do not need that right, so a binding may lack it. */
static void explain_refusal(const struct feed_reader *reader, struct err *err)
{
        if (reader->cursor.is_descending && strstr(err->text, "NOPERM") && strstr(err->text, "xrevrange"))
                (void)err_wrap(err, "`order=desc` needs the right +xrevrange of Redis's user"); /* passed on */
}

static void finish(struct feed_reader *reader, bool more)
{
        struct feed_read *read = &reader->read;
        bool is_overtaken = read->outcome == STORE_DONE && swap_is_behind(reader->store->swap, read->generation);
        if (read->is_moved || is_overtaken)
                read->outcome = STORE_MOVED;
        else if (read->outcome == STORE_REFUSED)
                explain_refusal(reader, &read->err);
        give_turn(reader);
        feed_window_clear(&reader->window);
        free(reader->window.entries);
        free(read->asks);
        reader->window.entries = NULL;
        read->asks = NULL;
        reader->on_done(reader, read->outcome, more, &read->err);
}

/* --- Taking --------------------------------------------------------------------------------------------- */

static void go_on(struct feed_reader *reader);
static void on_whole(struct feed_fetch *fetch);

static int64_t current_day(const struct feed_reader *reader)
{
        return reader->cursor.day + (reader->in_next ? 1 : 0);
}

/* The positions in the streams of that day. */
static struct cursor_places *current_places(struct feed_reader *reader)
{
        return reader->in_next ? &reader->cursor.after_next : &reader->cursor.after;
}

/* An entry is removed when none of its keys has a document. */
static void note_gone(struct feed_reader *reader, const struct feed_window_entry *entry)
{
        if (!entry->is_gone || (entry->place > 0 && reader->gone != entry->place)) {
                reader->gone = 0;
                return;
        }
        reader->gone = entry->place + 1;
        if (entry->keys_after == 0)
                feed_trim_note(&reader->store->trim, current_day(reader), entry->partition, entry->id,
                               reader->read.generation);
}

static void pass(struct feed_reader *reader, struct feed_window_entry *entry)
{
        free(entry->document);
        entry->document = NULL;
        note_gone(reader, entry);
        if (entry->left_out)
                reader->passed++;
        else
                reader->taken++;
        current_places(reader)->of[entry->partition] =
                (struct cursor_point){ .id = entry->id, .keys = entry->keys_after };
}

/* Takes the documents up to the end of the batch. */
static void take_documents(struct feed_reader *reader)
{
        struct feed_window *window = &reader->window;
        for (; window->at < window->end; window->at++) {
                struct feed_window_entry *entry = &window->entries[window->at];
                if (!entry->left_out && entry->is_cut) {
                        feed_fetch_whole(&reader->fetch, on_whole);
                        return;
                }
                if (!entry->left_out && !reader->on_document(reader, entry->key, entry->document, entry->length)) {
                        finish(reader, true);
                        return;
                }
                pass(reader, entry);
        }
        go_on(reader);
}

/* --- Documents ------------------------------------------------------------------------------------------ */

static void take_or_finish(struct feed_reader *reader)
{
        if (reader->read.outcome == STORE_DONE)
                take_documents(reader);
        else
                finish(reader, false);
}

static void on_whole(struct feed_fetch *fetch)
{
        take_or_finish(CONTAINER_OF(fetch, struct feed_reader, fetch));
}

static void on_existence(struct feed_fetch *fetch)
{
        struct feed_reader *reader = CONTAINER_OF(fetch, struct feed_reader, fetch);
        give_turn(reader);
        take_or_finish(reader);
}

static void on_doubles_left_out(struct feed_doubles *doubles)
{
        take_or_finish(CONTAINER_OF(doubles, struct feed_reader, doubles));
}

static void on_batch(struct feed_fetch *fetch)
{
        struct feed_reader *reader = CONTAINER_OF(fetch, struct feed_reader, fetch);
        give_turn(reader);
        if (reader->read.outcome == STORE_DONE)
                feed_doubles_leave_out(&reader->doubles, current_day(reader));
        else
                finish(reader, false);
}

static void on_entries(struct feed_entries *entries)
{
        struct feed_reader *reader = CONTAINER_OF(entries, struct feed_reader, entries);
        reader->is_inside = entries->is_inside;
        give_turn(reader);
        go_on(reader);
}

/* --- From stream to stream ------------------------------------------------------------------------------ */

/* A stream gets no more entries once its day has been over for longer than the hold time plus the clock skew. */
static bool day_is_closed(const struct feed_reader *reader, int64_t day)
{
        return clock_realtime_ms() > feed_day_start_ms(day + 1) + store_reach_ms(reader->store);
}

/* True if a descending reader still has something to read there. */
static bool has_places_left(const struct feed_reader *reader, const struct cursor_places *places)
{
        for (unsigned partition = 0; partition < reader->read.partitions; partition++)
                if (!cursor_point_is_over(&places->of[partition]))
                        return true;
        return false;
}

static void move_to_day(struct cursor *at, int64_t day)
{
        at->day = day;
        at->after = at->after_next;
        at->after_next = (struct cursor_places){ 0 };
}

static enum feed_day_state previous_stream(struct feed_reader *reader)
{
        struct cursor *at = &reader->cursor;
        while (at->day > reader->days.earliest) {
                move_to_day(at, at->day - 1);
                enum feed_day_state state = feed_days_look_up(&reader->days, at->day);
                if (!cursor_places_are_new(&at->after))
                        state = has_places_left(reader, &at->after) ? FEED_DAY_HAS_STREAM : FEED_DAY_EMPTY;
                if (state != FEED_DAY_EMPTY)
                        return state;
        }
        return FEED_DAY_EMPTY;
}

/* At the end of a stream: moves to the next stream that exists, or to a day that has not been checked yet.
 * FEED_DAY_EMPTY: this was the last stream. */
static enum feed_day_state next_stream(struct feed_reader *reader)
{
        struct cursor *at = &reader->cursor;
        if (at->is_descending)
                return previous_stream(reader);
        while (!reader->in_next) {
                if (!day_is_closed(reader, at->day)) {
                        reader->in_next = true; /* the cursor stays on a day that may still get entries */
                        return at->day < reader->days.last ? FEED_DAY_HAS_STREAM : FEED_DAY_EMPTY;
                }
                if (at->day >= reader->days.last)
                        return FEED_DAY_EMPTY;
                move_to_day(at, at->day + 1);
                enum feed_day_state state = feed_days_look_up(&reader->days, at->day);
                if (state != FEED_DAY_EMPTY)
                        return state;
        }
        return FEED_DAY_EMPTY;
}

static void on_days_known(struct feed_days *days)
{
        struct feed_reader *reader = CONTAINER_OF(days, struct feed_reader, days);
        reader->passed += days->count / DAYS_A_PASS;
        reader->is_inside = feed_days_look_up(days, reader->cursor.day) == FEED_DAY_HAS_STREAM;
        go_on(reader);
}

/* --- The next step ------------------------------------------------------------------------------------ */

/* The number of documents that are wanted, plus one that shows whether there are more. */
static size_t documents_wanted(const struct feed_reader *reader)
{
        return reader->wanted > 0 ? reader->wanted - reader->taken + 1 : 0;
}

static void read_on(struct feed_reader *reader)
{
        if (reader->window.at == reader->window.count)
                feed_entries_read(&reader->entries, current_day(reader), current_places(reader));
        else if (reader->fetch.is_walking && !redis_is_cluster(reader->store->redis))
                feed_fetch_existence(&reader->fetch, on_existence);
        else
                feed_fetch_batch(&reader->fetch, documents_wanted(reader), on_batch);
}

static void on_turn(struct feed_turn *turn, const struct err *err)
{
        struct feed_reader *reader = CONTAINER_OF(turn, struct feed_reader, turn);
        if (err) {
                feed_read_fail(&reader->read, STORE_UNAVAILABLE, err);
                finish(reader, false);
                return;
        }
        reader->has_turn = true;
        read_on(reader);
}

static void read_in_turn(struct feed_reader *reader)
{
        reader->turn.on_turn = on_turn;
        if (reader->fetch.is_walking)
                feed_turns_take(&reader->store->turns, &reader->turn);
        else
                read_on(reader);
}

static void go_on(struct feed_reader *reader)
{
        if (reader->read.outcome != STORE_DONE) {
                finish(reader, false);
                return;
        }
        if (reader->passed >= PASS_MAX) {
                finish(reader, true);
                return;
        }
        bool is_here = reader->window.at < reader->window.count || reader->is_inside;
        enum feed_day_state state = is_here ? FEED_DAY_HAS_STREAM : next_stream(reader);
        if (state == FEED_DAY_HAS_STREAM)
                read_in_turn(reader);
        else if (state == FEED_DAY_UNKNOWN)
                feed_days_ask(&reader->days, reader->cursor.day);
        else
                finish(reader, false);
}

/* --- Starting ------------------------------------------------------------------------------------------- */

/* A document may be in the stream of the day on which it started to wait for Redis. */
static int64_t first_day(const struct feed_reader *reader)
{
        int64_t first = feed_days_first();
        int64_t since_day = feed_day((int64_t)reader->since_ms - store_reach_ms(reader->store));
        return since_day > first ? since_day : first;
}

static int64_t last_day(const struct feed_reader *reader)
{
        int64_t tomorrow = feed_day(clock_realtime_ms()) + 1; /* a writer's clock may be ahead */
        if (reader->until_ms == UINT64_MAX)
                return tomorrow;
        int64_t until_day = feed_day((int64_t)reader->until_ms + FEED_CLOCK_SKEW_MS);
        return until_day < tomorrow ? until_day : tomorrow;
}

struct cursor feed_reader_beginning(const struct feed_reader *reader, bool is_descending)
{
        int64_t day = is_descending ? last_day(reader) : first_day(reader), today = feed_day(clock_realtime_ms());
        return (struct cursor){ .is_descending = is_descending, .day = is_descending || day < today ? day : today };
}

/* False: out of memory. */
static bool allocate(struct feed_reader *reader)
{
        struct feed_window *window = &reader->window;
        size_t most = feed_entries_room(reader->read.partitions);
        *window = (struct feed_window){ .entries = malloc(most * sizeof(window->entries[0])), .most = most };
        reader->read.asks = malloc(reader->read.asks_most * sizeof(reader->read.asks[0]));
        return window->entries && reader->read.asks;
}

/* Fetching one more than will be taken shows whether there are more. No more entries are requested than the last read
 * should have requested, because these are probably as large. So one read takes Redis no longer than is needed for the
 * keys. */
static size_t entries_wanted(const struct feed_reader *reader)
{
        size_t count = reader->wanted > 0 && reader->wanted < FEED_READ_MAX ? reader->wanted + 1 : FEED_READ_MAX;
        size_t last = reader->store->feed_count;
        if (count < ENTRIES_MIN)
                count = ENTRIES_MIN;
        return last > 0 && last < count ? last : count;
}

/* The positions from which a reader gets the entries up to these. */
static struct cursor_places before_ends(const struct feed_reader *reader, const struct cursor_places *ends)
{
        struct cursor_places places = { 0 };
        for (unsigned partition = 0; partition < reader->read.partitions; partition++)
                places.of[partition] = cursor_point_behind(ends->of[partition].id);
        return places;
}

static void on_ends(struct feed_ends *ends)
{
        struct feed_reader *reader = CONTAINER_OF(ends, struct feed_reader, ends);
        struct cursor *at = &reader->cursor;
        bool is_next = at->day > ends->day;
        at->day = is_next ? ends->day + 1 : ends->day;
        at->after = before_ends(reader, is_next ? &ends->of_next : &ends->of_day);
        at->after_next = is_next ? before_ends(reader, &ends->of_day) : (struct cursor_places){ 0 };
        reader->is_inside = has_places_left(reader, &at->after);
        go_on(reader);
}

/* Moves a cursor from a day that cannot have entries to one that can. */
static void limit_day(struct feed_reader *reader)
{
        struct cursor *at = &reader->cursor;
        int64_t day = at->is_descending ? reader->days.last : reader->days.earliest;
        if (at->is_descending ? at->day <= day : at->day >= day)
                return;
        at->day = day;
        at->after = at->after_next = (struct cursor_places){ 0 };
}

static void begin_day(struct feed_reader *reader)
{
        struct cursor *at = &reader->cursor;
        bool is_new = cursor_places_are_new(&at->after);
        if (at->is_descending && is_new && at->day >= feed_ends_day(reader->store)) {
                feed_ends_ask(&reader->ends, feed_ends_day(reader->store));
                return;
        }
        enum feed_day_state first = feed_days_look_up(&reader->days, at->day);
        reader->is_inside = first == FEED_DAY_HAS_STREAM || (first == FEED_DAY_UNKNOWN && !is_new);
        if (at->is_descending && !has_places_left(reader, &at->after))
                reader->is_inside = false;
        if (first == FEED_DAY_UNKNOWN && is_new)
                feed_days_ask(&reader->days, at->day);
        else
                go_on(reader);
}

static void begin(struct feed_reader *reader)
{
        struct cursor *at = &reader->cursor;
        if (at->feed[0] && strcmp(at->feed, reader->store->name.text) != 0) {
                struct err err;
                (void)err_set(&err, ERR_NOT_FOUND, CURSOR_OTHER_REDIS ": start again without it, or with `since`");
                feed_read_fail(&reader->read, STORE_FOREIGN, &err);
                finish(reader, false);
                return;
        }
        memcpy(at->feed, reader->store->name.text, sizeof(at->feed));
        limit_day(reader);
        begin_day(reader);
}

static void on_named(struct feed_naming *naming)
{
        struct feed_reader *reader = CONTAINER_OF(naming, struct feed_reader, naming);
        if (reader->read.outcome == STORE_DONE)
                begin(reader);
        else
                finish(reader, false);
}

static void init_steps(struct feed_reader *reader)
{
        struct feed_read *read = &reader->read;
        bool is_descending = reader->cursor.is_descending;
        reader->naming = (struct feed_naming){ .read = read, .on_known = on_named };
        reader->ends = (struct feed_ends){ .read = read, .on_known = on_ends };
        reader->days = (struct feed_days){ .read = read,
                                           .is_descending = is_descending,
                                           .earliest = is_descending ? first_day(reader) : feed_days_first(),
                                           .last = last_day(reader),
                                           .on_known = on_days_known };
        reader->entries = (struct feed_entries){ .read = read,
                                                 .window = &reader->window,
                                                 .is_descending = is_descending,
                                                 .since_ms = reader->since_ms,
                                                 .until_ms = reader->until_ms,
                                                 .count = entries_wanted(reader),
                                                 .on_done = on_entries };
        reader->fetch = (struct feed_fetch){ .read = read, .window = &reader->window };
        reader->doubles = (struct feed_doubles){
                .read = read, .window = &reader->window, .is_descending = is_descending, .on_done = on_doubles_left_out
        };
}

void feed_reader_start(struct feed_reader *reader)
{
        struct feed_read *read = &reader->read;
        feed_read_init(read, reader->store);
        reader->taken = reader->passed = reader->gone = 0;
        reader->has_turn = reader->in_next = false;
        if (!allocate(reader)) {
                feed_read_fail_memory(read);
                finish(reader, false);
                return;
        }
        init_steps(reader);
        if (feed_name_is_known(&reader->store->name, read->generation))
                begin(reader);
        else
                feed_naming_start(&reader->naming);
}
