/* suspects: finds the command that makes Redis close connections, so that only that command fails.
 *
 * Threads: loop only. */
#ifndef REDIS_SUSPECTS_H
#define REDIS_SUSPECTS_H

#include "redis/flight.h"

struct suspects {
        struct queue *queue; /* the commands in question */
        struct redis_health *health;
        int64_t stall_ms;
        /* Formats a harmless SET; less than 0: none can be sent now. NULL: never. */
        int (*format_trial)(struct redis_command *command, void *data);
        void *data;

        size_t window;                  /* how many commands may be in flight; 0: no limit        */
        size_t window_answers;          /* and the number of replies since it changed             */
        uint64_t answered[REDIS_KINDS]; /* answered commands of this kind, or of one that proves more */
        struct redis_command trial;     /* our own command                                        */
        bool trial_failed;
        int64_t trial_after_ms; /* no further trial before this time */
};

/* The caller sets the first members. */
void redis_suspects_init(struct suspects *suspects);
void redis_suspects_fini(struct suspects *suspects);

/* Call this when the connection in use is lost, before the commands in flight are taken back. */
void redis_suspects_lost(struct suspects *suspects, const struct flight *flight);
void redis_suspects_answered(struct suspects *suspects, const struct redis_command *command);
/* Call this when another connection, or none, is in use: a command that was to be sent alone waits again, and the
 * window is unlimited. */
void redis_suspects_start_over(struct suspects *suspects);

/* Call this before the connection in use takes more commands. False: it takes none until the commands in flight are
 * answered. */
bool redis_suspects_take_turn(struct suspects *suspects, const struct flight *flight);
size_t redis_suspects_room(const struct suspects *suspects); /* how many more commands may be in flight */
/* Sends a write on a usable connection to find out whether Redis accepts writes. False: there is none to send. */
bool redis_suspects_try_write(struct suspects *suspects);

#endif
