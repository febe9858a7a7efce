/* worker: a thread of Pinger, which has delayed requests and a record buffer in addition to its HTTP connections.
 *
 * Threads: as in service/worker.h. */
#ifndef PINGER_WORKER_H
#define PINGER_WORKER_H

#include "pinger.h"

/* service->data is a struct pinger. */
extern const struct service_crew pinger_crew;

#endif
