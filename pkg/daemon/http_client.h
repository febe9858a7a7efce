/* http_client: `collector request METHOD URL` and `pinger request ...`, a small HTTP client for images that have neither
 * shell nor curl: health checks, Helm tests and jobs use it.
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
        char host[256]; /* an IPv6 address without its brackets */
        char port[6];
        const char *authority; /* as the URL has it, for the Host header */
        size_t authority_bytes;
        const char *target; /* path and query; "" stands for "/" */
        const char *headers[CLIENT_HEADERS_MAX];
        size_t header_count;
        const char *data;   /* NULL: no body */
        int64_t timeout_ms; /* for all of it; 30000 unless --timeout says otherwise */
};

/* Reads what follows the word `request`: METHOD URL [--header 'NAME: VALUE']... [--data TEXT] [--timeout SECONDS].
 * The URL is http://host[:port][/path][?query]; TLS is not for this client. 0 or ERR_INVALID. */
int client_parse(int count, char *const *arguments, struct client_request *out, struct err *err) NODISCARD;

/* Sends it and reads the answer whole: the status into *status, the body into `body`, which the caller has
 * initialised. The server is addressed by HTTP/1.0, so that the answer has no chunks (RFC 9112, section 6.1).
 * 0, ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_PROTOCOL, ERR_LIMIT or ERR_NOMEM. */
int client_send(const struct client_request *request, int *status, struct buf *body, struct err *err) NODISCARD;

/* The sub-command of `program`, which its messages begin with: prints the body to `out`, what went wrong to `errors`.
 * Returns the exit status: 0 for an answer of 2xx, 1 for any other or none, 2 for wrong arguments. */
int client_main(const char *program, int count, char *const *arguments, FILE *out, FILE *errors);

#endif
