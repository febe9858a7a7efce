/* feed_reader: a chain of callbacks, each step ending in the next:
 *
 *     feed_reader_start -> go_on -> read_entries -> go_on -> fetch_batch -> look_back -> take_documents -> go_on
 *                     go_on -> ask_days -> go_on        ask_existence -> take_documents          -> go_on
 *                                                       take_documents -> fetch_whole -> take_documents
 *
 * Entries are read many at a time, since those whose document is gone may be many; documents are fetched a batch at a time,
 * of each at most FIRST_BYTES, so what is in memory is bounded by their product and one document that is longer. A batch
 * in which none is left is followed by EXISTS of many keys at once, until some are there again: that walk takes turns
 * with those of other readers. */
#include "feed_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "json/json.h"

enum {
        WINDOW_FIRST = 64, /* entries in one read                                     */
        WINDOW_WALK = 128, /* of those that are likely to be gone: POSTs wait for it   */
        WINDOW_MAX = 256,  /* 0.06 ms of Redis's time                                 */
        BATCH_MAX = 64,
        FIRST_BYTES = 64 << 10,
        DAYS_MAX = 64,       /* that are asked for at once                              */
        DAYS_A_PASS = 4,     /* count as one entry                                      */
        EXISTS_KEYS = 32,    /* in one command                                          */
        PASS_MAX = 1024,     /* entries that one page may pass without taking one       */
        GROUP_MS = 1000,     /* marks that lie closer together are looked for as one    */
        EARLIER_MS = 100,    /* Redis's clock may be a little behind the writer's       */
        LOOK_BACK_MAX = 400, /* reads for the marks of one page: 50 ms of Redis's time */
};

struct feed_reader_entry {
        char key[UUID_TEXT_SIZE];
        struct feed_id id;
        int64_t mark_ms; /* -1: no mark                       */
        bool left_out;   /* a double, or there is no document */
        bool is_gone;    /* there is none in the Redis that has the entry */
        bool is_cut;     /* not fetched whole                 */
        bool is_looked_for, is_searched;
        char *document; /* owned */
        size_t length;
};

/* A command of the step that is under way. */
struct feed_reader_ask {
        struct redis_command command;
        struct feed_reader *reader;
        size_t first, count; /* entries, or a day */
};

struct feed_reader_memory {
        struct feed_reader_entry entries[WINDOW_MAX];
        struct feed_reader_ask asks[BATCH_MAX];
        bool day_has_stream[DAYS_MAX];
};

int64_t feed_reader_first_day(void)
{
        return 20454; /* 2026-01-01: no feed is older than this program */
}

/* --- Ending, failing, sending ------------------------------------------------------------------------------- */

static void drop_entries(struct feed_reader *reader)
{
        for (size_t i = 0; reader->memory && i < reader->entry_count; i++)
                free(reader->memory->entries[i].document);
        reader->entry_count = reader->at = reader->batch_end = 0;
}

/* All that was sent is answered. */
static void give_turn(struct feed_reader *reader)
{
        bool had_turn = reader->has_turn;
        reader->has_turn = false;
        if (had_turn && reader->outcome == STORE_UNAVAILABLE)
                feed_turns_fail(&reader->store->turns, &reader->err);
        else if (had_turn)
                feed_turns_give(&reader->store->turns);
}

static void finish(struct feed_reader *reader, bool more)
{
        bool is_overtaken = reader->outcome == STORE_DONE && swap_is_behind(reader->store->swap, reader->generation);
        if (reader->is_moved || reader->search.is_moved || is_overtaken)
                reader->outcome = STORE_MOVED;
        give_turn(reader);
        drop_entries(reader);
        free(reader->memory);
        reader->memory = NULL;
        reader->on_done(reader, reader->outcome, more, &reader->err);
}

/* The first failure is the one to tell. */
static void fail(struct feed_reader *reader, enum store_outcome outcome, const struct err *err)
{
        if (reader->outcome != STORE_DONE)
                return;
        reader->outcome = outcome;
        reader->err = *err;
}

