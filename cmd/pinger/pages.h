/* pages: Pinger's answers. Each page is a function, and the table maps requests to pages.
 *
 * Threads: loop only; pkg/http calls the pages there. Their context is a struct worker. */
#ifndef PINGER_PAGES_H
#define PINGER_PAGES_H

#include <stddef.h>

#include "http/http.h"

extern const struct http_route pages_routes[];
extern const size_t pages_route_count;

#endif
