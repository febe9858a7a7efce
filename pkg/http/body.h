/* body: receives the body of a request, enforces its limit (413), and passes it on. See stream.h for bodies in pieces.
 *
 * Threads: loop only. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http/request.h"

/* True if the handler gets it; otherwise it is read and dropped. */
bool body_is_wanted(const struct http_request *request);
/* Refuses the request if the Content-Length says that the body is too large or has no room in memory. */
void body_check_length(struct http_request *request);

/* Called when libmicrohttpd delivers a piece of the body of a request that is still processed. */
enum MHD_Result body_take_piece(struct http_request *request, const char *bytes, size_t *size);
/* The same for a request that was refused: drops the piece, up to a limit, so that the client sees the response. The end
 * of the body closes the connection. */
enum MHD_Result body_drop_refused(struct http_request *request, size_t *size);
/* The same for a request that was answered before the end of a small body: drops the piece. */
enum MHD_Result body_drop_rest(struct http_request *request, size_t *size);

#endif
