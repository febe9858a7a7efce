/* turns: what reads far into the feed takes turns, one read at a time for each worker, so that documents which are
 * posted meanwhile wait for one of them and not for all.
 *
 *     struct page { struct turn turn; ... };
 *     page->turn.on_turn = on_turn;
 *     turns_take(turns, &page->turn);          // on_turn comes from inside, or when the others before it are done
 *
 *     static void on_turn(struct turn *turn, const struct err *err)     // sends one command
 *     static void on_reply(...)                                         // turns_give(turns), and takes another one
 *
 * Threads: loop only. */
#ifndef COLLECTOR_TURNS_H
#define COLLECTOR_TURNS_H

#include <stdbool.h>

#include "base/err.h"

struct turn {
        /* Exactly once for each turns_take. With `err` it has no turn, and gets none. */
        void (*on_turn)(struct turn *turn, const struct err *err);
        struct turn *next; /* private */
};

/* Zeroed, it is free. */
struct turns {
        struct turn *first, *last; /* those that wait */
        bool is_taken;
};

void turns_take(struct turns *turns, struct turn *turn);
/* The next one has it. */
void turns_give(struct turns *turns);
/* In place of turns_give where the holder could not use its turn: those that wait would only wait as long for nothing,
 * each after the other. */
void turns_fail(struct turns *turns, const struct err *err);

#endif
