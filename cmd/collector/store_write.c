/* store_write: SET and XADD are sent in the same write, so a document costs one round trip. If the key may exist (NX),
 * or if the two cannot go to the same master of a Cluster, the document joins an entry after the reply to the SET.
 * pkg/redis may send both again: the SET because the key is ours, the XADD because it then carries a mark. */
#include "store_write.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/decimal.h"

enum { FENCE_SIZE = 2 * STORE_KEY_SIZE + sizeof("collector:ack:{}") };

static void write_failed(struct store_write *write, enum store_outcome outcome, const struct err *err)
{
        if (write->outcome != STORE_DONE)
                return; /* only the first failure is reported */
        write->outcome = outcome;
        write->err = *err;
}

static void join_feed(struct store_write *write);
static void await_safety(struct store_write *write);
static void write_again(struct store_write *write);

/* The SET was executed in the current Redis. */
static bool is_here(const struct store_write *write)
{
        return write->member.is_stored && write->set.generation == redis_generation(write->redis);
}

/* The SET was executed in an old Redis, and a newer Redis has an acknowledged document. */
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
        redis_command_fini(&write->fence);
        (void)feed_group_leave(&write->member);
        bool has_failed = write->outcome != STORE_DONE && write->outcome != STORE_EXISTS;
        /* The first write succeeded; only its repetition for safety failed. */
        if (has_failed && write->mark_ms >= 0)
                write->outcome = STORE_UNSAFE;
        else if (has_failed && write->outcome != STORE_UNSAFE && is_here(write))
                write->outcome = STORE_UNLISTED;
        if (!has_failed)
                swap_note(write->store->swap, write->set.generation);
        write->on_done(write, write->outcome, &write->err);
}

/* The binding changed in between: the document is in the old Redis, its entry in the current one. */
static bool is_torn(const struct store_write *write)
{
        const struct redis_command *add = feed_member_command(&write->member);
        return write->outcome == STORE_DONE && add && write->set.generation != add->generation;
}

static void write_settled(struct store_write *write)
{
        if (--write->waiting > 0)
                return;
        if (is_torn(write)) {
                write_again(write);
        } else if (write->outcome == STORE_DONE && feed_member_is_ahead(&write->member)) {
                join_feed(write);
        } else if (write->ack_client && (write->outcome == STORE_DONE || write->outcome == STORE_EXISTS)) {
                await_safety(write);
        } else {
                write_finished(write);
        }
}

/* --- The document's entry in the feed ---------------------------------------------------------------------------- */

static void on_added(struct feed_member *member, const struct redis_reply *reply, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(member, struct store_write, member);
        struct err why;
        if (!reply || redis_reply_type(reply) == REDIS_ERROR)
                write_failed(write, store_failure(reply, err, &why), &why);
        write_settled(write);
}

/* The document joins a group again when the SET is answered. */
static void on_set_aside(struct redis_command *command)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, set);
        if (feed_group_fall_behind(&write->member))
                write->waiting--;
}

static void on_withdrawn(struct feed_member *member)
{
        CONTAINER_OF(member, struct store_write, member)->waiting--;
}

static void join_feed(struct store_write *write)
{
        struct err err;
        write->waiting++;
        (void)feed_group_leave(&write->member);
        if (write->mark_ms >= 0)
                write->member.mark_ms = write->mark_ms;
        if (feed_group_join(&write->store->groups, write->redis, &write->member, &err) == 0)
                return;
        write_failed(write, STORE_UNAVAILABLE, &err);
        write_settled(write);
}

/* Joins the feed before Redis has answered, if that is possible. Otherwise the document joins later, or never if there
 * is no feed. */
static void join_feed_early(struct store_write *write)
{
        if (write->store->feed && !write->is_new &&
            feed_groups_can_follow(&write->store->groups, write->redis, &write->set))
                join_feed(write);
}

