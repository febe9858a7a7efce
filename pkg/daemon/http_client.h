/* http_client: `collector request METHOD URL` and `pinger request ...`, a small HTTP client for health checks, Helm
 * tests and jobs in images without a shell and curl.
 *
 *     collector request GET http://127.0.0.1:4001/readyz
 *     collector request POST http://collector:4001/v1/documents --data '{"order":17}' --header 'Idempotency-Key: o-17'
 *
 * Threads: one at a time. */
#ifndef DAEMON_HTTP_CLIENT_H
#define DAEMON_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

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
 * URL is http://host[:port][/path][?query]; There is no TLS. Returns 0 or ERR_INVALID. */
int client_parse(int count, char *const *arguments, struct client_request *out, struct err *err) NODISCARD;

/* Sends the request and reads the whole answer: the status into *status, the body into `body`, which the caller has
 * initialised. It uses HTTP/1.0, so that the answer has no chunks (RFC 9112, section 6.1). Returns 0, ERR_UNAVAILABLE,
 * ERR_TIMEOUT, ERR_PROTOCOL, ERR_LIMIT or ERR_NOMEM. */
int client_send(const struct client_request *request, int *status, struct buf *body, struct err *err) NODISCARD;

/* The sub-command: prints the body to `out` and errors, prefixed with `program`, to `errors`. Returns the exit status:
 * 0 for a 2xx answer, 1 for any other or none, 2 for wrong arguments. */
int client_main(const char *program, int count, char *const *arguments, FILE *out, FILE *errors);

#endif
