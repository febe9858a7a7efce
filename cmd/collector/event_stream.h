/* event_stream: the common parts of all responses with server-sent events (the HTML standard, "Server-sent events").
 *
 * Threads: any. */
#ifndef COLLECTOR_EVENT_STREAM_H
#define COLLECTOR_EVENT_STREAM_H

#include <stdint.h>

#include "http/http.h"

enum { EVENT_STREAM_HEADERS = 2, EVENT_STREAM_RETRY_SIZE = 40 };
extern const struct http_header event_stream_headers[EVENT_STREAM_HEADERS];
extern const char event_stream_type[];

/* Writes the time that the client should wait before it reconnects. Returns the length of the text. */
size_t event_stream_retry(char out[EVENT_STREAM_RETRY_SIZE], uint64_t ms);
/* Answers with 200 and the reason as a comment, and ends the response: browsers never reconnect after another
 * status. */
void event_stream_refuse(struct http_request *request, uint64_t retry_ms, const char *reason);

#endif