/* An entry without its document is useless, so the outcome need not wait for it. */
static void leave_feed(struct store_write *write)
{
        if (feed_group_leave(&write->member))
                write->waiting--;
}

/* --- The document --------------------------------------------------------------------------------------- */

/* If there was no reply, Redis may have stored the document, and its sender has to know the key. */
static enum store_outcome set_failure(const struct redis_reply *reply, const struct err *failure, struct err *err)
{
        enum store_outcome outcome = store_failure(reply, failure, err);
        bool is_unknown = !reply && (failure->code == ERR_TIMEOUT || failure->code == ERR_LIMIT);
        return is_unknown ? STORE_UNKNOWN : outcome;
}

static void on_set(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, set);
        if (!reply || redis_reply_type(reply) == REDIS_ERROR) {
                struct err why;
                write_failed(write, set_failure(reply, err, &why), &why);
                leave_feed(write);
        } else if (redis_reply_type(reply) == REDIS_NIL) {
                write->in_doubt = command->attempts > 1 || write->mark_ms >= 0;
                write->outcome = STORE_EXISTS;
        } else {
                feed_member_stored(&write->member);
                if (write->store->feed && !write->member.group)
                        join_feed(write);
        }
        write_settled(write);
}

static void on_set_resend(struct redis_command *command)
{
        feed_member_repeated(&CONTAINER_OF(command, struct store_write, set)->member);
}

static enum redis_made on_set_place(struct redis_command *command, const struct redis_place *place)
{
        return store_set_key(command, place, CONTAINER_OF(command, struct store_write, set)->key);
}

static int set_args(struct store_write *write, enum store_mode mode, const char *document, size_t length,
                    struct err *err)
{
        char key[STORE_KEY_SIZE];
        char retention[24];
        const struct redis_place *place = redis_place(write->redis);
        const char *argv[6] = { "SET", key, document };
        size_t lengths[6] = { 3, store_key(place, write->key, key), length };
        size_t argc = 3;
        write->set.on_place = on_set_place;
        write->set.on_resend = on_set_resend;
        write->set.on_aside = on_set_aside;
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

/* --- Safety ----------------------------------------------------------------------------------------- */

static void on_fenced(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(command, struct store_write, fence);
        write->is_fenced = true;
        if (reply && redis_reply_type(reply) != REDIS_ERROR) {
                write_settled(write);
                return;
        }
        enum store_outcome outcome = store_failure(reply, err, &write->err);
        if (reply)
                write->is_unsafe = true; /* the caller can still compare the documents */
        else
                write->outcome = outcome;
        write_finished(write);
}

/* In a Cluster, this key must be in the slot of the document's key. */
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
        size_t length = fence_key(CONTAINER_OF(command, struct store_write, fence), place, key);
        return redis_command_set_key(command, key, length) < 0 ? REDIS_NOT_MADE : REDIS_MADE;
}

/* The key exists, so this connection has written nothing that a WAIT could cover. */
static void send_fence(struct store_write *write)
{
        char key[FENCE_SIZE];
        struct err err;
        const struct redis_place *place = redis_place(write->redis);
        size_t length = fence_key(write, place, key);
        const char *argv[] = { "SET", key, "1", "PX", "10000" };
        write->waiting = 1;
        redis_command_init(&write->fence, on_fenced);
        write->fence.on_place = on_fence_place;
        write->fence.made_for = place->number;
        if (redis_command_args(&write->fence, COUNT_OF(argv), argv, (size_t[]){ 3, length, 1, 2, 5 }, &err) < 0)
                store_fail_later(write->redis, &write->fence);
        else
                redis_send(write->redis, &write->fence);
}

static void await_safety(struct store_write *write)
{
        if (write->outcome == STORE_EXISTS && !write->is_fenced) {
                send_fence(write);
                return;
        }
        write->ticket.written[0] = &write->set;
        write->ticket.written[1] = write->is_fenced ? &write->fence : feed_member_command(&write->member);
        /* The fence covers the existing document only on the connection that found it. */
        write->ticket.is_stale = write->is_fenced && write->fence.connection != write->set.connection;
        write->ticket.bytes = redis_command_size(&write->set);
        ack_client_await(write->ack_client, &write->ticket);
}

