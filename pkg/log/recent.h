/* recent: keeps the latest lines about certain nouns in memory, for /v1/status.
 *
 * Threads: any. */
#ifndef LOG_RECENT_H
#define LOG_RECENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct recent; /* opaque */

/* `words` are static, with NULL at the end. ERR_NOMEM. */
int recent_new(const char *const *words, struct recent **out, struct err *err) NODISCARD;
void recent_free(struct recent *recent); /* NULL is fine */
/* True if `event` begins with one of the words. */
bool recent_takes(const struct recent *recent, const char *event);
/* Copies one line, a JSON object without the newline. A line is not kept if it exceeds LOG_RECENT_LINE_MAX_BYTES or
 * memory runs out; it is in the log anyway. */
void recent_put(struct recent *recent, const char *line, size_t length);
/* Appends the lines as a JSON array, the oldest first. ERR_LIMIT, ERR_NOMEM. */
int recent_print(struct recent *recent, struct buf *out) NODISCARD;

#endif
