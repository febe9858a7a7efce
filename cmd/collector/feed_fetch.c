/* feed_fetch: sends GETRANGE for each document of a batch, GET for a long document, and EXISTS with many keys. */
#include "feed_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "json/json.h"

enum {
        FIRST_BYTES = 64 << 10,
        EXISTS_KEYS = FEED_WORDS_MAX - 1, /* in one command */
};

static const char *key_of(const struct feed_fetch *fetch, const struct feed_window_entry *entry,
                          char out[STORE_KEY_SIZE])
{
        out[store_key(redis_place(fetch->read->store->redis), entry->key, out)] = '\0';
        return out;
}

/* If the entry comes from an older target than the reply, a missing document does not mean that the entry is
 * obsolete. */
static bool is_same_target(const struct feed_fetch *fetch, const struct redis_command *command)
{
        return command->generation == fetch->read->generation;
}

/* --- Documents ------------------------------------------------------------------------------------------ */

static void keep_document(struct feed_fetch *fetch, struct feed_window_entry *entry, const char *text, size_t length)
{
        struct json_object object;
        /* Other programs may share this Redis: a value that is not a JSON object is not a document. */
        if (length == 0 || json_check_object(text, length, NULL, &object, NULL, NULL) < 0) {
                entry->left_out = true;
                return;
        }
        entry->document = malloc(length);
        if (!entry->document) {
                feed_read_fail_memory(fetch->read);
                return;
        }
        memcpy(entry->document, text, length);
        entry->length = length;
}

static void read_document(struct redis_command *command, const struct redis_reply *reply, const struct err *err,
                          bool is_first_part)
{
        struct feed_fetch *fetch = feed_ask_of(command)->step;
        struct feed_window_entry *entry = &fetch->window->entries[feed_ask_of(command)->first];
        size_t length = 0;
        if (reply && redis_reply_is_error(reply, "WRONGTYPE")) {
                entry->left_out = true;
        } else if (feed_read_check(fetch->read, reply, err)) {
                const char *text = redis_reply_text(reply, &length);
                entry->is_gone = length == 0 && is_same_target(fetch, command);
                entry->is_cut = is_first_part && length == FIRST_BYTES; /* may be exactly that long, or longer */
                if (!entry->is_cut)
                        keep_document(fetch, entry, text, length);
        }
        redis_command_fini(command);
}

/* If a batch had fewer documents than wanted, the next one is larger. */
static void learn_from_batch(struct feed_fetch *fetch)
{
        size_t found = 0;
        for (size_t i = fetch->window->at; i < fetch->window->end; i++)
                found += !fetch->window->entries[i].left_out;
        fetch->is_walking = found == 0;
        if (found < fetch->read->ask_count)
                fetch->batch_min = 2 * fetch->read->ask_count;
}

static void batch_answered(struct feed_fetch *fetch)
{
        if (!feed_read_is_answered(fetch->read))
                return;
        if (fetch->read->outcome == STORE_DONE)
                learn_from_batch(fetch);
        fetch->on_done(fetch);
}

static void on_document(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_fetch *fetch = feed_ask_of(command)->step;
        read_document(command, reply, err, true);
        batch_answered(fetch);
}

static size_t batch_size(const struct feed_fetch *fetch, size_t wanted)
{
        size_t size = wanted > 0 ? wanted : FEED_ASKS_MAX;
        size = size > fetch->batch_min ? size : fetch->batch_min;
        return size < FEED_ASKS_MAX ? size : FEED_ASKS_MAX;
}

