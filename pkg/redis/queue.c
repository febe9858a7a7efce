/* queue: commands that are held, refused or failed, the budget that bounds them, and time. Held commands are
 * in order of deadline, which is the order they were sent in; what comes back from a connection is merged in
 * by that order, so it goes before all that was sent later. A failure is put into client->failed and answered
 * from one place, when the stack is shallow: on_reply may do what it likes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis/internal.h"

#define ASKING "*1\r\n$6\r\nASKING\r\n"
enum { ASKING_LENGTH = sizeof(ASKING) - 1 };

bool redis_is_usable(const struct redis *client)
{
        return client->active && client->active->pause == FAILURE_NONE && !client->is_closing;
}

/* --- Budget ---------------------------------------------------------------------------------------------- */

static bool charge(struct redis_budget *budget, size_t bytes)
{
        size_t commands_max = budget->commands_max ? budget->commands_max : 20000;
        size_t bytes_max = budget->bytes_max ? budget->bytes_max : 64U << 20;
        size_t commands_before = atomic_fetch_add_explicit(&budget->commands, 1, memory_order_relaxed);
        size_t bytes_before = atomic_fetch_add_explicit(&budget->bytes, bytes, memory_order_relaxed);
        if (commands_before < commands_max && bytes_before < bytes_max && bytes <= bytes_max - bytes_before)
                return true;
        atomic_fetch_sub_explicit(&budget->commands, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&budget->bytes, bytes, memory_order_relaxed);
        return false;
}

static void give_back(struct redis_budget *budget, size_t bytes)
{
        atomic_fetch_sub_explicit(&budget->commands, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&budget->bytes, bytes, memory_order_relaxed);
}

/* The caller has made a command anew, which was `before` bytes long. */
static void recharge(struct redis_budget *budget, size_t before, size_t now)
{
        atomic_fetch_add_explicit(&budget->bytes, now, memory_order_relaxed);
        atomic_fetch_sub_explicit(&budget->bytes, before, memory_order_relaxed);
}

/* --- In and out ------------------------------------------------------------------------------------------ */

static void hold(struct redis *client, struct redis_command *command, struct list *list)
{
        inside(command)->state = COMMAND_HELD;
        inside(command)->home = client;
        list_insert_before(list, &inside(command)->link);
        client->held_count++;
}

/* ASKING is for one attempt at one node. */
static void take_asking_off(struct redis *client, struct redis_command *command)
{
        inside(command)->is_asking = inside(command)->has_asked = false;
        inside(command)->length -= ASKING_LENGTH;
        inside(command)->key_offset -= inside(command)->key_offset ? ASKING_LENGTH : 0;
        if (inside(command)->bytes) /* else a stand-in has them */
                memmove(inside(command)->bytes, inside(command)->bytes + ASKING_LENGTH, inside(command)->length);
        atomic_fetch_sub_explicit(&client->options.budget->bytes, ASKING_LENGTH, memory_order_relaxed);
}

/* Its place in a list in order of deadline. What comes is seldom older than much of what is there. */
static struct list *place_in(struct list *list, const struct redis_command *command)
{
        struct list *at = list;
        while (at->prev != list && inside(redis_link_command(at->prev))->deadline_ms > inside(command)->deadline_ms)
                at = at->prev;
        return at;
}

/* What follows it may go on. */
static void release_follower(struct redis *client, const struct redis_command *command)
{
        struct redis_command *follower = command->follower;
        if (!follower || !inside(follower)->is_parked)
                return;
        inside(follower)->is_parked = false;
        list_remove(&inside(follower)->link);
        list_insert_before(place_in(&client->held, follower), &inside(follower)->link);
}

/* Out of whatever it is in; the budget keeps its share. */
static void take_out(struct redis *client, struct redis_command *command)
{
        if (inside(command)->state == COMMAND_HELD)
                client->held_count--;
        else if (inside(command)->state == COMMAND_IN_FLIGHT)
                client->in_flight_count--;
        list_remove(&inside(command)->link);
        inside(command)->state = COMMAND_IDLE;
        inside(command)->is_parked = false;
        release_follower(client, command);
        if (client->alone == command)
                client->alone = NULL;
        if (inside(command)->is_asking)
                take_asking_off(client, command);
}

static void put_failed(struct redis *client, struct redis_command *command, enum redis_reason reason)
{
        inside(command)->state = COMMAND_FAILED;
        inside(command)->reason = (int)reason;
        client->counters.failed++;
        list_insert_before(&client->failed, &inside(command)->link);
}

void redis_queue_fail(struct redis *client, struct redis_command *command, enum redis_reason reason)
{
        take_out(client, command);
        give_back(client->options.budget, inside(command)->length);
        put_failed(client, command, reason);
}

