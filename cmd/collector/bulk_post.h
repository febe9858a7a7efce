/* bulk_post: requests with a body that contains many documents: POST /v1/documents, and PUT /v1/documents, which restores an export.
 * The body may be compressed.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_BULK_POST_H
#define COLLECTOR_BULK_POST_H

#include <stdbool.h>

#include "http/http.h"

struct worker;

/* Called when the head of a request has arrived. If the head announces NDJSON, takes the body in pieces or answers at
 * once, and returns true. */
bool bulk_post_begin(struct http_request *request, struct worker *worker) NODISCARD;
/* Called when the body of a request turns out to begin with a bracket. If its type is JSON, takes it in pieces or answers
 * at once. */
void bulk_post_begin_array(struct http_request *request, struct worker *worker);
/* The at_head of PUT /v1/documents: takes the body in pieces, or answers at once. */
void bulk_put_at_head(struct http_request *request, void *worker);
/* Answers a PUT whose body could not be received in pieces because memory is short. */
void bulk_put(struct http_request *request, void *worker);

#endif
