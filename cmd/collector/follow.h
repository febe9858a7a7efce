/* follow: GET /v1/documents/stream sends documents, as they are stored, in server-sent events (event_stream.h). The
 * stream begins now, or after `Last-Event-ID`, `cursor` or `since`. With `status=true` it also carries Collector's
 * status (follow_status.h).
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOW_H
#define COLLECTOR_FOLLOW_H

#include "http/http.h"

void follow_get(struct http_request *request, void *worker); /* a struct worker */

#endif
