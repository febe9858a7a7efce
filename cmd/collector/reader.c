/* reader: a chain of callbacks, each step ending in the next:
 *
 *     reader_start -> step -> read_entries -> look_back -> fetch_documents -> take_documents -> step
 *                     step -> ask_days -> step                         take_documents -> fetch_whole -> take_documents
 *
 * A step has at most STEP_MAX entries, and of each document at most FIRST_BYTES are fetched with the others, so what is
 * in memory is bounded by their product and one document that is longer. */
#include "reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "json/json.h"

enum {
        STEP_MAX = 64,
        DAYS_MAX = 64, /* that are asked for at once */
        FIRST_BYTES = 64 << 10,
        LOOK_BACK_PAGE = 512,
        LOOK_BACK_PAGES_MAX = 200,
};

struct reader_day {
        struct redis_command exists;
        struct reader *reader;
        bool has_stream;
};

struct reader_entry {
        struct redis_command get;
        struct reader *reader;
        char key[UUID_TEXT_SIZE];
        struct feed_id id;
        int64_t mark_ms; /* -1: no mark                       */
        bool left_out;   /* a double, or its document is gone */
        bool is_cut;     /* not fetched whole                 */
        char *document;  /* owned                             */
        size_t length;
};

int64_t reader_first_day(void)
{
        return 20454; /* 2026-01-01: no feed is older than this program */
}

/* --- Ending, failing, sending ------------------------------------------------------------------------------- */

static void drop_entries(struct reader *reader)
{
        for (size_t i = 0; i < reader->entry_count; i++)
                free(reader->entries[i].document);
        reader->entry_count = 0;
}

static void finish(struct reader *reader, bool more)
{
        drop_entries(reader);
        free(reader->entries);
        free(reader->days);
        reader->entries = NULL;
        reader->days = NULL;
        reader->on_done(reader, reader->outcome, more, &reader->err);
}

/* The first failure is the one to tell. */
static void fail(struct reader *reader, enum store_outcome outcome, const struct err *err)
{
        if (reader->outcome != STORE_DONE)
                return;
        reader->outcome = outcome;
        reader->err = *err;
}

static void fail_memory(struct reader *reader)
{
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        fail(reader, STORE_UNAVAILABLE, &err);
}

/* True if the reply is sound; else the failure is noted. */
static bool check_reply(struct reader *reader, const struct redis_reply *reply, const struct err *err)
{
        if (reply && redis_reply_type(reply) != REDIS_ERROR)
                return true;
        struct err why;
        enum store_outcome outcome = store_failure(reply, err, &why);
        fail(reader, outcome, &why);
        return false;
}

/* Sends a command of texts; `waiting` counts it. False: out of memory, noted. */
static bool send_words(struct reader *reader, struct redis_command *command, redis_reply_fn *on_reply, size_t argc,
                       const char *const argv[])
{
        size_t lengths[8];
        for (size_t i = 0; i < argc; i++)
                lengths[i] = strlen(argv[i]);
        redis_command_init(command, on_reply);
        if (redis_command_args(command, argc, argv, lengths, NULL) < 0) {
                fail_memory(reader);
                return false;
        }
        reader->waiting++;
        redis_send(reader->store->redis, command);
        return true;
}

static const char *current_stream(const struct reader *reader, char out[FEED_STREAM_SIZE])
{
        return feed_stream(reader->store->prefix, reader->cursor.day + (reader->in_next ? 1 : 0), out);
}

/* --- Documents ------------------------------------------------------------------------------------------------ */

static void step(struct reader *reader);

static void fetch_whole(struct reader *reader, struct reader_entry *entry);

/* Goes on at take_at. */
static void take_documents(struct reader *reader)
{
        for (; reader->take_at < reader->entry_count; reader->take_at++) {
                struct reader_entry *entry = &reader->entries[reader->take_at];
                if (!entry->left_out && entry->is_cut) {
                        fetch_whole(reader, entry);
                        return;
                }
                if (!entry->left_out && !reader->on_document(reader, entry->key, entry->document, entry->length)) {
                        finish(reader, true);
                        return;
                }
                free(entry->document);
                entry->document = NULL;
                if (reader->in_next)
                        reader->cursor.after_next = entry->id;
                else
                        reader->cursor.after = entry->id;
        }
        drop_entries(reader);
        step(reader);
}

