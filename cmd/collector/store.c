/* store: SET and XADD go out in the same write, so a document costs one round trip. Only where the SET may
 * find a key (NX), and in a Cluster, where the two go to different servers, the XADD waits for its reply. Both
 * commands may be sent again (pkg/redis): the SET because the key is ours, the XADD because it then carries a mark. */
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/decimal.h"

enum {
        ANNOUNCE_READS_MAX = 50,
        ANNOUNCE_EARLIER_MS = 100, /* Redis's clock may be a little behind ours */
        EXPIRE_EVERY_MS = 60 * 1000,
        REASON_MAX = 120,
        KEY_SIZE = FEED_PREFIX_MAX + UUID_TEXT_SIZE,
        FENCE_SIZE = 2 * KEY_SIZE + sizeof("collector:ack:{}"),
};

void store_init(struct store *store, struct redis *redis, struct lanes *lanes, struct swap *swap, int64_t retention_ms,
                int64_t hold_ms, bool feed)
{
        *store = (struct store){ .redis = redis,
                                 .lanes = lanes,
                                 .swap = swap,
                                 .retention_ms = retention_ms,
                                 .hold_ms = hold_ms,
                                 .feed = feed,
                                 .day = -1,
                                 .expiring_day = -1 };
        store->trim.redis = redis;
        store->trim.age_ms = store_reach_ms(store);
}

/* Not terminated. */
static size_t full_key(const struct redis_place *place, const char *key, char out[KEY_SIZE])
{
        size_t length = strnlen(place->key_prefix, FEED_PREFIX_MAX);
        memcpy(out, place->key_prefix, length);
        memcpy(out + length, key, UUID_TEXT_LENGTH);
        return length + UUID_TEXT_LENGTH;
}

/* Most are of today, in the place in use. */
static const char *stream_of(struct store *store, const struct redis_place *place, int64_t day,
                             char out[FEED_STREAM_SIZE])
{
        if (day != store->day)
                return feed_stream(place->key_prefix, day, out);
        if (place->number != store->place || !store->stream[0]) {
                (void)feed_stream(place->key_prefix, day, store->stream);
                store->place = place->number;
        }
        return store->stream;
}

static int64_t note_today(struct store *store)
{
        int64_t day = feed_day(clock_realtime_ms());
        if (day != store->day) {
                store->day = day;
                store->stream[0] = '\0';
        }
        return day;
}

/* For commands whose key is the document's. */
static enum redis_made set_key(struct redis_command *command, const struct redis_place *place, const char *key)
{
        char name[KEY_SIZE];
        size_t length = full_key(place, key, name);
        return redis_command_set_key(command, name, length) < 0 ? REDIS_NOT_MADE : REDIS_MADE;
}

/* To a value that is longer than proto-max-bulk-len; Redis closes the connection after it. */
#define TOO_LARGE "ERR Protocol error"

enum store_outcome store_failure(const struct redis_reply *reply, const struct err *failure, struct err *err)
{
        if (!reply) {
                *err = *failure;
                return failure->code == ERR_LIMIT ? STORE_FULL : STORE_UNAVAILABLE; /* too large for Redis */
        }
        size_t length;
        const char *text = redis_reply_text(reply, &length);
        (void)err_set(err, ERR_UNAVAILABLE, "Redis refused: %.*s", REASON_MAX, text ? text : "no reason given");
        if (redis_reply_is_error(reply, "OOM") || (text && strncmp(text, TOO_LARGE, sizeof(TOO_LARGE) - 1) == 0)) {
                err->code = ERR_LIMIT;
                return STORE_FULL;
        }
        return STORE_REFUSED;
}

/* --- Expiry of the streams ---------------------------------------------------------------------------- */

struct expiry {
        struct redis_command command;
        const struct store *store;
        int64_t day;
        const char *condition; /* NX, GT; NULL: none */
};

