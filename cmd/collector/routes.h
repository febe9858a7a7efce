/* routes: the table of Collector's routes. Each handler gets the request and the worker (struct worker) that it runs
 * on, and answers now or when Redis has answered.
 *
 * Threads: any; the table never changes. */
#ifndef COLLECTOR_ROUTES_H
#define COLLECTOR_ROUTES_H

#include <stddef.h>

#include "http/http.h"

extern const struct http_route routes[];
extern const size_t route_count;

#endif
