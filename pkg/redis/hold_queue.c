/* hold_queue: keeps commands that are held or have failed. Held commands are sorted by deadline. Commands that return
 * from a connection are merged in by deadline, so they precede all commands that were sent later. Only
 * redis_queue_deliver reports failed commands, when the stack is shallow, so on_reply may do anything. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "redis/budget.h"
#include "redis/hold_queue.h"
#include "redis/slots.h"
#include "redis/target_private.h"

#define ASKING "*1\r\n$6\r\nASKING\r\n"
enum { ASKING_LENGTH = sizeof(ASKING) - 1 };

void redis_queue_init(struct queue *queue)
{
        list_init(&queue->held);
        list_init(&queue->aside);
        list_init(&queue->later);
        list_init(&queue->failed);
}

void redis_queue_fini(struct queue *queue)
{
        redis_target_unref(queue->place_target);
}

/* --- In and out ------------------------------------------------------------------------------------------ */

static size_t counts(const struct redis_command *command)
{
        return command->is_uncounted ? 0 : 1;
}

void redis_queue_hold(struct queue *queue, struct redis_command *command, struct list *list)
{
        inside(command)->state = COMMAND_HELD;
        inside(command)->home = queue;
        list_insert_before(list, &inside(command)->link);
        queue->held_count++;
}

/* Removes ASKING, which is valid for one attempt on one node. */
static void take_asking_off(struct queue *queue, struct redis_command *command)
{
        inside(command)->is_asking = inside(command)->has_asked = false;
        inside(command)->length -= ASKING_LENGTH;
        inside(command)->key_offset -= inside(command)->key_offset ? ASKING_LENGTH : 0;
        if (inside(command)->bytes) /* otherwise a placeholder has them */
                memmove(inside(command)->bytes, inside(command)->bytes + ASKING_LENGTH, inside(command)->length);
        atomic_fetch_sub_explicit(&queue->budget->bytes, ASKING_LENGTH, memory_order_relaxed);
}

/* Finds the command's position in a list that is sorted by deadline. Searches from the end, since only a few commands
 * there have a later deadline. */
static struct list *place_in(struct list *list, const struct redis_command *command)
{
        struct list *at = list;
        while (at->prev != list && inside(redis_link_command(at->prev))->deadline_ms > inside(command)->deadline_ms)
                at = at->prev;
        return at;
}

void redis_queue_take(struct queue *queue, struct redis_command *command)
{
        if (inside(command)->state == COMMAND_HELD)
                queue->held_count--;
        else if (inside(command)->state == COMMAND_IN_FLIGHT)
                queue->in_flight_count--;
        list_remove(&inside(command)->link);
        inside(command)->state = COMMAND_IDLE;
        if (queue->alone == command)
                queue->alone = NULL;
        if (inside(command)->is_asking)
                take_asking_off(queue, command);
}

static void put_failed(struct queue *queue, struct redis_command *command, enum redis_reason reason)
{
        inside(command)->state = COMMAND_FAILED;
        inside(command)->home = queue;
        inside(command)->reason = (unsigned char)reason;
        queue->failed_total++;
        list_insert_before(&queue->failed, &inside(command)->link);
}

void redis_queue_fail(struct queue *queue, struct redis_command *command, enum redis_reason reason)
{
        redis_queue_take(queue, command);
        redis_budget_give_back(queue->budget, counts(command), inside(command)->length);
        put_failed(queue, command, reason);
}

void redis_queue_answer(struct queue *queue, struct redis_command *command, const struct redis_reply *reply)
{
        redis_queue_take(queue, command);
        redis_budget_give_back(queue->budget, counts(command), inside(command)->length);
        command->on_reply(command, reply, NULL);
}