static void expire_stream(const struct store *store, int64_t day, const char *condition);

/* A failure is made good within a minute. Redis 6.2 knows no conditions. */
static void on_expire_set(struct redis_command *command, const struct redis_reply *reply, UNUSED const struct err *err)
{
        struct expiry *expiry = CONTAINER_OF(command, struct expiry, command);
        if (reply && redis_reply_is_error(reply, "ERR") && expiry->condition && strcmp(expiry->condition, "NX") == 0)
                expire_stream(expiry->store, expiry->day, NULL);
        redis_command_fini(command);
        free(expiry);
}

/* It is sent in each place by itself. */
static enum redis_made on_expire_place(UNUSED struct redis_command *command, UNUSED const struct redis_place *place)
{
        return REDIS_NOT_MADE;
}

static void expire_stream(const struct store *store, int64_t day, const char *condition)
{
        char stream[FEED_STREAM_SIZE];
        char when[24];
        struct expiry *expiry = calloc(1, sizeof(*expiry));
        if (!expiry)
                return; /* again in a minute */
        *expiry = (struct expiry){ .store = store, .day = day, .condition = condition };
        const struct redis_place *place = redis_place(store->redis);
        (void)feed_stream(place->key_prefix, day, stream);
        int64_t end_ms = feed_day_start_ms(day + 1) + store->retention_ms + store_reach_ms(store);
        const char *argv[] = { "EXPIREAT", stream, when, condition };
        size_t lengths[] = { 8, strlen(stream), (size_t)snprintf(when, sizeof(when), "%" PRId64, end_ms / 1000 + 1),
                             condition ? strlen(condition) : 0 };
        redis_command_init(&expiry->command, on_expire_set);
        expiry->command.must_not_hold = true;
        expiry->command.on_place = on_expire_place;
        expiry->command.made_for = place->number;
        struct err err;
        if (redis_command_args(&expiry->command, condition ? 4 : 3, argv, lengths, &err) < 0) {
                free(expiry);
                return;
        }
        redis_send(store->redis, &expiry->command);
}

/* The day before may have been written to until a moment ago. An end is only ever put off: another Collector may keep
 * documents for longer. */
static void expire_streams(struct store *store, int64_t now_ms)
{
        store->expiry_sent_ms = now_ms;
        for (int64_t day = store->day; day > store->day - 2; day--) {
                expire_stream(store, day, "NX");
                expire_stream(store, day, "GT");
        }
}

/* An entry was added: a stream that it may have made gets its end at once, not with the next minute. */
static void note_added(struct store *store)
{
        unsigned generation = redis_generation(store->redis);
        if (store->retention_ms == 0 || store->day < 0 ||
            (store->expiring_day == store->day && store->expiring_generation == generation))
                return;
        store->expiring_day = store->day;
        store->expiring_generation = generation;
        expire_streams(store, clock_monotonic_ms());
}

/* --- Write ------------------------------------------------------------------------------------------ */

static void write_failed(struct store_write *write, enum store_outcome outcome, const struct err *err)
{
        if (write->outcome != STORE_DONE)
                return; /* the first failure is the one to tell */
        write->outcome = outcome;
        write->err = *err;
}

static void send_add(struct store_write *write);
static void await_safety(struct store_write *write);
static void write_again(struct store_write *write);

/* The SET was done, in the Redis that is in use. */
static bool is_here(const struct store_write *write)
{
        return write->is_set && write->set.generation == redis_generation(write->redis);
}

/* It was done in a former Redis, and a document is acknowledged in a newer one. */
static bool is_overtaken(const struct store_write *write)
{
        bool is_done = write->outcome == STORE_DONE || write->outcome == STORE_EXISTS;
        return is_done && swap_is_behind(write->store->swap, write->set.generation);
}

