/* listing: GET /v1/documents, a page of documents in the order in which Redis received them.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_LISTING_H
#define COLLECTOR_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "feed_reader.h"
#include "http/http.h"

void listing_get(struct http_request *request, void *worker); /* a struct worker */

/* The parameters, also for an export. Each returns false if it has answered the request with 400. */

/* Accepts only the parameters in `known`, each at most once; `known` ends with NULL. */
bool listing_check_names(struct http_request *request, const char *const *known);
/* `limit`, 1 to `max`; leaves the output unchanged if the parameter is absent. */
bool listing_read_limit(struct http_request *request, uint64_t max, uint64_t *limit);
/* `order`, `cursor`, `since` and `until`. The reader's store must be set. */
bool listing_read_range(struct http_request *request, struct feed_reader *reader);
/* False: the cursor is too old, and the request has been answered with 410. */
bool listing_check_age(struct http_request *request, const struct feed_reader *reader);

#endif
