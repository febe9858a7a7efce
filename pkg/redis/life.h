/* life: keeps an object alive while something still needs it.
 *
 * Two counts, for two questions. `depth`: how many functions of this package are on the stack, which callbacks of the
 * caller may have re-entered; what was closed meanwhile is freed when the outermost one returns. `holds`: how many
 * handles and look-ups the loop has not let go of yet; when the last one is gone, a closing object ends.
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

/* Around everything that may call back. */
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

/* Called by the loop, when a handle or look-up is gone. May free the object. */
static inline void redis_release(struct redis_life *life)
{
        if (--life->holds == 0 && life->is_closing)
                life->on_ended(life);
}

#endif
