/* feed_turns: serializes reads far into the feed: one at a time per worker. A document posted meanwhile waits for one
 * such read, not for all of them.
 *
 *     struct page { struct feed_turn turn; ... };
 *     page->turn.on_turn = on_turn;
 *     feed_turns_take(turns, &page->turn); // on_turn: during this call, or later
 *
 *     static void on_turn(struct feed_turn *turn, const struct err *err) // sends one command
 *     static void on_reply(...) // feed_turns_give(turns); may take another turn
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_TURNS_H
#define COLLECTOR_FEED_TURNS_H

#include <stdbool.h>

#include "base/err.h"

struct feed_turn {
        /* Called exactly once for each feed_turns_take. If `err` is set, the turn was not granted. */
        void (*on_turn)(struct feed_turn *turn, const struct err *err);
        struct feed_turn *next; /* private */
};

/* All zero: no reader has the turn. */
struct feed_turns {
        struct feed_turn *first, *last; /* readers that wait */
        bool is_taken;
};

void feed_turns_take(struct feed_turns *turns, struct feed_turn *turn);
/* Gives the turn to the next one. */
void feed_turns_give(struct feed_turns *turns);
/* Call this instead of feed_turns_give if the holder's read failed. All waiting readers fail at once, rather than one
 * after the other with the same failure. */
void feed_turns_fail(struct feed_turns *turns, const struct err *err);

#endif