static void write_finished(struct store_write *write)
{
        if (is_overtaken(write)) {
                write_again(write);
                return;
        }
        redis_command_fini(&write->set);
        redis_command_fini(&write->add);
        bool has_failed = write->outcome != STORE_DONE && write->outcome != STORE_EXISTS;
        /* Written again without success: the first time it was stored. */
        if (has_failed && write->mark_ms >= 0)
                write->outcome = STORE_UNSAFE;
        else if (has_failed && write->outcome != STORE_UNSAFE && is_here(write))
                write->outcome = STORE_UNLISTED;
        if (!has_failed)
                swap_note(write->store->swap, write->set.generation);
        write->on_done(write, write->outcome, &write->err);
}

/* The binding changed in between: the document is in the former Redis, and its entry in the one in use. */
static bool is_torn(const struct store_write *write)
{
        return write->outcome == STORE_DONE && write->add.attempts > 0 &&
               write->set.generation != write->add.generation;
}

static void write_settled(struct store_write *write)
{
        if (--write->waiting > 0)
                return;
        /* Redis put the SET off and took the XADD at once: whoever read the feed in between found no document
         * there. */
        bool ahead = write->outcome == STORE_DONE && write->add.attempts > 0 && write->set.order > write->add.order;
        if (is_torn(write)) {
                write_again(write);
        } else if (ahead) {
                write->set.attempts = 0;
                send_add(write);
        } else if (write->lane && (write->outcome == STORE_DONE || write->outcome == STORE_EXISTS)) {
                await_safety(write);
        } else {
                write_finished(write);
        }
}

static void on_added(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, add);
        if (!reply || redis_reply_type(reply) == REDIS_ERROR) {
                struct err why;
                write_failed(write, store_failure(reply, err, &why), &why);
        } else {
                note_added(write->store);
        }
        write_settled(write);
}

static int64_t first_added_ms(const struct store_write *write)
{
        return write->mark_ms >= 0 ? write->mark_ms : write->added_ms;
}

static void on_add_resend(struct redis_command *command)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, add);
        char stream[FEED_STREAM_SIZE];
        int64_t first_ms = first_added_ms(write);
        const char *name = stream_of(write->store, redis_place(write->redis), note_today(write->store), stream);
        if (feed_add_args(command, name, write->key, first_ms >= 0 ? first_ms : command->sent_first_ms, NULL) < 0)
                return; /* without memory for the mark it goes as it is: a listing may show the document twice */
}

static enum redis_made on_add_place(struct redis_command *command, const struct redis_place *place)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, add);
        char stream[FEED_STREAM_SIZE];
        if (!place->is_cluster || write->waiting == 1) { /* the SET is answered */
                const char *name = stream_of(write->store, place, note_today(write->store), stream);
                return redis_command_set_key(command, name, strlen(name)) < 0 ? REDIS_NOT_MADE : REDIS_MADE;
        }
        if (write->added_ms < 0 && command->sent_first_ms > 0)
                write->added_ms = command->sent_first_ms;
        write->waiting--;
        redis_command_fini(command);
        write->set.follower = NULL;
        write->add = (struct redis_command){ 0 }; /* the reply to the SET sends it */
        return REDIS_WITHDRAWN;
}

static void send_add(struct store_write *write)
{
        struct err err;
        char stream[FEED_STREAM_SIZE];
        const struct redis_place *place = redis_place(write->redis);
        write->waiting++;
        /* The SET may have waited past midnight, and nothing is added to a day that is closed. */
        const char *name = stream_of(write->store, place, note_today(write->store), stream);
        redis_command_fini(&write->add);
        redis_command_init(&write->add, on_added);
        redis_command_room(&write->add, write->add_room, sizeof(write->add_room));
        write->add.on_resend = on_add_resend;
        write->add.on_place = on_add_place;
        write->add.made_for = place->number;
        write->add.generation_min = write->set.generation_min;
        write->set.follower = &write->add;
        if (feed_add_args(&write->add, name, write->key, first_added_ms(write), &err) < 0) {
                write_failed(write, STORE_UNAVAILABLE, &err);
                write_settled(write);
                return;
        }
        redis_send(write->redis, &write->add);
}

