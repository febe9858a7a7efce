/* answer: what happens to a response after http_respond.
 *
 * Threads: loop only. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/request.h"

/* Passes the response to libmicrohttpd. MHD_NO: memory ran out, so there is no response and the connection is
 * closed. */
enum MHD_Result answer_hand_over(struct http_request *request);
/* Writes as much of the response as the socket accepts, bypassing libmicrohttpd. */
void answer_send(struct http_request *request);
/* Sends the response while the client still holds back the body, and closes the connection as conn_refuse does. */
void answer_send_early(struct http_request *request);

#endif