void redis_queue_answer(struct redis *client, struct redis_command *command, const struct redis_reply *reply)
{
        take_out(client, command);
        give_back(client->options.budget, inside(command)->length);
        command->on_reply(command, reply, NULL);
}

void redis_send(struct redis *client, struct redis_command *command)
{
        assert(inside(command)->state == COMMAND_IDLE);
        inside(command)->deadline_ms = redis_now_ms(client) + client->options.hold_ms;
        command->sent_first_ms = 0;
        command->attempts = inside(command)->doubts = command->connection = 0;
        inside(command)->suspicion.losses = inside(command)->suspicion.strikes = 0;
        inside(command)->redirects = 0;
        bool is_early = command->generation_min > client->generation_in_use;
        if (client->cluster && !client->is_closing && !is_early)
                client = redis_cluster_home(client, command);
        if (client->is_closing)
                put_failed(client, command, REASON_CLOSED);
        else if (inside(command)->length == 0)
                put_failed(client, command, REASON_NOMEM);
        else if (command->must_not_hold && !redis_is_usable(client))
                put_failed(client, command, REASON_NOT_HELD);
        else if (!charge(client->options.budget, inside(command)->length))
                put_failed(client, command, REASON_FULL);
        else
                hold(client, command, is_early ? &client->later : &client->held);
        redis_wake(client);
}

bool redis_cancel(struct redis *client, struct redis_command *command)
{
        if (inside(command)->state != COMMAND_HELD && inside(command)->state != COMMAND_FAILED)
                return false;
        if (inside(command)->state == COMMAND_HELD)
                client = inside(command)->home;
        bool was_held = inside(command)->state == COMMAND_HELD;
        take_out(client, command);
        if (was_held)
                give_back(client->options.budget, inside(command)->length);
        return true;
}

/* --- From one place to another --------------------------------------------------------------------------- */

bool redis_queue_remake(struct redis *client, struct redis_command *command)
{
        struct list *next = inside(command)->link.next;
        take_out(client, command);
        size_t before = inside(command)->length;
        enum redis_made made = command->on_place(command, &client->place);
        if (made == REDIS_MADE) {
                command->made_for = client->place.number;
                recharge(client->options.budget, before, inside(command)->length);
                hold(client, command, next);
                return true;
        }
        give_back(client->options.budget, before);
        if (made == REDIS_NOT_MADE)
                put_failed(client, command, REASON_PLACE);
        return false;
}

void redis_queue_release(struct redis *client)
{
        struct list released;
        list_init(&released);
        for (struct list *at = list_first(&client->later), *next; at; at = next) {
                next = list_next(&client->later, at);
                if (redis_link_command(at)->generation_min > client->generation_in_use && !client->is_closing)
                        continue;
                list_remove(at);
                list_append(&released, at);
        }
        if (!list_is_empty(&released))
                redis_queue_hold_again(client, &released);
}

/* --- From one node of a Cluster to another --------------------------------------------------------------- */

/* A router has no connection that could end. */
static bool belongs_aside(const struct redis *client, const struct redis_command *command)
{
        return inside(command)->suspicion.strikes > 0 && !client->cluster;
}

/* What was sent behind it waits with it. */
static void park_follower(const struct redis *client, struct redis_command *command)
{
        struct redis_command *follower = command->follower;
        if (!follower || inside(follower)->state != COMMAND_HELD || inside(follower)->home != client ||
            inside(follower)->is_parked)
                return;
        inside(follower)->is_parked = true;
        list_remove(&inside(follower)->link);
        list_insert_before(inside(command)->link.next, &inside(follower)->link);
}

void redis_queue_move(struct redis *from, struct redis *to, struct redis_command *command)
{
        take_out(from, command);
        bool is_aside = belongs_aside(to, command);
        hold(to, command, place_in(is_aside ? &to->aside : &to->held, command));
        if (is_aside)
                park_follower(to, command);
        redis_wake(to);
}

void redis_queue_rejoin(struct redis *client)
{
        while (!list_is_empty(&client->aside)) {
                struct redis_command *command = redis_link_command(client->aside.next);
                inside(command)->is_parked = false;
                list_remove(&inside(command)->link);
                list_insert_before(place_in(&client->held, command), &inside(command)->link);
        }
}

void redis_queue_take_held(struct redis *from, struct redis *to)
{
        struct list list;
        redis_queue_rejoin(from);
        if (list_is_empty(&from->held))
                return;
        list_init(&list);
        while (!list_is_empty(&from->held)) {
                struct redis_command *command = redis_link_command(from->held.next);
                if (command == &from->ping ||
                    command == &from->trial) { /* of this connection, and nothing to another */
                        redis_queue_fail(from, command, REASON_NOT_HELD);
                        continue;
                }
                take_out(from, command);
                hold(to, command, &list);
        }
        redis_queue_hold_again(to, &list);
        redis_wake(to);
}