static void on_set(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, set);
        if (!reply || redis_reply_type(reply) == REDIS_ERROR) {
                struct err why;
                write_failed(write, store_failure(reply, err, &why), &why);
                /* An entry without its document is useless, and the answer need not wait for it. */
                if (write->add.on_reply && write->waiting > 1 && redis_cancel(write->redis, &write->add))
                        write->waiting--;
        } else if (redis_reply_type(reply) == REDIS_NIL) {
                write->in_doubt = command->attempts > 1 || write->mark_ms >= 0;
                write->outcome = STORE_EXISTS;
        } else {
                write->is_set = true;
                if (write->store->feed && write->add.on_reply == NULL) {
                        write->set.attempts = 0; /* it is done: whatever it took says nothing of the order */
                        send_add(write);
                }
        }
        write_settled(write);
}

static enum redis_made on_set_place(struct redis_command *command, const struct redis_place *place)
{
        return set_key(command, place, CONTAINER_OF(command, struct store_write, set)->key);
}

static int set_args(struct store_write *write, enum store_mode mode, const char *document, size_t length,
                    struct err *err)
{
        char key[KEY_SIZE];
        char retention[24];
        const struct redis_place *place = redis_place(write->redis);
        const char *argv[6] = { "SET", key, document };
        size_t lengths[6] = { 3, full_key(place, write->key, key), length };
        size_t argc = 3;
        write->set.on_place = on_set_place;
        write->set.made_for = place->number;
        if (write->store->retention_ms > 0) {
                argv[argc] = "PX";
                lengths[argc++] = 2;
                argv[argc] = retention;
                lengths[argc++] = (size_t)(decimal_put(retention, (uint64_t)write->store->retention_ms) - retention);
        }
        if (mode == STORE_NEW) {
                argv[argc] = "NX";
                lengths[argc++] = 2;
        }
        return redis_command_args(&write->set, argc, argv, lengths, err);
}

/* For an operation that could not even be formatted: the answer still comes later, as promised. */
static void fail_later(struct redis *redis, struct redis_command *command)
{
        command->must_not_hold = true;
        redis_send(redis, command); /* a command without bytes is refused at the next flush */
}

/* --- Safety ----------------------------------------------------------------------------------------- */

static void on_fenced(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, add);
        write->is_fenced = true;
        if (reply && redis_reply_type(reply) != REDIS_ERROR) {
                write_settled(write);
                return;
        }
        enum store_outcome outcome = store_failure(reply, err, &write->err);
        if (reply)
                write->is_unsafe = true; /* whether it is the same document can still be told */
        else
                write->outcome = outcome;
        write_finished(write);
}

/* In a Cluster it must be in the slot of the document's key. */
static size_t fence_key(const struct store_write *write, const struct redis_place *place, char out[FENCE_SIZE])
{
        const char *prefix = place->key_prefix;
        int length = place->is_cluster ? snprintf(out, FENCE_SIZE, "%.*scollector:ack:{%.*s%s}", FEED_PREFIX_MAX,
                                                  prefix, FEED_PREFIX_MAX, prefix, write->key)
                                       : snprintf(out, FENCE_SIZE, "%.*scollector:ack", FEED_PREFIX_MAX, prefix);
        return (size_t)length; /* fits */
}

static enum redis_made on_fence_place(struct redis_command *command, const struct redis_place *place)
{
        char key[FENCE_SIZE];
        size_t length = fence_key(CONTAINER_OF(command, struct store_write, add), place, key);
        return redis_command_set_key(command, key, length) < 0 ? REDIS_NOT_MADE : REDIS_MADE;
}