static void write_again(struct store_write *write)
{
        if (write->mark_ms < 0)
                write->mark_ms = write->set.sent_first_ms;
        redis_command_fini(&write->fence);
        write->fence = (struct redis_command){ 0 };
        (void)feed_group_leave(&write->member);
        write->member.is_stored = write->is_fenced = write->is_unsafe = false;
        write->member.set_connection = 0;
        write->outcome = STORE_DONE;
        write->waiting = 1;
        if (write->ack_client) {
                write->ack_client = ack_pool_pick(write->store->ack_pool);
                write->redis = write->ack_client->redis;
        }
        write->set.generation_min = swap_newest(write->store->swap);
        redis_send(write->redis, &write->set);
        join_feed_early(write);
}

static void on_ticket(struct ack_ticket *ticket, enum ack_outcome outcome, const struct err *err)
{
        struct store_write *write = CONTAINER_OF(ticket, struct store_write, ticket);
        if (outcome == ACK_REWRITE && clock_monotonic_ms() < ticket->deadline_ms) {
                write_again(write);
                return;
        }
        if (outcome == ACK_REWRITE) {
                (void)err_set(&write->err, ERR_TIMEOUT, "the connection was lost, and the hold time has passed");
                write->outcome = STORE_UNSAFE;
        } else if (outcome != ACK_SAFE) {
                write->err = *err;
                write->outcome = outcome == ACK_REFUSED ? STORE_UNAVAILABLE : STORE_UNSAFE;
        }
        write_finished(write);
}

/* False: too many documents already wait to be safe, so this one is refused. */
static bool admit(struct store_write *write)
{
        write->ticket.on_done = on_ticket;
        write->ticket.deadline_ms = clock_monotonic_ms() + write->store->hold_ms;
        if (!ack_pool_is_full(write->store->ack_pool))
                return true;
        ack_pool_refuse(write->store->ack_pool, &write->ticket);
        return false;
}

/* --- Beginning -------------------------------------------------------------------------------------- */

void store_write(struct store *store, struct store_write *write, enum store_mode mode, const char *key,
                 const char *document, size_t length)
{
        struct err err;
        write->store = store;
        write->ack_client = store->ack_pool ? ack_pool_pick(store->ack_pool) : NULL;
        write->redis = write->ack_client ? write->ack_client->redis : store->redis;
        write->is_new = mode == STORE_NEW;
        write->mark_ms = -1;
        write->in_doubt = write->is_unsafe = write->is_fenced = false;
        write->outcome = STORE_DONE;
        write->waiting = 1;
        memcpy(write->key, key, UUID_TEXT_SIZE);
        redis_command_init(&write->set, on_set);
        redis_command_room(&write->set, write->set_room, sizeof(write->set_room));
        write->set.generation_min = swap_newest(store->swap);
        write->fence = (struct redis_command){ 0 };
        write->member = (struct feed_member){
                .key = write->key, .set = &write->set, .mark_ms = -1, .on_added = on_added, .on_withdrawn = on_withdrawn
        };
        if (set_args(write, mode, document, length, &err) < 0) {
                store_fail_later(write->redis, &write->set);
                return;
        }
        if (store->ack_pool && !admit(write))
                return;
        redis_send(write->redis, &write->set);
        join_feed_early(write);
}

bool store_write_cancel(struct store_write *write)
{
        bool set_sent = write->set.attempts > 0 || write->mark_ms >= 0;
        if (set_sent || !redis_cancel(write->redis, &write->set))
                return false;
        (void)feed_group_leave(&write->member);
        redis_command_fini(&write->set);
        redis_command_fini(&write->fence);
        return true;
}
