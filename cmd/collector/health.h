/* health: the routes for probes, metrics scrapers and people. None of them waits for Redis.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_HEALTH_H
#define COLLECTOR_HEALTH_H

#include "http/http.h"

/* `worker` is a struct worker. */
void status_healthz(struct http_request *request, void *worker);
void status_readyz(struct http_request *request, void *worker);
void status_version(struct http_request *request, void *worker);
void status_metrics(struct http_request *request, void *worker);
void status_index(struct http_request *request, void *worker);

#endif