/* The key was there, so this connection has not written anything that a WAIT could speak for. */
static void send_fence(struct store_write *write)
{
        char key[FENCE_SIZE];
        struct err err;
        const struct redis_place *place = redis_place(write->redis);
        size_t length = fence_key(write, place, key);
        const char *argv[] = { "SET", key, "1", "PX", "10000" };
        write->waiting = 1;
        redis_command_init(&write->add, on_fenced);
        write->add.on_place = on_fence_place;
        write->add.made_for = place->number;
        if (redis_command_args(&write->add, COUNT_OF(argv), argv, (size_t[]){ 3, length, 1, 2, 5 }, &err) < 0)
                fail_later(write->redis, &write->add);
        else
                redis_send(write->redis, &write->add);
}

static void await_safety(struct store_write *write)
{
        if (write->outcome == STORE_EXISTS && !write->is_fenced) {
                send_fence(write);
                return;
        }
        write->ticket.written[0] = &write->set;
        write->ticket.written[1] = write->add.on_reply ? &write->add : NULL;
        /* Only on the connection that has found the key the write of another one speaks for it. */
        write->ticket.is_stale = write->is_fenced && write->add.connection != write->set.connection;
        write->ticket.bytes = redis_command_size(&write->set);
        lane_await(write->lane, &write->ticket);
}

static void write_again(struct store_write *write)
{
        if (write->mark_ms < 0)
                write->mark_ms = write->set.sent_first_ms;
        redis_command_fini(&write->add);
        write->add = (struct redis_command){ 0 };
        write->is_set = write->is_fenced = write->is_unsafe = false;
        write->outcome = STORE_DONE;
        write->waiting = 1;
        if (write->lane) {
                write->lane = lanes_pick(write->store->lanes);
                write->redis = write->lane->redis;
        }
        write->set.generation_min = swap_newest(write->store->swap);
        redis_send(write->redis, &write->set);
        if (write->store->feed && !write->is_new && !redis_is_cluster(write->redis))
                send_add(write);
}

static void on_ticket(struct lane_ticket *ticket, enum lane_outcome outcome, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(ticket, struct store_write, ticket);
        if (outcome == LANE_REWRITE && clock_monotonic_ms() < ticket->deadline_ms) {
                write_again(write);
                return;
        }
        if (outcome == LANE_REWRITE) {
                (void)err_set(&write->err, ERR_TIMEOUT, "the connection was lost, and the hold time has passed");
                write->outcome = STORE_UNSAFE;
        } else if (outcome != LANE_SAFE) {
                write->err = *err;
                write->outcome = outcome == LANE_REFUSED ? STORE_UNAVAILABLE : STORE_UNSAFE;
        }
        write_finished(write);
}

/* False: too much waits for safety, and it is refused. */
static bool admit(struct store_write *write)
{
        write->ticket.on_done = on_ticket;
        write->ticket.deadline_ms = clock_monotonic_ms() + write->store->hold_ms;
        if (!lanes_are_full(write->store->lanes))
                return true;
        lanes_refuse(write->store->lanes, &write->ticket);
        return false;
}

/* --- Writing ---------------------------------------------------------------------------------------- */

void store_write(struct store *store, struct store_write *write, enum store_mode mode, const char *key,
                 const char *document, size_t length)
{
        struct err err;
        write->store = store;
        write->lane = store->lanes ? lanes_pick(store->lanes) : NULL;
        write->redis = write->lane ? write->lane->redis : store->redis;
        write->is_new = mode == STORE_NEW;
        write->mark_ms = write->added_ms = -1;
        write->in_doubt = write->is_unsafe = write->is_set = write->is_fenced = false;
        write->outcome = STORE_DONE;
        write->waiting = 1;
        memcpy(write->key, key, UUID_TEXT_SIZE);
        redis_command_init(&write->set, on_set);
        redis_command_room(&write->set, write->set_room, sizeof(write->set_room));
        write->set.generation_min = swap_newest(store->swap);
        write->add = (struct redis_command){ 0 };
        if (store->feed)
                (void)note_today(store); /* in any case: the day is known to be written to */
        if (set_args(write, mode, document, length, &err) < 0) {
                fail_later(write->redis, &write->set);
                return;
        }
        if (store->lanes && !admit(write))
                return;
        redis_send(write->redis, &write->set);
        if (store->feed && mode == STORE_OWN_KEY && !redis_is_cluster(write->redis))
                send_add(write);
}