void feed_fetch_batch(struct feed_fetch *fetch, size_t wanted, void (*on_done)(struct feed_fetch *fetch))
{
        struct feed_window *window = fetch->window;
        char key[STORE_KEY_SIZE];
        char last[16];
        size_t size = batch_size(fetch, wanted);
        size_t at = window->at;
        (void)snprintf(last, sizeof(last), "%d", FIRST_BYTES - 1);
        fetch->on_done = on_done;
        feed_read_step(fetch->read);
        for (; at < window->count && fetch->read->ask_count < size; at++) {
                struct feed_window_entry *entry = &window->entries[at];
                if (entry->left_out)
                        continue;
                if (!feed_read_send(fetch->read, feed_read_ask(fetch->read, at, 1, fetch), on_document, 4,
                                    (const char *[]){ "GETRANGE", key_of(fetch, entry, key), "0", last }))
                        break;
        }
        window->end = at;
        batch_answered(fetch);
}

static void whole_answered(struct feed_fetch *fetch)
{
        if (feed_read_is_answered(fetch->read))
                fetch->on_done(fetch);
}

static void on_whole(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_fetch *fetch = feed_ask_of(command)->step;
        read_document(command, reply, err, false);
        whole_answered(fetch);
}

void feed_fetch_whole(struct feed_fetch *fetch, void (*on_done)(struct feed_fetch *fetch))
{
        char key[STORE_KEY_SIZE];
        size_t at = fetch->window->at;
        fetch->on_done = on_done;
        feed_read_step(fetch->read);
        (void)feed_read_send(fetch->read, feed_read_ask(fetch->read, at, 1, fetch), on_whole, 2,
                             (const char *[]){ "GET", key_of(fetch, &fetch->window->entries[at], key) });
        whole_answered(fetch);
}

/* --- Existence ------------------------------------------------------------------------------------------ */

static void existence_answered(struct feed_fetch *fetch)
{
        struct feed_window *window = fetch->window;
        if (!feed_read_is_answered(fetch->read))
                return;
        size_t end = window->at;
        while (end < window->count && window->entries[end].left_out)
                end++;
        fetch->is_walking = end == window->count;
        window->end = end;
        fetch->on_done(fetch);
}

static void leave_out_gone(struct feed_fetch *fetch, const struct feed_ask *ask)
{
        for (size_t i = ask->first; i < ask->first + ask->count; i++) {
                struct feed_window_entry *entry = &fetch->window->entries[i];
                entry->is_gone = !entry->left_out && is_same_target(fetch, &ask->command);
                entry->left_out = true;
        }
}

static void on_existence(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_ask *ask = feed_ask_of(command);
        struct feed_fetch *fetch = ask->step;
        /* Redis has become a Cluster in the meantime; fetching the documents will show which exist. */
        bool is_known =
                !(reply && redis_reply_is_error(reply, "CROSSSLOT")) && feed_read_check(fetch->read, reply, err);
        if (is_known && redis_reply_type(reply) == REDIS_INTEGER && redis_reply_integer(reply) == 0)
                leave_out_gone(fetch, ask);
        redis_command_fini(command);
        existence_answered(fetch);
}

/* False: out of memory, which has been recorded. */
static bool ask_for_keys(struct feed_fetch *fetch, size_t first, size_t end)
{
        char keys[EXISTS_KEYS][STORE_KEY_SIZE];
        const char *argv[EXISTS_KEYS + 1] = { "EXISTS" };
        size_t argc = 1;
        for (size_t i = first; i < end; i++)
                if (!fetch->window->entries[i].left_out) {
                        argv[argc] = key_of(fetch, &fetch->window->entries[i], keys[argc - 1]);
                        argc++;
                }
        return argc == 1 || feed_read_send(fetch->read, feed_read_ask(fetch->read, first, end - first, fetch),
                                           on_existence, argc, argv);
}

void feed_fetch_existence(struct feed_fetch *fetch, void (*on_done)(struct feed_fetch *fetch))
{
        struct feed_window *window = fetch->window;
        fetch->on_done = on_done;
        feed_read_step(fetch->read);
        for (size_t i = window->at; i < window->count; i += EXISTS_KEYS) {
                size_t end = i + EXISTS_KEYS < window->count ? i + EXISTS_KEYS : window->count;
                if (!ask_for_keys(fetch, i, end))
                        break;
        }
        existence_answered(fetch);
}
