/* api: the routes of Collector, and what their handlers share.
 *
 * Every handler has the same form: it gets the request and the worker that owns it, and answers now or after
 * Redis has.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_API_H
#define COLLECTOR_API_H

#include <stddef.h>

#include "http/http.h"
#include "store.h"
#include "worker.h"

extern const struct http_route api_routes[];
extern const size_t api_route_count;

/* documents.c */
void documents_post(struct http_request *request, void *worker);
void documents_post_classic(struct http_request *request, void *worker);
void documents_put(struct http_request *request, void *worker);
void documents_get(struct http_request *request, void *worker);
void documents_get_classic(struct http_request *request, void *worker); /* or the index, without `key` */
void documents_delete(struct http_request *request, void *worker);
/* Takes requests out of the queue that wait for Redis and whose sender has left. */
void documents_drop_abandoned(struct worker *worker);
void documents_free_spare(struct worker *worker); /* memory kept for the next requests */

/* listing.c */
void listing_get(struct http_request *request, void *worker);

/* status.c */
void status_healthz(struct http_request *request, void *worker);
void status_readyz(struct http_request *request, void *worker);
void status_version(struct http_request *request, void *worker);
void status_metrics(struct http_request *request, void *worker);
void status_index(struct http_request *request, void *worker);

/* The key in the path or the query, in lower case. False: it is no UUID, and the request was answered with 404. */
bool api_key(struct http_request *request, const char *text, char key[UUID_TEXT_SIZE]);

#endif
