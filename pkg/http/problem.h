/* problem: prints and sends problem+json (RFC 9457).
 *
 * Threads: any. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* A 503 asks the client to try again after a second: a connection, memory or another replica is free again soon, and a
 * request that waits for Redis waits in the server, not in the client. */
#define RETRY_AFTER_SECONDS "1"
#define RETRY_AFTER_LINE "Retry-After: " RETRY_AFTER_SECONDS "\r\n"

enum { PROBLEM_MAX_BYTES = 16 << 10, PROBLEM_DATE_SIZE = 64 };

/* Appends the problem as JSON. `members` may be NULL. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int problem_print(struct buf *out, int status, const char *detail, const char *correlation_id,
                  const char *members) NODISCARD;
/* Writes a complete response with that problem to the socket, without blocking, and shuts down our sending side.
 * `extra_field` is "" or a whole line. */
void problem_send(int fd, int status, const char *detail, const char *correlation_id, const char *extra_field);
/* Prints the current time as the value of a Date field. Returns `date`. */
const char *problem_date(char date[PROBLEM_DATE_SIZE]);

#endif