static void documents_fetched(struct reader *reader)
{
        if (--reader->waiting > 0)
                return;
        if (reader->outcome != STORE_DONE)
                finish(reader, false);
        else
                take_documents(reader);
}

static void keep_document(struct reader_entry *entry, const char *text, size_t length)
{
        struct json_object object;
        /* Others may share this Redis: what is no JSON object is no document. */
        if (!text || json_check_object(text, length, NULL, &object, NULL, NULL) < 0) {
                entry->left_out = true;
                return;
        }
        entry->document = malloc(length);
        if (!entry->document) {
                fail_memory(entry->reader);
                return;
        }
        memcpy(entry->document, text, length);
        entry->length = length;
}

static void on_document(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct reader_entry *entry = CONTAINER_OF(command, struct reader_entry, get);
        size_t length = 0;
        if (reply && redis_reply_is_error(reply, "WRONGTYPE")) {
                entry->left_out = true;
        } else if (check_reply(entry->reader, reply, err)) {
                const char *text = redis_reply_text(reply, &length);
                /* Nothing is behind the part that was asked for, or there is more. */
                entry->is_cut = !entry->is_cut && length == FIRST_BYTES;
                if (!entry->is_cut)
                        keep_document(entry, text, length);
        }
        redis_command_fini(command);
        documents_fetched(entry->reader);
}

/* False: out of memory, noted. */
static bool send_get(struct reader *reader, struct reader_entry *entry)
{
        char key[FEED_PREFIX_MAX + UUID_TEXT_SIZE];
        char last[16];
        (void)snprintf(key, sizeof(key), "%s%s", reader->store->prefix, entry->key); /* fits */
        if (entry->is_cut)
                return send_words(reader, &entry->get, on_document, 2, (const char *[]){ "GET", key });
        (void)snprintf(last, sizeof(last), "%d", FIRST_BYTES - 1);
        return send_words(reader, &entry->get, on_document, 4, (const char *[]){ "GETRANGE", key, "0", last });
}

static void fetch_whole(struct reader *reader, struct reader_entry *entry)
{
        reader->waiting = 1; /* until it is sent */
        (void)send_get(reader, entry);
        documents_fetched(reader);
}

static void fetch_documents(struct reader *reader)
{
        reader->waiting = 1; /* until all are sent */
        reader->take_at = 0;
        for (size_t i = 0; i < reader->entry_count; i++)
                if (!reader->entries[i].left_out && !send_get(reader, &reader->entries[i]))
                        break;
        documents_fetched(reader);
}

/* --- Marks: does the same key stand earlier in the stream? -------------------------------------------------------- */

static void look_back(struct reader *reader);

static bool page_has_key(struct reader *reader, const struct redis_reply *page, const char *key)
{
        for (size_t i = 0; i < redis_reply_count(page); i++) {
                struct feed_entry entry = { .id = reader->look_after };
                bool sound = feed_entry_read(redis_reply_at(page, i), &entry);
                reader->look_after = entry.id;
                if (sound && strcmp(entry.key, key) == 0)
                        return true;
        }
        return false;
}

static void look_at_next(struct reader *reader)
{
        reader->look_at++;
        reader->look_pages = 0;
}

static void on_look_back(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct reader *reader = CONTAINER_OF(command, struct reader, command);
        struct reader_entry *entry = &reader->entries[reader->look_at];
        reader->waiting--;
        bool sound = check_reply(reader, reply, err);
        if (sound) {
                entry->left_out = page_has_key(reader, reply, entry->key);
                bool last = redis_reply_count(reply) < LOOK_BACK_PAGE || ++reader->look_pages >= LOOK_BACK_PAGES_MAX;
                if (entry->left_out || last)
                        look_at_next(reader);
        }
        redis_command_fini(command);
        if (sound)
                look_back(reader);
        else
                finish(reader, false);
}

static bool stands_in_step(const struct reader *reader, size_t index)
{
        for (size_t i = 0; i < index; i++)
                if (strcmp(reader->entries[i].key, reader->entries[index].key) == 0)
                        return true;
        return false;
}

