/* resend: the key of a write is chosen by the sender or by us, so repeating the command is safe even if Redis has
 * executed it. The caller is notified (on_resend) and can mark the repeat. A command with `once` is not repeated. A
 * command that makes Redis close connections fails (suspects.c). */
#include "redis/resend.h"

#include "redis/budget.h"

void redis_resend_refused(struct queue *queue, struct redis_command *command, struct list *list)
{
        if (command->must_not_hold) {
                redis_queue_fail(queue, command, inside(command)->doubts ? REASON_SLOW : REASON_NOT_HELD);
                return;
        }
        redis_queue_take(queue, command);
        redis_queue_hold(queue, command, list);
}

/* Tells the caller that the command will be repeated. The caller may format it again, with a mark for repeats. */
static void tell_caller(struct queue *queue, struct redis_command *command)
{
        size_t before = inside(command)->length;
        if (!command->on_resend || queue->is_closing)
                return;
        command->on_resend(command);
        redis_budget_resize(queue->budget, before, inside(command)->length);
}

void redis_resend_doubtful(struct queue *queue, struct redis_command *command, struct list *list)
{
        inside(command)->doubts++;
        if (command->once || command->must_not_hold) {
                redis_queue_fail(queue, command, REASON_ONCE);
        } else {
                redis_queue_take(queue, command);
                tell_caller(queue, command);
                redis_queue_hold(queue, command, list);
        }
}

/* Redis never received all of a partial command, so it was not executed. */
static void take_back(struct flight *flight, struct queue *queue, struct redis_command *command, struct list *again)
{
        if (inside(command)->state == COMMAND_ABANDONED)
                redis_flight_free_stand_in(command);
        else if (inside(command)->is_guilty && !queue->is_closing)
                redis_queue_fail(queue, command, REASON_GUILTY);
        else if (command == flight->partial)
                redis_resend_refused(queue, command, again);
        else
                redis_resend_doubtful(queue, command, again);
}

void redis_resend_lost(struct flight *flight, struct queue *queue)
{
        struct list again;
        list_init(&again);
        redis_queue_hold_again(queue, &flight->refused);
        for (struct list *at = flight->in_flight.next, *next; at != &flight->in_flight; at = next) {
                next = at->next;
                take_back(flight, queue, redis_link_command(at), &again);
        }
        flight->partial = NULL;
        redis_queue_hold_again(queue, &again);
}
