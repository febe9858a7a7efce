/* worker: the life of a worker, one thread with a loop and a share of the HTTP connections.
 *
 * Threads: the main thread. */
#ifndef PINGER_WORKER_H
#define PINGER_WORKER_H

#include "pinger.h"

/* Starts the thread. After a failure worker_join is right, too. */
int worker_start(struct worker *worker, struct pinger *pinger, struct err *err) NODISCARD;
/* Accepts no more, finishes what runs, answers with 503 what would take longer than the deadline, ends. */
void worker_stop(struct worker *worker, int64_t deadline_ms);
void worker_join(struct worker *worker);

#endif
