/* signals: a thread that waits for the process's signals, tells the main loop of each, and ends the process by force
 * when it has not ended in time. It needs nothing of the main loop, so one that hangs is ended, too.
 *
 * Threads: the main thread, before any other is started. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct signals; /* opaque */

struct signals_options {
        const char *program; /* for the last message; static                              */
        int64_t grace_ms;    /* from the first signal to stop to the deadline             */
        bool is_forced;      /* the process ends a second after the deadline in any case  */
};

/* What the main loop reads for each signal. */
struct signals_told {
        int number;
        int64_t seen_ms; /* of clock_monotonic_ms */
};

/* Blocks the signals for this thread and those that it starts. ERR_LIMIT where descriptors or threads are short. */
int signals_open(const struct signals_options *options, struct signals **out, struct err *err) NODISCARD;
int signals_fd(const struct signals *signals); /* to poll; becomes readable when signals_next has something */
bool signals_next(struct signals *signals, struct signals_told *out);
/* A thread that must end the process by force stays, to watch over the very last steps. NULL is fine. */
void signals_close(struct signals *signals);

#endif
