/* http_client: one HTTP request, from the arguments of a command line to the response (request_command.h).
 *
 *     if (client_parse(count, arguments, &request, &err) == 0 && client_send(&request, &status, &body, &err) == 0) ...
 *
 * Threads: one at a time. */
#ifndef DAEMON_HTTP_CLIENT_H
#define DAEMON_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
        CLIENT_HEADERS_MAX = 16,
        CLIENT_ANSWER_MAX_BYTES = 16 << 20, /* head and body */
};

/* One request. All strings but host and port are borrowed from the arguments. */
struct client_request {
        const char *method;
        char host[256]; /* an IPv6 address without brackets */
        char port[6];
        const char *authority; /* as in the URL, for the Host header */
        size_t authority_bytes;
        const char *target; /* path and query; "" stands for "/" */
        const char *headers[CLIENT_HEADERS_MAX];
        size_t header_count;
        const char *data;   /* NULL: no body */
        int64_t timeout_ms; /* for the whole exchange; 30000 without --timeout */
};

/* Reads the arguments after `request`: METHOD URL [--header 'NAME: VALUE']... [--data TEXT] [--timeout SECONDS]. The
 * URL is http://host[:port][/path][?query]; TLS is not supported. Returns 0 or ERR_INVALID. */
int client_parse(int count, char *const *arguments, struct client_request *out, struct err *err) NODISCARD;

/* Sends the request and reads the whole response: the status into *status, the body into `body`, which the caller has
 * initialised. It uses HTTP/1.0, so that the response has no chunks (RFC 9112, section 6.1). Returns 0,
 * ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_PROTOCOL, ERR_LIMIT or ERR_NOMEM. */
int client_send(const struct client_request *request, int *status, struct buf *body, struct err *err) NODISCARD;

#endif