bool store_write_cancel(struct store_write *write)
{
        bool set_sent = write->set.attempts > 0 || write->mark_ms >= 0;
        if (set_sent || !redis_cancel(write->redis, &write->set))
                return false;
        if (write->add.on_reply && !redis_cancel(write->redis, &write->add)) {
                /* Cannot be: the XADD is behind the SET in the same queue. Its reply ends the write. */
                write->waiting = 1;
                (void)err_set(&write->err, ERR_UNAVAILABLE, "the client has disconnected");
                write->outcome = STORE_UNAVAILABLE;
                return false;
        }
        redis_command_fini(&write->set);
        redis_command_fini(&write->add);
        return true;
}

/* --- Read ------------------------------------------------------------------------------------------- */

typedef enum redis_made on_place_fn(struct redis_command *command, const struct redis_place *place);

/* Where a miss there can be final. */
static unsigned generation_for(const struct store *store, bool is_previous)
{
        return is_previous ? store->previous.generation : swap_newest(store->swap);
}

static void send_with_key(struct redis *redis, struct redis_command *command, const char *verb, const char *key,
                          on_place_fn *on_place)
{
        char name[KEY_SIZE];
        struct err err;
        const struct redis_place *place = redis_place(redis);
        const char *argv[] = { verb, name };
        size_t lengths[] = { strlen(verb), full_key(place, key, name) };
        command->on_place = on_place;
        command->made_for = place->number;
        if (redis_command_args(command, 2, argv, lengths, &err) < 0)
                fail_later(redis, command);
        else
                redis_send(redis, command);
}

/* The outcome of a reply that is no value: absent, or why it is not known. */
static enum store_outcome no_value(const struct redis_reply *reply, const struct err *err, struct err *why)
{
        if (reply && redis_reply_type(reply) != REDIS_ERROR)
                return STORE_ABSENT;
        /* Other programs may share this Redis: a key that does not hold a string is not a document. */
        if (reply && redis_reply_is_error(reply, "WRONGTYPE"))
                return STORE_ABSENT;
        return store_failure(reply, err, why);
}

static void previous_said(struct store *store, enum store_outcome outcome, struct err *why)
{
        if (outcome == STORE_DONE) {
                metric_add(store->previous.found, 1);
        } else if (outcome == STORE_ABSENT) {
                metric_add(store->previous.absent, 1);
        } else {
                metric_add(store->previous.failed, 1);
                (void)err_wrap(why, "the previous Redis"); /* the caller goes on with it */
        }
}

static void send_get(struct store *store, struct store_read *read, struct redis *redis);

static void on_get(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_read *read = CONTAINER_OF(command, struct store_read, get);
        struct err why = { 0 };
        enum store_outcome outcome = STORE_DONE;
        const char *document = NULL;
        size_t length = 0;
        if (reply && redis_reply_type(reply) == REDIS_STRING)
                document = redis_reply_text(reply, &length);
        else
                outcome = no_value(reply, err, &why);
        redis_command_fini(command);
        if (outcome == STORE_ABSENT && command->generation < generation_for(read->store, read->is_previous)) {
                send_get(read->store, read, read->redis);
                return;
        }
        if (read->is_previous) {
                previous_said(read->store, outcome, &why);
        } else if (outcome == STORE_ABSENT && read->store->previous.redis) {
                store_read_previous(read->store, read, read->key);
                return;
        }
        read->on_done(read, outcome, document, length, &why);
}

