/* drain: handles SIGTERM and SIGINT. The program is no longer ready, and its main loop ends after the drain delay.
 *
 * Threads: the main thread. */
#ifndef DAEMON_DRAIN_H
#define DAEMON_DRAIN_H

#include "daemon/daemon.h"
#include "daemon/signals.h"

/* The first signal starts the drain delay and calls on_stop; a second one ends the loop at once. */
void drain_on_signal(struct daemon *daemon, const struct signals_told *told);

#endif