static void fail_memory(struct feed_reader *reader)
{
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        fail(reader, STORE_UNAVAILABLE, &err);
}

/* True if the reply is sound; else the failure is noted. */
static bool check_reply(struct feed_reader *reader, const struct redis_reply *reply, const struct err *err)
{
        if (reply && redis_reply_type(reply) != REDIS_ERROR)
                return true;
        struct err why;
        enum store_outcome outcome = store_failure(reply, err, &why);
        fail(reader, outcome, &why);
        return false;
}

/* Entries of one Redis say nothing of the documents of another. */
static enum redis_made note_moved(struct feed_reader *reader)
{
        reader->is_moved = true;
        return REDIS_NOT_MADE;
}

static enum redis_made on_place(struct redis_command *command, UNUSED const struct redis_place *place);
static enum redis_made on_ask_place(struct redis_command *command, UNUSED const struct redis_place *place);

/* Sends a command of texts; `waiting` counts it. False: out of memory, noted. */
static bool send_words(struct feed_reader *reader, struct redis_command *command, redis_reply_fn *on_reply, size_t argc,
                       const char *const argv[])
{
        size_t lengths[EXISTS_KEYS + 1];
        for (size_t i = 0; i < argc; i++)
                lengths[i] = strlen(argv[i]);
        redis_command_init(command, on_reply);
        command->on_place = command == &reader->command ? on_place : on_ask_place;
        command->made_for = reader->place;
        command->generation_min = swap_newest(reader->store->swap);
        if (redis_command_args(command, argc, argv, lengths, NULL) < 0) {
                fail_memory(reader);
                return false;
        }
        reader->waiting++;
        redis_send(reader->store->redis, command);
        return true;
}

static struct feed_reader_ask *ask_of(struct redis_command *command)
{
        return CONTAINER_OF(command, struct feed_reader_ask, command);
}

static enum redis_made on_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        return note_moved(CONTAINER_OF(command, struct feed_reader, command));
}

static enum redis_made on_ask_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        return note_moved(ask_of(command)->reader);
}

static struct feed_reader_ask *next_ask(struct feed_reader *reader, size_t first, size_t count)
{
        struct feed_reader_ask *ask = &reader->memory->asks[reader->ask_count++];
        *ask = (struct feed_reader_ask){ .reader = reader, .first = first, .count = count };
        return ask;
}

static int64_t current_day(const struct feed_reader *reader)
{
        return reader->cursor.day + (reader->in_next ? 1 : 0);
}

static const char *current_stream(const struct feed_reader *reader, char out[FEED_STREAM_SIZE])
{
        return feed_stream(redis_place(reader->store->redis)->key_prefix, current_day(reader), out);
}

static const char *document_key(const struct feed_reader *reader, const struct feed_reader_entry *entry,
                                char out[FEED_PREFIX_MAX + UUID_TEXT_SIZE])
{
        (void)snprintf(out, FEED_PREFIX_MAX + UUID_TEXT_SIZE, "%.*s%s", FEED_PREFIX_MAX,
                       redis_place(reader->store->redis)->key_prefix, entry->key); /* fits */
        return out;
}

/* --- Taking ----------------------------------------------------------------------------------------------------- */

static void go_on(struct feed_reader *reader);

static void fetch_whole(struct feed_reader *reader, struct feed_reader_entry *entry);

static void pass(struct feed_reader *reader, struct feed_reader_entry *entry)
{
        char stream[FEED_STREAM_SIZE];
        free(entry->document);
        entry->document = NULL;
        if (entry->is_gone)
                feed_trim_note(&reader->store->trim, current_stream(reader, stream), entry->id, reader->generation);
        if (entry->left_out)
                reader->passed++;
        else
                reader->taken++;
        if (reader->in_next)
                reader->cursor.after_next = entry->id;
        else
                reader->cursor.after = entry->id;
}

