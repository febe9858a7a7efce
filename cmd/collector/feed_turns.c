/* feed_turns: a queue of waiting reads, first come, first served. */
#include "feed_turns.h"

#include <stddef.h>

void feed_turns_take(struct feed_turns *turns, struct feed_turn *turn)
{
        turn->next = NULL;
        if (!turns->is_taken) {
                turns->is_taken = true;
                turn->on_turn(turn, NULL);
                return;
        }
        if (turns->last)
                turns->last->next = turn;
        else
                turns->first = turn;
        turns->last = turn;
}

void feed_turns_give(struct feed_turns *turns)
{
        struct feed_turn *next = turns->first;
        turns->is_taken = next != NULL;
        if (!next)
                return;
        turns->first = next->next;
        if (!turns->first)
                turns->last = NULL;
        next->on_turn(next, NULL);
}

void feed_turns_fail(struct feed_turns *turns, const struct err *err)
{
        struct feed_turn *waiting = turns->first;
        *turns = (struct feed_turns){ 0 };
        while (waiting) {
                struct feed_turn *next = waiting->next; /* on_turn may free it */
                waiting->on_turn(waiting, err);
                waiting = next;
        }
}
