/* documents_post: the routes that store a document: POST /v1/documents, PUT /v1/documents/{key} and the classic POST /.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_DOCUMENTS_POST_H
#define COLLECTOR_DOCUMENTS_POST_H

#include "http/http.h"

/* `worker` is a struct worker. */
void documents_post(struct http_request *request, void *worker);
void documents_post_classic(struct http_request *request, void *worker); /* also accepts forms */
void documents_put(struct http_request *request, void *worker);

/* Takes a compressed body (coded_body.h) and, for a POST, also a body with many documents (bulk_post.h). If the request
 * would fail with any body, answers a client that waits before it sends the body. */
void documents_at_head_of_post(struct http_request *request, void *worker);
void documents_at_head_of_classic(struct http_request *request, void *worker);
void documents_at_head_of_put(struct http_request *request, void *worker);

/* Begins a bulk if the body is an array. */
bool documents_at_body_of_post(struct http_request *request, const char *bytes, size_t length, void *worker);

#endif
