/* life: keeps an object alive while something still needs it.
 *
 * There are two counters. `depth` counts the functions of this package on the stack, which the caller's callbacks may
 * have re-entered; objects that are closed in the meantime are freed when the outermost function returns. `holds`
 * counts the handles and look-ups that the loop still has; when the last one has ended, a closing object ends.
 *
 * Threads: loop only. */
#ifndef REDIS_LIFE_H
#define REDIS_LIFE_H

#include <stdbool.h>

struct redis_life {
        unsigned depth, holds;
        bool is_closing;
        void (*on_left)(struct redis_life *life);  /* the stack is empty         */
        void (*on_ended)(struct redis_life *life); /* closing, and no holds are left */
};

/* Call these around everything that may invoke a callback. */
static inline void redis_enter(struct redis_life *life)
{
        life->depth++;
}

static inline void redis_leave(struct redis_life *life)
{
        if (--life->depth == 0)
                life->on_left(life);
}

static inline void redis_hold(struct redis_life *life)
{
        life->holds++;
}

/* Called from the loop when a handle is closed or a look-up has ended. May free the object. */
static inline void redis_release(struct redis_life *life)
{
        if (--life->holds == 0 && life->is_closing)
                life->on_ended(life);
}

#endif
