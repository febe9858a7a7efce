/* feed_turns: what reads far into the feed takes turns, one read at a time for each worker, so that documents which are
 * posted meanwhile wait for one of them and not for all.
 *
 *     struct page { struct feed_turn turn; ... };
 *     page->turn.on_turn = on_turn;
 *     feed_turns_take(turns, &page->turn);          // on_turn comes from inside, or when the others before it are done
 *
 *     static void on_turn(struct feed_turn *turn, const struct err *err)     // sends one command
 *     static void on_reply(...)                                         // feed_turns_give(turns), and takes another one
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_TURNS_H
#define COLLECTOR_FEED_TURNS_H

#include <stdbool.h>

#include "base/err.h"

struct feed_turn {
        /* Exactly once for each feed_turns_take. With `err` it has no turn, and gets none. */
        void (*on_turn)(struct feed_turn *turn, const struct err *err);
        struct feed_turn *next; /* private */
};

/* Zeroed, it is free. */
struct feed_turns {
        struct feed_turn *first, *last; /* those that wait */
        bool is_taken;
};

void feed_turns_take(struct feed_turns *turns, struct feed_turn *turn);
/* The next one has it. */
void feed_turns_give(struct feed_turns *turns);
/* In place of feed_turns_give where the holder could not use its turn: those that wait would only wait as long for nothing,
 * each after the other. */
void feed_turns_fail(struct feed_turns *turns, const struct err *err);

#endif
