/* document_line: a document as one line of an export or an event: `{"key":"...","document":{...}`, without the final
 * brace, before which the caller may add a member.
 *
 * Threads: any. */
#ifndef COLLECTOR_DOCUMENT_LINE_H
#define COLLECTOR_DOCUMENT_LINE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

/* Line breaks in the document become spaces. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int document_line_append(struct buf *out, const char *key, const char *document, size_t length) NODISCARD;

#endif
