/* export: GET /v1/documents with `Accept: application/x-ndjson`: all documents, one per line, in the order in which
 * Redis received them, in constant memory. Without that media type, or if `Accept` also names JSON, the response is a
 * page (listing.h).
 *
 * Threads: loop only. */
#ifndef COLLECTOR_EXPORT_H
#define COLLECTOR_EXPORT_H

#include "http/http.h"

void export_get(struct http_request *request, void *worker); /* a struct worker */

#endif