static bool ask_before(struct reader *reader, const struct reader_entry *entry)
{
        char stream[FEED_STREAM_SIZE];
        char from[FEED_ID_SIZE + 1] = "(";
        char to[FEED_ID_SIZE + 1] = "(";
        char count[8];
        if (reader->look_pages == 0) {
                /* The mark is of a writer's clock, ids are of Redis's. */
                int64_t from_ms = entry->mark_ms - FEED_CLOCK_SKEW_MS;
                reader->look_after = (struct feed_id){ .ms = from_ms > 0 ? (uint64_t)from_ms : 0 };
        }
        if (feed_id_compare(reader->look_after, entry->id) >= 0)
                return false;
        (void)feed_id_format(reader->look_after, from + 1);
        (void)feed_id_format(entry->id, to + 1);
        (void)snprintf(count, sizeof(count), "%d", LOOK_BACK_PAGE);
        (void)send_words(reader, &reader->command, on_look_back, 6,
                         (const char *[]){ "XRANGE", current_stream(reader, stream), from, to, "COUNT", count });
        return true;
}

static void look_back(struct reader *reader)
{
        for (; reader->look_at < reader->entry_count; look_at_next(reader)) {
                struct reader_entry *entry = &reader->entries[reader->look_at];
                if (entry->mark_ms < 0)
                        continue;
                if (stands_in_step(reader, reader->look_at)) {
                        entry->left_out = true;
                        continue;
                }
                if (!ask_before(reader, entry))
                        continue;
                if (reader->outcome != STORE_DONE)
                        finish(reader, false);
                return;
        }
        fetch_documents(reader);
}

/* --- Entries ---------------------------------------------------------------------------------------------------- */

static void on_entries(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct reader *reader = CONTAINER_OF(command, struct reader, command);
        reader->waiting--;
        if (!check_reply(reader, reply, err)) {
                redis_command_fini(command);
                finish(reader, false);
                return;
        }
        size_t count = redis_reply_count(reply);
        reader->step_full = count >= reader->step_max;
        for (size_t i = 0; i < count && i < reader->step_max; i++) {
                struct feed_entry read = { 0 };
                struct reader_entry *entry = &reader->entries[reader->entry_count++];
                *entry = (struct reader_entry){ .reader = reader };
                entry->left_out = !feed_entry_read(redis_reply_at(reply, i), &read);
                entry->id = read.id;
                entry->mark_ms = entry->left_out ? -1 : read.mark_ms;
                if (!entry->left_out)
                        memcpy(entry->key, read.key, sizeof(entry->key));
        }
        redis_command_fini(command);
        reader->look_at = 0;
        reader->look_pages = 0;
        look_back(reader);
}

static void read_entries(struct reader *reader)
{
        char stream[FEED_STREAM_SIZE];
        char from[FEED_ID_SIZE + 1] = "(";
        char to[FEED_ID_SIZE] = "+";
        char count[8];
        struct feed_id after = reader->in_next ? reader->cursor.after_next : reader->cursor.after;
        if (after.ms < reader->since_ms)
                (void)snprintf(from, sizeof(from), "%" PRIu64, reader->since_ms);
        else
                (void)feed_id_format(after, from + 1);
        if (reader->until_ms != UINT64_MAX)
                (void)snprintf(to, sizeof(to), "%" PRIu64, reader->until_ms > 0 ? reader->until_ms - 1 : 0);
        (void)snprintf(count, sizeof(count), "%zu", reader->step_max);
        if (!send_words(reader, &reader->command, on_entries, 6,
                        (const char *[]){ "XRANGE", current_stream(reader, stream), from, to, "COUNT", count }))
                finish(reader, false);
}

/* --- From stream to stream ------------------------------------------------------------------------------------------ */

enum day_state { DAY_EMPTY, DAY_HAS_STREAM, DAY_UNKNOWN };

static enum day_state look_up_day(const struct reader *reader, int64_t day)
{
        if (day > reader->last_day)
                return DAY_EMPTY;
        if (day >= reader->first_day && day < reader->first_day + (int64_t)reader->day_count)
                return reader->days[day - reader->first_day].has_stream ? DAY_HAS_STREAM : DAY_EMPTY;
        /* Reading one or two that may be there costs no more than asking whether they are. */
        return reader->last_day - day > 1 ? DAY_UNKNOWN : DAY_HAS_STREAM;
}

/* Nothing is added to a stream any more when its day has been over for longer than a document may be held and
 * clocks may differ. */
static bool day_is_closed(const struct reader *reader, int64_t day)
{
        int64_t grace_ms = FEED_CLOCK_SKEW_MS + 2 * reader->store->hold_ms;
        return clock_realtime_ms() > feed_day_start_ms(day + 1) + grace_ms;
}