static enum redis_made on_get_place(struct redis_command *command, const struct redis_place *place)
{
        return set_key(command, place, CONTAINER_OF(command, struct store_read, get)->key);
}

static void send_get(struct store *store, struct store_read *read, struct redis *redis)
{
        read->store = store;
        read->redis = redis;
        redis_command_init(&read->get, on_get);
        read->get.generation_min = generation_for(store, read->is_previous);
        send_with_key(redis, &read->get, "GET", read->key, on_get_place);
}

void store_read(struct store *store, struct store_read *read, const char *key)
{
        store_read_found(store, read, store->redis, key);
}

void store_read_found(struct store *store, struct store_read *read, struct redis *redis, const char *key)
{
        read->is_previous = false;
        memmove(read->key, key, UUID_TEXT_SIZE);
        send_get(store, read, redis);
}

void store_read_previous(struct store *store, struct store_read *read, const char *key)
{
        read->is_previous = true;
        memmove(read->key, key, UUID_TEXT_SIZE);
        send_get(store, read, store->previous.redis);
}

bool store_read_is_overtaken(const struct store_read *read)
{
        return !read->is_previous && swap_is_behind(read->store->swap, read->get.generation);
}

/* --- Delete ----------------------------------------------------------------------------------------- */

static enum redis_made on_delete_place(struct redis_command *command, const struct redis_place *place)
{
        return set_key(command, place, CONTAINER_OF(command, struct store_delete, command)->key);
}

static void send_delete(struct store_delete *delete);

static void on_deleted(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_delete *delete = CONTAINER_OF(command, struct store_delete, command);
        struct store *store = delete->store;
        struct err why = { 0 };
        enum store_outcome outcome = STORE_DONE;
        bool is_value = reply && redis_reply_type(reply) == REDIS_STRING;
        bool is_gone =
                reply && redis_reply_type(reply) == REDIS_NIL && command->attempts > 1; /* by our own first try */
        if (!is_value && !is_gone)
                outcome = no_value(reply, err, &why);
        redis_command_fini(command);
        if (delete->is_previous)
                previous_said(store, outcome, &why);
        bool is_known = outcome == STORE_DONE || outcome == STORE_ABSENT;
        if (outcome == STORE_DONE)
                delete->was_there = true;
        bool is_overtaken = command->generation < generation_for(store, delete->is_previous);
        if (is_known && (is_overtaken || (!delete->is_previous && store->previous.redis))) {
                delete->is_previous = delete->is_previous || !is_overtaken;
                send_delete(delete);
                return;
        }
        if (is_known)
                outcome = delete->was_there ? STORE_DONE : STORE_ABSENT;
        delete->on_done(delete, outcome, &why);
}

/* GETDEL (Redis 6.2) and not DEL: it refuses keys that hold no string, which are not ours. */
static void send_delete(struct store_delete *delete)
{
        struct store *store = delete->store;
        redis_command_init(&delete->command, on_deleted);
        delete->command.generation_min = generation_for(store, delete->is_previous);
        send_with_key(delete->is_previous ? store->previous.redis : store->redis, &delete->command, "GETDEL",
                      delete->key, on_delete_place);
}

void store_delete(struct store *store, struct store_delete *delete, const char *key)
{
        delete->store = store;
        delete->is_previous = delete->was_there = false;
        memcpy(delete->key, key, UUID_TEXT_SIZE);
        send_delete(delete);
}

/* --- Announce --------------------------------------------------------------------------------------- */

static void announce_done(struct store_announce *announce, enum store_outcome outcome, const struct err *err)
{
        bool is_overtaken = swap_is_behind(announce->store->swap, announce->generation);
        if (announce->is_moved || announce->search.is_moved || (outcome == STORE_DONE && is_overtaken))
                outcome = STORE_MOVED;
        else if (outcome != STORE_DONE)
                outcome = STORE_UNLISTED;
        announce->on_done(announce, outcome, err);
}

