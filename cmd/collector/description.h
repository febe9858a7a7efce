/* description: GET /openapi.json, Collector's interface as OpenAPI 3.1. The text is openapi.json in this folder; the
 * build inserts the version and embeds it (mk/page.mk). routes_test.c compares it with the routes.
 *
 * Threads: any. */
#ifndef COLLECTOR_DESCRIPTION_H
#define COLLECTOR_DESCRIPTION_H

#include "http/http.h"

void description_get(struct http_request *request, void *worker); /* a struct worker */

#endif
