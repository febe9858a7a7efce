/* documents_get: the routes that read a document: GET and HEAD of /v1/documents/{key} and of the classic /?key=.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_DOCUMENTS_GET_H
#define COLLECTOR_DOCUMENTS_GET_H

#include "http/http.h"

/* `worker` is a struct worker. */
void documents_get(struct http_request *request, void *worker);
void documents_get_classic(struct http_request *request, void *worker); /* the list of endpoints if there is no `key` */

#endif