static void on_announced(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_announce *announce = CONTAINER_OF(command, struct store_announce, add);
        struct err why = { 0 };
        enum store_outcome outcome = STORE_DONE;
        if (!reply || redis_reply_type(reply) == REDIS_ERROR)
                outcome = store_failure(reply, err, &why);
        else
                note_added(announce->store);
        redis_command_fini(command);
        announce_done(announce, outcome, &why);
}

/* The document was found in the former Redis: an entry in another one would be for nothing. */
static enum redis_made on_announce_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        CONTAINER_OF(command, struct store_announce, add)->is_moved = true;
        return REDIS_NOT_MADE;
}

/* The first sender may be alive and late, or the search too short: the mark lets readers leave the double out. It goes
 * into the stream of today: readers have left those of other days. */
static void announce_add(struct store_announce *announce)
{
        struct store *store = announce->store;
        struct redis *redis = announce->search.redis;
        struct err err;
        char stream[FEED_STREAM_SIZE];
        const char *name = stream_of(store, redis_place(redis), note_today(store), stream);
        redis_command_init(&announce->add, on_announced);
        announce->add.on_place = on_announce_place;
        announce->add.made_for = announce->search.place;
        if (feed_add_args(&announce->add, name, announce->key, announce->from_ms, &err) < 0)
                fail_later(redis, &announce->add);
        else
                redis_send(redis, &announce->add);
}

static bool on_announce_entry(struct search *search, UNUSED int64_t day, const struct feed_entry *entry)
{
        struct store_announce *announce = CONTAINER_OF(search, struct store_announce, search);
        announce->is_found = strcmp(entry->key, announce->key) == 0;
        return !announce->is_found;
}

static void on_announce_searched(struct search *search, const struct redis_reply *refusal, const struct err *err)
{
        struct store_announce *announce = CONTAINER_OF(search, struct store_announce, search);
        struct err why = { 0 };
        if (refusal || err)
                announce_done(announce, store_failure(refusal, err, &why), &why);
        else if (announce->is_found)
                announce_done(announce, STORE_DONE, &why);
        else
                announce_add(announce);
}

void store_announce(struct store *store, struct store_announce *announce, const struct store_read *found,
                    int64_t stored_ms)
{
        int64_t now_ms = clock_realtime_ms();
        char key[UUID_TEXT_SIZE];
        struct redis *redis = found->redis;
        unsigned place = found->get.made_for;
        announce->generation = found->get.generation;
        memcpy(key, found->key, sizeof(key));
        announce->store = store;
        announce->is_found = announce->is_moved = false;
        announce->from_ms = stored_ms > ANNOUNCE_EARLIER_MS ? stored_ms - ANNOUNCE_EARLIER_MS : 0;
        memcpy(announce->key, key, sizeof(key));
        announce->search = (struct search){ .redis = redis,
                                            .place = place,
                                            .turns = &store->turns,
                                            .reach_ms = store_reach_ms(store),
                                            .first_ms = announce->from_ms,
                                            .last_ms = announce->from_ms,
                                            .end_ms = now_ms + FEED_CLOCK_SKEW_MS,
                                            .last_day = feed_day(now_ms) + 1,
                                            .reads_max = ANNOUNCE_READS_MAX,
                                            .on_entry = on_announce_entry,
                                            .on_done = on_announce_searched };
        if (!search_start(&announce->search))
                announce_add(announce);
}

/* --- Once a minute ---------------------------------------------------------------------------------- */

void store_expire_feed(struct store *store)
{
        int64_t now_ms = clock_monotonic_ms();
        if (!store->feed || store->retention_ms == 0 || store->day < 0)
                return;
        if (store->expiry_sent_ms && now_ms - store->expiry_sent_ms < EXPIRE_EVERY_MS)
                return;
        expire_streams(store, now_ms);
}
