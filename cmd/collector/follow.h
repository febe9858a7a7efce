/* follow: GET /v1/documents/stream: documents as they are stored, as server-sent events (event_stream.h). It begins
 * now, or after `Last-Event-ID`, `cursor` or `since`. With `status=true` it has Collector's status too (follow_status.h).
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOW_H
#define COLLECTOR_FOLLOW_H

#include "http/http.h"

void follow_get(struct http_request *request, void *worker); /* a struct worker */

#endif
