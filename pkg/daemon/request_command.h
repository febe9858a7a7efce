/* request_command: `collector request METHOD URL` and `pinger request ...`, a small HTTP client for health checks, Helm
 * tests and jobs in images without a shell and curl.
 *
 *     collector request GET http://127.0.0.1:4001/readyz
 *     collector request POST http://collector:4001/v1/documents --data '{"order":17}' --header 'Idempotency-Key: o-17'
 *
 * Threads: one at a time. */
#ifndef DAEMON_REQUEST_COMMAND_H
#define DAEMON_REQUEST_COMMAND_H

#include <stdio.h>

/* Prints the response body to `out`, and errors, prefixed with `program`, to `errors` on a new line after the body.
 * Returns the exit status: 0 for status 2xx, 1 for any other status or no response, 2 for wrong arguments. */
int request_command(const char *program, int count, char *const *arguments, FILE *out, FILE *errors);

#endif
