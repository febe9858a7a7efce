/* event_stream: header fields, and responses that only tell the client when to reconnect. */
#include "event_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REASON_MAX = 400 };

const char event_stream_type[] = "text/event-stream";

/* X-Accel-Buffering: no keeps nginx from holding events back. */
const struct http_header event_stream_headers[EVENT_STREAM_HEADERS] = { { "Cache-Control", "no-store" },
                                                                        { "X-Accel-Buffering", "no" } };

size_t event_stream_retry(char out[EVENT_STREAM_RETRY_SIZE], uint64_t ms)
{
        return (size_t)snprintf(out, EVENT_STREAM_RETRY_SIZE, "retry: %" PRIu64 "\n\n", ms); /* fits */
}

void event_stream_refuse(struct http_request *request, uint64_t retry_ms, const char *reason)
{
        char line[REASON_MAX], retry[EVENT_STREAM_RETRY_SIZE], body[REASON_MAX + EVENT_STREAM_RETRY_SIZE + 4];
        (void)snprintf(line, sizeof(line), "%s", reason); /* a long reason is truncated */
        line[strcspn(line, "\r\n")] = '\0';
        (void)event_stream_retry(retry, retry_ms);
        int length = snprintf(body, sizeof(body), ": %s\n%s", line, retry); /* fits */
        http_respond(request, &(struct http_answer){ .status = 200,
                                                     .content_type = event_stream_type,
                                                     .body = body,
                                                     .body_length = (size_t)length,
                                                     .headers = event_stream_headers,
                                                     .header_count = EVENT_STREAM_HEADERS });
}
