/* body: receives the body of a request, enforces its limit (413), and passes it on. See stream.h for bodies in pieces.
 *
 * Threads: loop only. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http/request.h"

/* True if the handler gets the body; otherwise the body is read and dropped. */
bool body_is_wanted(const struct http_request *request);
/* Refuses the request if its Content-Length shows that the body is too large or does not fit into the memory that is
 * left. */
void body_check_length(struct http_request *request);

/* Called when libmicrohttpd delivers a piece of the body of a request that is still being processed. */
enum MHD_Result body_take_piece(struct http_request *request, const char *bytes, size_t *size);
/* The same for a request that was refused: drops the piece, up to a limit, so that the client sees the response. The
 * connection is closed at the end of the body. */
enum MHD_Result body_drop_refused(struct http_request *request, size_t *size);
/* The same for a request that was answered before the end of a small body: drops the piece. */
enum MHD_Result body_drop_rest(struct http_request *request, size_t *size);

#endif
