/* signals: a thread that waits for the process's signals, reports each to the main loop, and ends the process by force
 * if it has not ended in time. It does not depend on the main loop, so it ends the process even if the loop hangs.
 *
 * Threads: the main thread, before it starts any other. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct signals; /* opaque */

struct signals_options {
        const char *program; /* for the last message; static                              */
        int64_t grace_ms;    /* from the first stop signal to the deadline */
        bool is_forced;      /* force the process to end a second after the deadline */
};

/* The main loop reads one of these for each signal. */
struct signals_told {
        int number;
        int64_t seen_ms; /* of clock_monotonic_ms */
};

/* Blocks the signals for this thread and the threads that it starts. ERR_LIMIT if descriptors or threads run out. */
int signals_open(const struct signals_options *options, struct signals **out, struct err *err) NODISCARD;
int signals_fd(const struct signals *signals); /* for poll(); readable when signals_next has a signal */
bool signals_next(struct signals *signals, struct signals_told *out);
/* A thread that may have to end the process by force keeps running, to guard the last steps. NULL is fine. */
void signals_close(struct signals *signals);

#endif
