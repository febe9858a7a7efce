/* bulk_post: requests with a body that contains many documents: POST /v1/documents, and PUT /v1/documents, which
 * restores an export. The body may be compressed.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_BULK_POST_H
#define COLLECTOR_BULK_POST_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"
#include "inflow.h"

struct worker;

/* Called when the head of a request has arrived. If the head announces NDJSON, takes the body in pieces or answers at
 * once, and returns true. */
bool bulk_post_begin(struct http_request *request, struct worker *worker) NODISCARD;
/* Called when the body of a request turns out to begin with a bracket. If the body's type is JSON, takes the body in
 * pieces or answers at once. */
void bulk_post_begin_array(struct http_request *request, struct worker *worker);

/* A compressed body that turns out to be an array after some of it has been decoded. */
struct bulk_post_array {
        struct inflow *inflow; /* taken */
        const char *bytes;     /* decoded so far; borrowed during the call */
        size_t length;
        size_t received; /* compressed bytes of the body */
        bool is_whole;   /* the body has arrived */
};
/* Called by the on_piece of that inflow, which returns the result of this call. Takes over the body, or answers at
 * once. */
bool bulk_post_take_over(struct http_request *request, struct worker *worker, const struct bulk_post_array *array);

/* The at_head of PUT /v1/documents: takes the body in pieces, or answers at once. */
void bulk_put_at_head(struct http_request *request, void *worker);
/* Answers a PUT whose body could not be received in pieces because memory is short. */
void bulk_put(struct http_request *request, void *worker);

#endif