/* The stream is at its end: moves to the next one that there is, or to a day of which that is not known. DAY_EMPTY:
 * this was the last. */
static enum day_state next_stream(struct reader *reader)
{
        struct cursor *at = &reader->cursor;
        while (!reader->in_next) {
                if (!day_is_closed(reader, at->day)) {
                        reader->in_next = true; /* the cursor stays on a day that may still grow */
                        return at->day < reader->last_day ? DAY_HAS_STREAM : DAY_EMPTY;
                }
                if (at->day >= reader->last_day)
                        return DAY_EMPTY;
                *at = (struct cursor){ .day = at->day + 1, .after = at->after_next };
                enum day_state state = look_up_day(reader, at->day);
                if (state != DAY_EMPTY)
                        return state;
        }
        return DAY_EMPTY;
}

static void ask_days(struct reader *reader);

static void step(struct reader *reader)
{
        enum day_state state = reader->step_full ? DAY_HAS_STREAM : next_stream(reader);
        if (state == DAY_HAS_STREAM)
                read_entries(reader);
        else if (state == DAY_UNKNOWN)
                ask_days(reader);
        else
                finish(reader, false);
}

/* --- Days ------------------------------------------------------------------------------------------------------------ */

static void day_known(struct reader *reader)
{
        if (--reader->waiting > 0)
                return;
        if (reader->outcome != STORE_DONE) {
                finish(reader, false);
                return;
        }
        reader->step_full = look_up_day(reader, reader->cursor.day) == DAY_HAS_STREAM;
        step(reader);
}

static void on_exists(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct reader_day *day = CONTAINER_OF(command, struct reader_day, exists);
        if (check_reply(day->reader, reply, err))
                day->has_stream = redis_reply_integer(reply) > 0;
        redis_command_fini(command);
        day_known(day->reader);
}

/* From the cursor's day on: one EXISTS a day, all in one write, about 0.3 us of Redis's time each. No list of days has
 * to be kept, which another Redis after a swap would not have. */
static void ask_days(struct reader *reader)
{
        char stream[FEED_STREAM_SIZE];
        int64_t left = reader->last_day - reader->cursor.day + 1;
        reader->waiting = 1; /* until all are sent */
        reader->first_day = reader->cursor.day;
        reader->day_count = left < DAYS_MAX ? (size_t)left : DAYS_MAX;
        if (!reader->days)
                reader->days = malloc(DAYS_MAX * sizeof(*reader->days));
        if (!reader->days) {
                reader->day_count = 0;
                fail_memory(reader);
        }
        for (size_t i = 0; i < reader->day_count; i++) {
                reader->days[i] = (struct reader_day){ .reader = reader };
                (void)feed_stream(reader->store->prefix, reader->first_day + (int64_t)i, stream);
                if (!send_words(reader, &reader->days[i].exists, on_exists, 2, (const char *[]){ "EXISTS", stream }))
                        break;
        }
        day_known(reader);
}

void reader_start(struct reader *reader)
{
        int64_t today = feed_day(clock_realtime_ms());
        reader->outcome = STORE_DONE;
        reader->entry_count = 0;
        /* One more than will be taken tells whether there are more. */
        reader->step_max = reader->wanted > 0 && reader->wanted < STEP_MAX ? reader->wanted + 1 : STEP_MAX;
        reader->last_day = today + 1; /* a writer's clock may be ahead */
        if (reader->until_ms != UINT64_MAX) {
                int64_t until_day = feed_day((int64_t)reader->until_ms + FEED_CLOCK_SKEW_MS);
                if (until_day < reader->last_day)
                        reader->last_day = until_day;
        }
        if (reader->cursor.day < reader_first_day())
                reader->cursor = (struct cursor){ .day = reader_first_day() };
        reader->entries = malloc(STEP_MAX * sizeof(*reader->entries));
        if (!reader->entries) {
                fail_memory(reader);
                finish(reader, false);
                return;
        }
        bool is_new = feed_id_compare(reader->cursor.after, (struct feed_id){ 0 }) == 0;
        enum day_state first = look_up_day(reader, reader->cursor.day);
        reader->step_full = first == DAY_HAS_STREAM || (first == DAY_UNKNOWN && !is_new);
        if (first == DAY_UNKNOWN && is_new)
                ask_days(reader);
        else
                step(reader);
}
