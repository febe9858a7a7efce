/* problems: the answers, as problem+json, that say why a document was not stored, not found or is not safe yet: 503 with
 * Retry-After, 507, 404. Those for a body or a parameter that is wrong stand where it is read.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_PROBLEMS_H
#define COLLECTOR_PROBLEMS_H

#include "base/err.h"
#include "http/http.h"
#include "store.h"

/* Each answers the request, which is dead afterwards. */

/* What an outcome means: 503 with Retry-After, or 507. `what` begins the detail: "the document is not stored". */
void problems_of_store(struct http_request *request, enum store_outcome outcome, const char *what,
                       const struct err *err);
/* For a document that Redis has: STORE_UNSAFE and STORE_UNLISTED, 503 or 507 with the member `key`. */
void problems_of_stored(struct http_request *request, enum store_outcome outcome, const char *key,
                        const struct err *err);
/* 404 with a detail that fits a key. */
void problems_no_document(struct http_request *request, const char *key);

#endif
