/* correlation_id: the id that a request and its response share (x-correlation-id).
 *
 * Threads: loop only. */
#ifndef HTTP_CORRELATION_ID_H
#define HTTP_CORRELATION_ID_H

#include "http/request.h"

/* Uses the client's id if the client sent a valid one and the server accepts such ids; otherwise creates a UUID. */
void correlation_id_set(struct http_request *request);

#endif
