/* suspects: finds the command that ends connections, so that it fails alone.
 *
 * Threads: loop only. */
#ifndef REDIS_SUSPECTS_H
#define REDIS_SUSPECTS_H

#include "redis/flight.h"

struct suspects {
        struct queue *queue; /* the commands in question */
        struct redis_health *health;
        int64_t stall_ms;
        /* Formats a harmless SET; less than 0: there is none to send. NULL: never. */
        int (*format_trial)(struct redis_command *command, void *data);
        void *data;

        size_t window;                  /* how many commands may be in flight; 0: no limit         */
        size_t window_answers;          /* and how many were answered since it changed             */
        uint64_t answered[REDIS_KINDS]; /* commands of this kind, or one that proves more          */
        struct redis_command trial;     /* a command of our own */
        bool trial_failed;
        int64_t trial_after_ms; /* no further trial before this time */
};

/* The caller sets the first members. */
void redis_suspects_init(struct suspects *suspects);
void redis_suspects_fini(struct suspects *suspects);

/* The connection in use was lost; call it before what is in flight is taken back. */
void redis_suspects_lost(struct suspects *suspects, const struct flight *flight);
void redis_suspects_answered(struct suspects *suspects, const struct redis_command *command);
/* Another connection is in use, or none: whoever was to be sent alone waits again, and the window opens. */
void redis_suspects_start_over(struct suspects *suspects);

/* Call it before the connection in use takes more commands. False: none, until what is in flight is answered. */
bool redis_suspects_take_turn(struct suspects *suspects, const struct flight *flight);
size_t redis_suspects_room(const struct suspects *suspects); /* for how many more commands */
/* Sends a write that shows whether Redis accepts any, on a usable connection. False: there is none to send. */
bool redis_suspects_try_write(struct suspects *suspects);

#endif