void redis_queue_send(struct queue *queue, struct redis_command *command, bool is_usable)
{
        assert(inside(command)->state == COMMAND_IDLE);
        inside(command)->deadline_ms = redis_queue_now_ms(queue) + queue->hold_ms;
        command->sent_first_ms = 0;
        command->attempts = command->connection = 0;
        inside(command)->doubts = 0;
        redis_suspicion_forget(command);
        inside(command)->redirects = 0;
        bool is_early = redis_queue_is_early(queue, command);
        if (queue->is_closing)
                put_failed(queue, command, REASON_CLOSED);
        else if (inside(command)->length == 0)
                put_failed(queue, command, REASON_NOMEM);
        else if (command->must_not_hold && !is_usable)
                put_failed(queue, command, REASON_NOT_HELD);
        else if (!redis_budget_charge(queue->budget, counts(command), inside(command)->length))
                put_failed(queue, command, REASON_FULL);
        else
                redis_queue_hold(queue, command, is_early ? &queue->later : &queue->held);
        queue->wake(queue);
}

bool redis_queue_cancel(struct redis_command *command)
{
        if (inside(command)->state != COMMAND_HELD && inside(command)->state != COMMAND_FAILED)
                return false;
        struct queue *queue = inside(command)->home;
        bool was_held = inside(command)->state == COMMAND_HELD;
        redis_queue_take(queue, command);
        if (was_held)
                redis_budget_give_back(queue->budget, counts(command), inside(command)->length);
        return true;
}

/* --- From one place to another --------------------------------------------------------------------------- */

/* Moves commands whose target is now in use from `later` to `held`; all of them if the queue closes. */
static void release(struct queue *queue)
{
        struct list released;
        list_init(&released);
        for (struct list *at = list_first(&queue->later), *next; at; at = next) {
                next = list_next(&queue->later, at);
                if (redis_queue_is_early(queue, redis_link_command(at)) && !queue->is_closing)
                        continue;
                list_remove(at);
                list_append(&released, at);
        }
        if (!list_is_empty(&released))
                redis_queue_hold_again(queue, &released);
}

void redis_queue_set_place(struct queue *queue, struct redis_target *target, unsigned generation, bool is_cluster)
{
        struct redis_target *origin = redis_target_ref(redis_target_origin(target)), *old = queue->place_target;
        queue->place_target = origin;
        queue->place = (struct redis_place){ .key_prefix = origin->key_prefix ? origin->key_prefix : "",
                                             .is_cluster = is_cluster,
                                             .generation = generation,
                                             .number = generation << 1 | is_cluster };
        redis_target_unref(old);
        release(queue);
}

bool redis_queue_remake(struct queue *queue, struct redis_command *command)
{
        struct list *next = inside(command)->link.next;
        redis_queue_take(queue, command);
        size_t before = inside(command)->length;
        size_t was_counted = counts(command); /* a withdrawn command may have been freed */
        enum redis_made made = command->on_place(command, &queue->place);
        if (made == REDIS_MADE) {
                command->made_for = queue->place.number;
                redis_budget_resize(queue->budget, before, inside(command)->length);
                redis_queue_hold(queue, command, next);
                return true;
        }
        redis_budget_give_back(queue->budget, was_counted, before);
        if (made == REDIS_NOT_MADE)
                put_failed(queue, command, REASON_PLACE);
        return false;
}

/* --- From one node of a Cluster to another --------------------------------------------------------------- */

/* Always false for a pool, which has no connection that a command could close. */
static bool belongs_aside(const struct queue *queue, const struct redis_command *command)
{
        return inside(command)->suspicion.strikes > 0 && !queue->is_pool;
}

static void tell_aside(struct redis_command *command)
{
        if (command->on_aside)
                command->on_aside(command);
}

void redis_queue_move(struct queue *from, struct queue *to, struct redis_command *command)
{
        redis_queue_take(from, command);
        bool is_aside = belongs_aside(to, command);
        redis_queue_hold(to, command, place_in(is_aside ? &to->aside : &to->held, command));
        if (is_aside)
                tell_aside(command);
        to->wake(to);
}

void redis_queue_rejoin(struct queue *queue)
{
        for (struct list *link; (link = list_pop(&queue->aside));) {
                struct redis_command *command = redis_link_command(link);
                list_insert_before(place_in(&queue->held, command), link);
        }
}

