/* listing: GET /v1/documents, a page of documents in the order in which Redis received them.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_LISTING_H
#define COLLECTOR_LISTING_H

#include "http/http.h"

void listing_get(struct http_request *request, void *worker); /* a struct worker */

#endif
