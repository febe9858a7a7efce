/* recent: the latest lines about some nouns, kept in memory for those who ask the program itself.
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
/* True where `event` begins with one of the words. */
bool recent_takes(const struct recent *recent, const char *event);
/* Copies one line, a JSON object without the line end. A line of more than LOG_RECENT_LINE_MAX_BYTES is not kept, and
 * neither is one for which there is no memory: they are in the log all the same. */
void recent_put(struct recent *recent, const char *line, size_t length);
/* Appends a JSON array of them, the oldest first. ERR_LIMIT, ERR_NOMEM. */
int recent_print(struct recent *recent, struct buf *out) NODISCARD;

#endif