void redis_queue_take_held(struct queue *from, struct queue *to)
{
        struct list list;
        redis_queue_rejoin(from);
        if (list_is_empty(&from->held))
                return;
        list_init(&list);
        while (!list_is_empty(&from->held)) {
                struct redis_command *command = redis_link_command(from->held.next);
                if (inside(command)->is_own) { /* it is meaningless on another connection */
                        redis_queue_fail(from, command, REASON_NOT_HELD);
                        continue;
                }
                redis_queue_take(from, command);
                redis_queue_hold(to, command, &list);
        }
        redis_queue_hold_again(to, &list);
        to->wake(to);
}

void redis_queue_ask(struct queue *queue, struct redis_command *command)
{
        char *bytes = malloc(ASKING_LENGTH + inside(command)->length);
        if (!bytes)
                return; /* the command will be redirected again, and then this is tried again */
        memcpy(mempcpy(bytes, ASKING, ASKING_LENGTH), inside(command)->bytes, inside(command)->length);
        redis_command_replace(command, bytes);
        inside(command)->length += ASKING_LENGTH;
        inside(command)->key_offset += inside(command)->key_offset ? ASKING_LENGTH : 0;
        inside(command)->is_asking = true;
        atomic_fetch_add_explicit(&queue->budget->bytes, ASKING_LENGTH, memory_order_relaxed);
}

/* --- Returned from a connection ------------------------------------------------------------------------------ */

void redis_queue_hold_again(struct queue *queue, struct list *list)
{
        struct list *at = queue->held.next;
        queue->has_returned = true;
        while (!list_is_empty(list)) {
                struct redis_command *command = redis_link_command(list->next);
                if (belongs_aside(queue, command)) {
                        list_remove(&inside(command)->link);
                        list_insert_before(place_in(&queue->aside, command), &inside(command)->link);
                        tell_aside(command);
                        continue;
                }
                while (at != &queue->held && inside(redis_link_command(at))->deadline_ms < inside(command)->deadline_ms)
                        at = at->next;
                list_remove(&inside(command)->link);
                list_insert_before(at, &inside(command)->link);
        }
}

/* --- Time ------------------------------------------------------------------------------------------------ */

static void expire(struct queue *queue, struct list *list, int64_t now_ms)
{
        while (!list_is_empty(list)) {
                struct redis_command *command = redis_link_command(list->next);
                if (inside(command)->deadline_ms > now_ms)
                        return;
                redis_queue_fail(queue, command, REASON_AWAY);
        }
}

void redis_queue_expire(struct queue *queue, int64_t now_ms)
{
        expire(queue, &queue->held, now_ms);
        expire(queue, &queue->aside, now_ms);
        expire(queue, &queue->later, now_ms);
}

void redis_queue_drop_impatient(struct queue *queue)
{
        struct list *at = queue->held.next;
        while (at != &queue->held) {
                struct redis_command *command = redis_link_command(at);
                at = at->next;
                if (command->must_not_hold)
                        redis_queue_fail(queue, command, REASON_NOT_HELD);
        }
}

/* --- Answers --------------------------------------------------------------------------------------------- */

/* Reports only the commands that have failed so far: a command that an on_reply sends and that fails at once waits for
 * the next turn. */
void redis_queue_deliver(struct queue *queue)
{
        struct list now;
        if (list_is_empty(&queue->failed))
                return;
        list_init(&now);
        list_append_all(&now, &queue->failed);
        while (!list_is_empty(&now)) {
                struct redis_command *command = redis_link_command(now.next);
                struct err err;
                redis_queue_take(queue, command);
                redis_reason_say(command, queue->hold_ms, queue->health, &err);
                command->on_reply(command, NULL, &err);
        }
}

void redis_queue_fail_all(struct queue *queue, enum redis_reason reason)
{
        release(queue);
        redis_queue_rejoin(queue);
        while (!list_is_empty(&queue->held))
                redis_queue_fail(queue, redis_link_command(queue->held.next), reason);
}
