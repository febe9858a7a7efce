/* reply: a view of Redis's reply, borrowed while on_reply runs.
 *
 *     if (redis_reply_type(reply) == REDIS_STRING)
 *             text = redis_reply_text(reply, &length);
 *
 * Threads: loop only. */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct redis_reply; /* opaque */
enum redis_reply_type { REDIS_NIL, REDIS_STATUS, REDIS_ERROR, REDIS_INTEGER, REDIS_STRING, REDIS_ARRAY };

enum redis_reply_type redis_reply_type(const struct redis_reply *reply);
/* The bytes of a status, error or string, followed by a NUL; NULL for other types. `length` may be NULL. */
const char *redis_reply_text(const struct redis_reply *reply, size_t *length);
int64_t redis_reply_integer(const struct redis_reply *reply); /* 0 for other types    */
size_t redis_reply_count(const struct redis_reply *reply);    /* elements of an array; else 0 */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index); /* NULL past the last one */
/* True for an error reply whose first word is `code`: redis_reply_is_error(r, "OOM"). */
bool redis_reply_is_error(const struct redis_reply *reply, const char *code);
/* The text of an error reply, safe for logs: at most 120 printable characters, cut before the point where Redis echoes
 * the command's arguments. Returns ERR_LIMIT for OOM, ERR_DENIED for NOPERM and NOAUTH, otherwise ERR_UNAVAILABLE. */
int redis_reply_error(const struct redis_reply *reply, struct err *err);

#endif