/* From `at` to the end of the batch. */
static void take_documents(struct feed_reader *reader)
{
        for (; reader->at < reader->batch_end; reader->at++) {
                struct feed_reader_entry *entry = &reader->memory->entries[reader->at];
                if (!entry->left_out && entry->is_cut) {
                        fetch_whole(reader, entry);
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

/* --- Marks: was the same key added before? ------------------------------------------------------------------------ */

static void look_back(struct feed_reader *reader);

static bool is_before(const struct feed_reader *reader, int64_t day, struct feed_id id,
                      const struct feed_reader_entry *entry)
{
        int64_t entry_day = current_day(reader);
        return day < entry_day || (day == entry_day && feed_id_compare(id, entry->id) < 0);
}

static bool on_earlier_entry(struct feed_search *search, int64_t day, const struct feed_entry *found)
{
        struct feed_reader *reader = CONTAINER_OF(search, struct feed_reader, search);
        bool more = false;
        for (size_t i = reader->at; i < reader->batch_end; i++) {
                struct feed_reader_entry *entry = &reader->memory->entries[i];
                if (!entry->is_looked_for || entry->left_out)
                        continue;
                if (memcmp(entry->key, found->key, UUID_TEXT_LENGTH) == 0 && is_before(reader, day, found->id, entry))
                        entry->left_out = true;
                else
                        more = true;
        }
        return more;
}

/* Marks the entries whose mark is about that of `first`, and gives their times to the search. */
static void gather_group(struct feed_reader *reader, struct feed_reader_entry *first)
{
        struct feed_search *search = &reader->search;
        search->first_ms = search->last_ms = first->mark_ms;
        for (struct feed_reader_entry *entry = first; entry < &reader->memory->entries[reader->batch_end]; entry++) {
                if (entry->left_out || entry->mark_ms < 0 || entry->is_searched ||
                    llabs(entry->mark_ms - first->mark_ms) > GROUP_MS)
                        continue;
                entry->is_searched = entry->is_looked_for = true;
                search->first_ms = entry->mark_ms < search->first_ms ? entry->mark_ms : search->first_ms;
                search->last_ms = entry->mark_ms > search->last_ms ? entry->mark_ms : search->last_ms;
                search->end_ms = (int64_t)entry->id.ms + 1;
        }
        search->first_ms -= EARLIER_MS;
}

static void forget_group(struct feed_reader *reader)
{
        for (size_t i = reader->at; i < reader->batch_end; i++)
                reader->memory->entries[i].is_looked_for = false;
}

static void on_searched(struct feed_search *search, const struct redis_reply *refusal, const struct err *err)
{
        struct feed_reader *reader = CONTAINER_OF(search, struct feed_reader, search);
        forget_group(reader);
        reader->look_back_reads += search->reads_done;
        if ((refusal || err) && !check_reply(reader, refusal, err))
                finish(reader, false);
        else
                look_back(reader);
}

/* False: there is nothing to look through, or it was enough for this page. */
static bool start_search(struct feed_reader *reader, struct feed_reader_entry *first)
{
        struct store *store = reader->store;
        reader->search = (struct feed_search){ .redis = store->redis,
                                               .place = reader->place,
                                               .turns = &store->turns,
                                               .reach_ms = store_reach_ms(store),
                                               .last_day = current_day(reader),
                                               .reads_max = (LOOK_BACK_MAX - reader->look_back_reads) / 2,
                                               .on_entry = on_earlier_entry,
                                               .on_done = on_searched };
        gather_group(reader, first);
        if (reader->search.reads_max > 0 && feed_search_start(&reader->search))
                return true;
        forget_group(reader);
        return false;
}

/* The same key earlier in what was read last, where its document was not gone. */
static bool stands_in_window(const struct feed_reader *reader, const struct feed_reader_entry *entry)
{
        for (const struct feed_reader_entry *other = reader->memory->entries; other < entry; other++)
                if (!other->is_gone && memcmp(other->key, entry->key, UUID_TEXT_LENGTH) == 0)
                        return true;
        return false;
}

static void leave_out_of_window(struct feed_reader *reader)
{
        for (size_t i = reader->at; i < reader->batch_end; i++) {
                struct feed_reader_entry *entry = &reader->memory->entries[i];
                if (!entry->left_out && entry->mark_ms >= 0)
                        entry->left_out = stands_in_window(reader, entry);
        }
}

/* Group by group, then takes what is left. */
static void look_back(struct feed_reader *reader)
{
        for (size_t i = reader->at; i < reader->batch_end; i++) {
                struct feed_reader_entry *entry = &reader->memory->entries[i];
                if (!entry->left_out && entry->mark_ms >= 0 && !entry->is_searched && start_search(reader, entry))
                        return;
        }
        take_documents(reader);
}

/* --- Documents ------------------------------------------------------------------------------------------------ */

/* True with the last answer of those that were asked for together, if all of them were good. */
static bool have_answers(struct feed_reader *reader)
{
        if (--reader->waiting > 0)
                return false;
        give_turn(reader);
        if (reader->outcome == STORE_DONE)
                return true;
        finish(reader, false);
        return false;
}

/* After a batch that had less than was hoped for the next one is larger; where it had nothing, what follows most likely
 * is gone as well. */
static void learn_from_batch(struct feed_reader *reader)
{
        size_t found = 0;
        for (size_t i = reader->at; i < reader->batch_end; i++)
                found += !reader->memory->entries[i].left_out;
        reader->is_walking = found == 0;
        if (found < reader->ask_count)
                reader->batch_min = 2 * reader->ask_count;
}

static void documents_fetched(struct feed_reader *reader)
{
        if (!have_answers(reader))
                return;
        learn_from_batch(reader);
        leave_out_of_window(reader);
        look_back(reader);
}

static void whole_fetched(struct feed_reader *reader)
{
        if (--reader->waiting > 0)
                return;
        if (reader->outcome != STORE_DONE)
                finish(reader, false);
        else
                take_documents(reader);
}

static void keep_document(struct feed_reader *reader, struct feed_reader_entry *entry, const char *text, size_t length)
{
        struct json_object object;
        /* Others may share this Redis: what is no JSON object is no document. */
        if (length == 0 || json_check_object(text, length, NULL, &object, NULL, NULL) < 0) {
                entry->left_out = true;
                return;
        }
        entry->document = malloc(length);
        if (!entry->document) {
                fail_memory(reader);
                return;
        }
        memcpy(entry->document, text, length);
        entry->length = length;
}

/* True: it was the whole document, or there is none. */
static void read_document(struct redis_command *command, const struct redis_reply *reply, const struct err *err,
                          bool is_first_part)
{
        struct feed_reader *reader = ask_of(command)->reader;
        struct feed_reader_entry *entry = &reader->memory->entries[ask_of(command)->first];
        size_t length = 0;
        if (reply && redis_reply_is_error(reply, "WRONGTYPE")) {
                entry->left_out = true;
        } else if (check_reply(reader, reply, err)) {
                const char *text = redis_reply_text(reply, &length);
                entry->is_gone = length == 0 && command->generation == reader->generation;
                entry->is_cut = is_first_part && length == FIRST_BYTES; /* nothing is behind it, or there is more */
                if (!entry->is_cut)
                        keep_document(reader, entry, text, length);
        }
        redis_command_fini(command);
}

static void on_document(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_reader *reader = ask_of(command)->reader;
        read_document(command, reply, err, true);
        documents_fetched(reader);
}

static void on_whole(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_reader *reader = ask_of(command)->reader;
        read_document(command, reply, err, false);
        whole_fetched(reader);
}

static void fetch_whole(struct feed_reader *reader, struct feed_reader_entry *entry)
{
        char key[FEED_PREFIX_MAX + UUID_TEXT_SIZE];
        reader->waiting = 1; /* until it is sent */
        reader->ask_count = 0;
        struct feed_reader_ask *ask = next_ask(reader, reader->at, 1);
        (void)send_words(reader, &ask->command, on_whole, 2,
                         (const char *[]){ "GET", document_key(reader, entry, key) });
        whole_fetched(reader);
}

/* No more than are wanted, as long as all are there. */
static size_t batch_size(const struct feed_reader *reader)
{
        size_t size = reader->wanted > 0 ? reader->wanted - reader->taken + 1 : BATCH_MAX;
        size = size > reader->batch_min ? size : reader->batch_min;
        return size < BATCH_MAX ? size : BATCH_MAX;
}

static void fetch_batch(struct feed_reader *reader)
{
        char key[FEED_PREFIX_MAX + UUID_TEXT_SIZE];
        char last[16];
        size_t size = batch_size(reader);
        size_t at = reader->at;
        (void)snprintf(last, sizeof(last), "%d", FIRST_BYTES - 1);
        reader->waiting = 1; /* until all are sent */
        reader->ask_count = 0;
        for (; at < reader->entry_count && reader->ask_count < size; at++) {
                struct feed_reader_entry *entry = &reader->memory->entries[at];
                if (entry->left_out)
                        continue;
                struct feed_reader_ask *ask = next_ask(reader, at, 1);
                if (!send_words(reader, &ask->command, on_document, 4,
                                (const char *[]){ "GETRANGE", document_key(reader, entry, key), "0", last }))
                        break;
        }
        reader->batch_end = at;
        documents_fetched(reader);
}

/* --- Walking over what is gone ------------------------------------------------------------------------------------ */

/* All that is gone up to the first that may be there. */
static void existence_known(struct feed_reader *reader)
{
        if (!have_answers(reader))
                return;
        size_t end = reader->at;
        while (end < reader->entry_count && reader->memory->entries[end].left_out)
                end++;
        reader->is_walking = end == reader->entry_count;
        reader->batch_end = end;
        take_documents(reader);
}

static void on_existence(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_reader_ask *ask = ask_of(command);
        struct feed_reader *reader = ask->reader;
        /* In between it has become a Cluster: then the documents will tell. */
        bool is_known = !(reply && redis_reply_is_error(reply, "CROSSSLOT")) && check_reply(reader, reply, err);
        if (is_known && redis_reply_type(reply) == REDIS_INTEGER && redis_reply_integer(reply) == 0)
                for (size_t i = ask->first; i < ask->first + ask->count; i++) {
                        struct feed_reader_entry *entry = &reader->memory->entries[i];
                        entry->is_gone = !entry->left_out && command->generation == reader->generation;
                        entry->left_out = true;
                }
        redis_command_fini(command);
        existence_known(reader);
}

/* False: out of memory, noted. */
static bool ask_for_keys(struct feed_reader *reader, size_t first, size_t end)
{
        char keys[EXISTS_KEYS][FEED_PREFIX_MAX + UUID_TEXT_SIZE];
        const char *argv[EXISTS_KEYS + 1] = { "EXISTS" };
        size_t argc = 1;
        for (size_t i = first; i < end; i++)
                if (!reader->memory->entries[i].left_out) {
                        argv[argc] = document_key(reader, &reader->memory->entries[i], keys[argc - 1]);
                        argc++;
                }
        return argc == 1 ||
               send_words(reader, &next_ask(reader, first, end - first)->command, on_existence, argc, argv);
}

static void ask_existence(struct feed_reader *reader)
{
        reader->waiting = 1; /* until all are sent */
        reader->ask_count = 0;
        for (size_t i = reader->at; i < reader->entry_count; i += EXISTS_KEYS) {
                size_t end = i + EXISTS_KEYS < reader->entry_count ? i + EXISTS_KEYS : reader->entry_count;
                if (!ask_for_keys(reader, i, end))
                        break;
        }
        existence_known(reader);
}

/* --- Entries ---------------------------------------------------------------------------------------------------- */

static void keep_entries(struct feed_reader *reader, const struct redis_reply *page)
{
        size_t count = redis_reply_count(page);
        reader->step_full = count >= reader->window;
        for (size_t i = 0; i < count && i < reader->window; i++) {
                struct feed_entry read = { 0 };
                struct feed_reader_entry *entry = &reader->memory->entries[reader->entry_count++];
                *entry = (struct feed_reader_entry){ .mark_ms = -1 };
                entry->left_out = !feed_entry_read(redis_reply_at(page, i), &read);
                entry->id = read.id;
                if (entry->left_out)
                        continue;
                entry->mark_ms = read.mark_ms;
                memcpy(entry->key, read.key, sizeof(entry->key));
        }
}

static void on_entries(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_reader *reader = CONTAINER_OF(command, struct feed_reader, command);
        reader->waiting--;
        reader->generation = command->generation;
        bool sound = check_reply(reader, reply, err);
        if (sound)
                keep_entries(reader, reply);
        redis_command_fini(command);
        give_turn(reader);
        if (sound)
                go_on(reader);
        else
                finish(reader, false);
}

static void read_entries(struct feed_reader *reader)
{
        char stream[FEED_STREAM_SIZE];
        char from[FEED_ID_SIZE + 1] = "(";
        char to[FEED_ID_SIZE] = "+";
        char count[24];
        struct feed_id after = reader->in_next ? reader->cursor.after_next : reader->cursor.after;
        drop_entries(reader);
        if (reader->is_walking)
                reader->window = WINDOW_WALK;
        else if (reader->has_read)
                reader->window = WINDOW_MAX;
        reader->has_read = true;
        if (after.ms < reader->since_ms)
                (void)snprintf(from, sizeof(from), "%" PRIu64, reader->since_ms);
        else
                (void)feed_id_format(after, from + 1);
        if (reader->until_ms != UINT64_MAX)
                (void)snprintf(to, sizeof(to), "%" PRIu64, reader->until_ms > 0 ? reader->until_ms - 1 : 0);
        (void)snprintf(count, sizeof(count), "%zu", reader->window);
        if (!send_words(reader, &reader->command, on_entries, 6,
                        (const char *[]){ "XRANGE", current_stream(reader, stream), from, to, "COUNT", count }))
                finish(reader, false);
}

/* --- From stream to stream ------------------------------------------------------------------------------------------ */

enum day_state { DAY_EMPTY, DAY_HAS_STREAM, DAY_UNKNOWN };

static enum day_state look_up_day(const struct feed_reader *reader, int64_t day)
{
        if (day > reader->last_day)
                return DAY_EMPTY;
        if (day >= reader->first_day && day < reader->first_day + (int64_t)reader->day_count)
                return reader->memory->day_has_stream[day - reader->first_day] ? DAY_HAS_STREAM : DAY_EMPTY;
        /* Reading one or two that may be there costs no more than asking whether they are. */
        return reader->last_day - day > 1 ? DAY_UNKNOWN : DAY_HAS_STREAM;
}

/* Nothing is added to a stream any more when its day has been over for longer than a document may be held and
 * clocks may differ. */
static bool day_is_closed(const struct feed_reader *reader, int64_t day)
{
        int64_t grace_ms = FEED_CLOCK_SKEW_MS + 2 * reader->store->hold_ms;
        return clock_realtime_ms() > feed_day_start_ms(day + 1) + grace_ms;
}

/* The stream is at its end: moves to the next one that there is, or to a day of which that is not known. DAY_EMPTY:
 * this was the last. */
static enum day_state next_stream(struct feed_reader *reader)
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

/* --- Days ------------------------------------------------------------------------------------------------------------ */

static void day_known(struct feed_reader *reader)
{
        if (--reader->waiting > 0)
                return;
        reader->passed += reader->day_count / DAYS_A_PASS;
        reader->step_full = look_up_day(reader, reader->cursor.day) == DAY_HAS_STREAM;
        go_on(reader);
}

static void on_exists(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_reader_ask *ask = ask_of(command);
        struct feed_reader *reader = ask->reader;
        if (check_reply(reader, reply, err))
                reader->memory->day_has_stream[ask->first] = redis_reply_integer(reply) > 0;
        redis_command_fini(command);
        day_known(reader);
}

/* From the cursor's day on: one EXISTS a day, all in one write, about 0.3 us of Redis's time each. No list of days has
 * to be kept, which another Redis after a swap would not have. */
static void ask_days(struct feed_reader *reader)
{
        char stream[FEED_STREAM_SIZE];
        int64_t left = reader->last_day - reader->cursor.day + 1;
        reader->waiting = 1; /* until all are sent */
        reader->ask_count = 0;
        reader->first_day = reader->cursor.day;
        reader->day_count = left < DAYS_MAX ? (size_t)left : DAYS_MAX;
        for (size_t i = 0; i < reader->day_count; i++) {
                struct feed_reader_ask *ask = next_ask(reader, i, 1);
                reader->memory->day_has_stream[i] = false;
                (void)feed_stream(redis_place(reader->store->redis)->key_prefix, reader->first_day + (int64_t)i,
                                  stream);
                if (!send_words(reader, &ask->command, on_exists, 2, (const char *[]){ "EXISTS", stream }))
                        break;
        }
        day_known(reader);
}

/* --- What comes next ------------------------------------------------------------------------------------------------ */

static void read_on(struct feed_reader *reader)
{
        if (reader->at == reader->entry_count)
                read_entries(reader);
        else if (reader->is_walking && !redis_is_cluster(reader->store->redis))
                ask_existence(reader);
        else
                fetch_batch(reader);
}

static void on_turn(struct feed_turn *turn, const struct err *err)
{
        struct feed_reader *reader = CONTAINER_OF(turn, struct feed_reader, turn);
        if (err) {
                fail(reader, STORE_UNAVAILABLE, err);
                finish(reader, false);
                return;
        }
        reader->has_turn = true;
        read_on(reader);
}

static void read_in_turn(struct feed_reader *reader)
{
        reader->turn.on_turn = on_turn;
        if (reader->is_walking)
                feed_turns_take(&reader->store->turns, &reader->turn);
        else
                read_on(reader);
}

static void go_on(struct feed_reader *reader)
{
        if (reader->outcome != STORE_DONE) {
                finish(reader, false);
                return;
        }
        if (reader->passed >= PASS_MAX) {
                finish(reader, true);
                return;
        }
        bool is_here = reader->at < reader->entry_count || reader->step_full;
        enum day_state state = is_here ? DAY_HAS_STREAM : next_stream(reader);
        if (state == DAY_HAS_STREAM)
                read_in_turn(reader);
        else if (state == DAY_UNKNOWN)
                ask_days(reader);
        else
                finish(reader, false);
}

void feed_reader_start(struct feed_reader *reader)
{
        int64_t today = feed_day(clock_realtime_ms());
        reader->place = redis_place(reader->store->redis)->number;
        reader->generation = redis_place(reader->store->redis)->generation;
        reader->entry_count = reader->at = reader->batch_end = 0;
        /* One more than will be taken tells whether there are more. */
        reader->window = reader->wanted >= WINDOW_FIRST ? WINDOW_MAX : WINDOW_FIRST;
        reader->last_day = today + 1; /* a writer's clock may be ahead */
        if (reader->until_ms != UINT64_MAX) {
                int64_t until_day = feed_day((int64_t)reader->until_ms + FEED_CLOCK_SKEW_MS);
                if (until_day < reader->last_day)
                        reader->last_day = until_day;
        }
        if (reader->cursor.day < feed_reader_first_day())
                reader->cursor = (struct cursor){ .day = feed_reader_first_day() };
        reader->memory = malloc(sizeof(*reader->memory));
        if (!reader->memory) {
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
                go_on(reader);
}
