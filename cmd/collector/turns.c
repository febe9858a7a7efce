/* turns: a list of waiting readers, first come, first served. */
#include "turns.h"

#include <stddef.h>

void turns_take(struct turns *turns, struct turn *turn)
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

void turns_give(struct turns *turns)
{
        struct turn *next = turns->first;
        turns->is_taken = next != NULL;
        if (!next)
                return;
        turns->first = next->next;
        if (!turns->first)
                turns->last = NULL;
        next->on_turn(next, NULL);
}

void turns_fail(struct turns *turns, const struct err *err)
{
        struct turn *waiting = turns->first;
        *turns = (struct turns){ 0 };
        while (waiting) {
                struct turn *next = waiting->next; /* on_turn may free it */
                waiting->on_turn(waiting, err);
                waiting = next;
        }
}
