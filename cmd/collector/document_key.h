/* document_key: the key of a document, as a client names it in a path or a query.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_DOCUMENT_KEY_H
#define COLLECTOR_DOCUMENT_KEY_H

#include <stdbool.h>

#include "base/uuid.h"
#include "http/http.h"

/* `key` is in lower case. False: `text` is not a UUID (or NULL), and the request has been answered with 404. */
bool document_key(struct http_request *request, const char *text, char key[UUID_TEXT_SIZE]) NODISCARD;

#endif