void redis_queue_ask(struct redis *client, struct redis_command *command)
{
        char *bytes = malloc(ASKING_LENGTH + inside(command)->length);
        if (!bytes)
                return; /* then it is sent away again, and tried once more */
        memcpy(mempcpy(bytes, ASKING, ASKING_LENGTH), inside(command)->bytes, inside(command)->length);
        redis_command_replace(command, bytes);
        inside(command)->length += ASKING_LENGTH;
        inside(command)->key_offset += inside(command)->key_offset ? ASKING_LENGTH : 0;
        inside(command)->is_asking = true;
        atomic_fetch_add_explicit(&client->options.budget->bytes, ASKING_LENGTH, memory_order_relaxed);
}

/* --- Back from a connection ------------------------------------------------------------------------------ */

void redis_queue_hold_again(struct redis *client, struct list *list)
{
        struct list *at = client->held.next;
        client->reroutes = true;
        while (!list_is_empty(list)) {
                struct redis_command *command = redis_link_command(list->next);
                if (belongs_aside(client, command)) {
                        list_remove(&inside(command)->link);
                        list_insert_before(place_in(&client->aside, command), &inside(command)->link);
                        park_follower(client, command);
                        continue;
                }
                while (at != &client->held &&
                       inside(redis_link_command(at))->deadline_ms < inside(command)->deadline_ms)
                        at = at->next;
                list_remove(&inside(command)->link);
                list_insert_before(at, &inside(command)->link);
        }
}

void redis_queue_refused(struct redis *client, struct redis_command *command, struct list *list)
{
        if (command->must_not_hold) {
                redis_queue_fail(client, command, inside(command)->doubts ? REASON_SLOW : REASON_NOT_HELD);
                return;
        }
        take_out(client, command);
        hold(client, command, list);
}

/* The caller may format it anew, with a mark that says that it is a repeat. */
static void tell_resend(struct redis *client, struct redis_command *command)
{
        size_t before = inside(command)->length;
        if (!command->on_resend || client->is_closing)
                return;
        command->on_resend(command);
        recharge(client->options.budget, before, inside(command)->length);
}

void redis_queue_doubt(struct redis *client, struct redis_command *command, struct list *list)
{
        inside(command)->doubts++;
        if (command->once || command->must_not_hold) {
                redis_queue_fail(client, command, REASON_ONCE);
        } else {
                take_out(client, command);
                tell_resend(client, command);
                hold(client, command, list);
        }
}

void redis_queue_free_stand_in(struct redis_command *command)
{
        list_remove(&inside(command)->link);
        redis_command_fini(command);
        free(command);
}

void redis_queue_rescue(struct redis *client, struct conn *conn)
{
        struct list again;
        list_init(&again);
        redis_queue_hold_again(client, &conn->refused);
        for (struct list *at = conn->in_flight.next, *next; at != &conn->in_flight; at = next) {
                struct redis_command *command = redis_link_command(at);
                next = at->next;
                if (inside(command)->state == COMMAND_ABANDONED)
                        redis_queue_free_stand_in(command);
                else if (redis_suspects_is_guilty(command) && !client->is_closing)
                        redis_queue_fail(client, command, REASON_GUILTY);
                else if (command == conn->partial) /* never whole on the wire: it was not done */
                        redis_queue_refused(client, command, &again);
                else
                        redis_queue_doubt(client, command, &again);
        }
        conn->partial = NULL;
        redis_queue_hold_again(client, &again);
}

/* --- Time ------------------------------------------------------------------------------------------------ */

static void expire(struct redis *client, struct list *list, int64_t now_ms)
{
        while (!list_is_empty(list)) {
                struct redis_command *command = redis_link_command(list->next);
                if (inside(command)->deadline_ms > now_ms)
                        return;
                redis_queue_fail(client, command, REASON_AWAY);
        }
}

void redis_queue_expire(struct redis *client, int64_t now_ms)
{
        expire(client, &client->held, now_ms);
        expire(client, &client->aside, now_ms);
        expire(client, &client->later, now_ms);
}

/* The caller's room is the caller's again after the answer: what is in it has to be copied. */
static bool take_bytes(struct redis_command *to, struct redis_command *from)
{
        char *bytes = inside(from)->bytes;
        if (bytes == inside(from)->room) {
                bytes = malloc(inside(from)->length);
                if (!bytes)
                        return false;
                memcpy(bytes, inside(from)->bytes, inside(from)->length);
        }
        inside(to)->bytes = bytes;
        inside(to)->length = inside(from)->length;
        inside(from)->bytes = NULL;
        return true;
}

