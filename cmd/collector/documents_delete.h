/* documents_delete: DELETE /v1/documents/{key}.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_DOCUMENTS_DELETE_H
#define COLLECTOR_DOCUMENTS_DELETE_H

#include "http/http.h"

void documents_delete(struct http_request *request, void *worker); /* a struct worker */

#endif
