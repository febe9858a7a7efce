/* event_stream: what all answers with server-sent events have in common (the HTML standard, "Server-sent events").
 *
 * Threads: any. */
#ifndef COLLECTOR_EVENT_STREAM_H
#define COLLECTOR_EVENT_STREAM_H

#include <stdint.h>

#include "http/http.h"

enum { EVENT_STREAM_HEADERS = 2, EVENT_STREAM_RETRY_SIZE = 40 };
extern const struct http_header event_stream_headers[EVENT_STREAM_HEADERS];
extern const char event_stream_type[];

/* How long the client is to wait before it comes again. Returns the length. */
size_t event_stream_retry(char out[EVENT_STREAM_RETRY_SIZE], uint64_t ms);
/* Answers with 200, the reason as a comment, and the end: browsers never come back after another status. */
void event_stream_refuse(struct http_request *request, uint64_t retry_ms, const char *reason);

#endif