/* Its reply will still come, and must not be taken for that of the next: something has to wait for it. */
static bool leave_stand_in(struct conn *conn, struct redis_command *command)
{
        struct redis_command *stand_in = malloc(sizeof(*stand_in));
        if (!stand_in)
                return false;
        redis_command_init(stand_in, NULL);
        inside(stand_in)->state = COMMAND_ABANDONED;
        inside(stand_in)->deadline_ms = INT64_MAX;
        inside(stand_in)->has_asked = inside(command)->has_asked;
        inside(stand_in)->expected = inside(command)->expected;
        if (conn->partial == command) { /* the rest of its bytes has to follow */
                if (!take_bytes(stand_in, command)) {
                        free(stand_in);
                        return false;
                }
                conn->partial = stand_in;
        }
        list_insert_before(&inside(command)->link, &inside(stand_in)->link);
        return true;
}

/* After a switch in_flight need not be in order of deadline: one behind a younger one is noticed later. */
void redis_queue_expire_in_flight(struct redis *client, struct conn *conn, int64_t now_ms)
{
        struct list *at = conn->in_flight.next;
        while (at != &conn->in_flight) {
                struct redis_command *command = redis_link_command(at);
                at = at->next;
                if (inside(command)->state == COMMAND_ABANDONED)
                        continue;
                if (inside(command)->deadline_ms > now_ms || !leave_stand_in(conn, command))
                        return;
                redis_queue_fail(client, command, REASON_SLOW);
                if (!inside(command)->bytes)
                        inside(command)->length = 0;
        }
}

void redis_queue_drop_impatient(struct redis *client)
{
        struct list *at = client->held.next;
        while (at != &client->held) {
                struct redis_command *command = redis_link_command(at);
                at = at->next;
                if (command->must_not_hold)
                        redis_queue_fail(client, command, REASON_NOT_HELD);
        }
}

/* --- Answers --------------------------------------------------------------------------------------------- */

static int say_away(const struct redis *client, const struct redis_command *command, struct err *err)
{
        long long hold_ms = (long long)client->options.hold_ms;
        const char *last = client->last_error.code ? client->last_error.text : "none";
        if (inside(command)->doubts > 0)
                return err_set(err, ERR_TIMEOUT, "Redis did not answer within %lld ms (last error: %s)", hold_ms, last);
        if (client->is_denied)
                return err_set(err, ERR_DENIED, "Redis refused the credentials for %lld ms (last error: %s)", hold_ms,
                               last);
        return err_set(err, ERR_UNAVAILABLE, "Redis could not be used for %lld ms (last error: %s)", hold_ms, last);
}

static int say_why(const struct redis *client, const struct redis_command *command, struct err *err)
{
        switch ((enum redis_reason)inside(command)->reason) {
        case REASON_AWAY:
                return say_away(client, command, err);
        case REASON_FULL:
                return err_set(err, ERR_UNAVAILABLE, "too many requests are waiting for Redis");
        case REASON_NOT_HELD:
                return err_set(err, ERR_UNAVAILABLE, "no connection to Redis (last error: %s)",
                               client->last_error.code ? client->last_error.text : "none");
        case REASON_CLOSED:
                if (inside(command)->doubts > 0)
                        return err_set(err, ERR_TIMEOUT, "stopped before Redis answered");
                return err_set(err, ERR_UNAVAILABLE, "stopped before sending the command to Redis");
        case REASON_PLACE:
                return err_set(err, inside(command)->doubts > 0 ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                               "the command was for the previous Redis");
        case REASON_ONCE:
                return err_set(err, ERR_TIMEOUT, "the connection was lost before the answer came");
        case REASON_GUILTY:
                return err_set(err, ERR_LIMIT,
                               "Redis ended the connection %u times at this %s of %zu bytes, and answered others (last "
                               "error: %s)",
                               inside(command)->suspicion.losses, redis_command_name(command), inside(command)->length,
                               client->last_error.text);
        case REASON_NOMEM:
                return err_set(err, ERR_NOMEM, "out of memory");
        case REASON_SLOW:
                break;
        }
        return err_set(err, ERR_TIMEOUT, "Redis did not answer within %lld ms", (long long)client->options.hold_ms);
}

/* A read does nothing, so a lost one leaves nothing in doubt. */
static void say(const struct redis *client, const struct redis_command *command, struct err *err)
{
        (void)say_why(client, command, err);
        if (err->code == ERR_TIMEOUT && redis_expected_only_reads(&inside(command)->expected))
                err->code = ERR_UNAVAILABLE;
}

/* Only what has failed before: an on_reply that sends again and fails again waits for the next turn. */
void redis_queue_deliver(struct redis *client)
{
        struct list now;
        if (list_is_empty(&client->failed))
                return;
        now = client->failed;
        now.next->prev = now.prev->next = &now;
        list_init(&client->failed);
        while (!list_is_empty(&now)) {
                struct redis_command *command = redis_link_command(now.next);
                struct err err;
                take_out(client, command);
                say(client, command, &err);
                command->on_reply(command, NULL, &err);
        }
}
