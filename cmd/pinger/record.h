/* record: writes a request or a response as one log record, the JSON that Collector gets.
 *
 *     struct record_source source;                     // once per process
 *     record_source_init(&source);
 *     record_request(&source, clock_realtime_ms(), &(struct record_request){ .method = "GET", ... }, &text);
 *     // {"level":30,"time":1764000000000,"pid":7,"hostname":"h","req":{"method":"GET","url":"/","headers":{...},
 *     //  "remoteAddress":"127.0.0.1","remotePort":50312}}
 *
 * Header names are in lower case; a repeated name is one member with the values joined by ", " (RFC 9110, section 5.3).
 * Values that look secret, in header fields and in the URL's query, are replaced (redact.h).
 *
 * Threads: any; a filled source never changes. */
#ifndef PINGER_RECORD_H
#define PINGER_RECORD_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "http/http.h"

struct record_source {
        char hostname[256];
        int pid;
};

void record_source_init(struct record_source *source);

struct record_request {
        const char *method, *target;
        const struct http_header *headers;
        size_t header_count;
        const char *remote_address;
        uint16_t remote_port;
};

/* These append one record. They return 0, ERR_LIMIT or ERR_NOMEM; after a failure `out` may contain part of the
 * record. */
int record_request(const struct record_source *source, int64_t time_ms, const struct record_request *request,
                   struct buf *out) NODISCARD;
int record_response(const struct record_source *source, int64_t time_ms, int status, const struct http_header *headers,
                    size_t header_count, struct buf *out) NODISCARD;

#endif
