/* api: the routes of Collector. Each handler gets the request and the worker (struct worker) that it runs on, and answers
 * now or when Redis has answered.
 *
 * Threads: any; the table never changes. */
#ifndef COLLECTOR_API_H
#define COLLECTOR_API_H

#include <stddef.h>

#include "http/http.h"

extern const struct http_route api_routes[];
extern const size_t api_route_count;

#endif
