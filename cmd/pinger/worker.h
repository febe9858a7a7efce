/* worker: a thread of Pinger: requests that wait for their time, and room for a record, beside its HTTP connections.
 *
 * Threads: as in service/worker.h. */
#ifndef PINGER_WORKER_H
#define PINGER_WORKER_H

#include "pinger.h"

/* service->data is a struct pinger. */
extern const struct service_crew pinger_crew;

#endif
