/* problems: the problem+json responses for documents that were not stored, not deleted or not found, or are not safe
 * yet: 404, 503 with Retry-After, 507. An error in a body or parameter is answered by the code that reads it.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_PROBLEMS_H
#define COLLECTOR_PROBLEMS_H

#include <stdbool.h>

#include "base/err.h"
#include "http/http.h"
#include "store.h"

/* Each answers the request, which must not be used afterwards. */

/* 503 or 507. The detail begins with `what`: "the document could not be read". */
void problems_of_store(struct http_request *request, enum store_outcome outcome, const char *what,
                       const struct err *err);
/* Answers for a deposit that failed. If Redis has the document or may have it (STORE_UNKNOWN, STORE_UNSAFE,
 * STORE_UNLISTED), the response has the member `key`. */
void problems_of_deposit(struct http_request *request, enum store_outcome outcome, const char *key,
                         const struct err *err);
/* `is_partly_done`: the Redis in use has deleted the document, and the previous one may still have it. */
void problems_of_delete(struct http_request *request, enum store_outcome outcome, bool is_partly_done,
                        const struct err *err);
/* 404 with a detail that names the key. */
void problems_no_document(struct http_request *request, const char *key);

#endif
