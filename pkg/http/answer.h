/* answer: what happens to an answer after http_respond.
 *
 * Threads: loop only. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/request.h"

/* Gives the answer to libmicrohttpd. MHD_NO: there is none, since memory was short; the connection is closed. */
enum MHD_Result answer_hand_over(struct http_request *request);
/* Writes the answer to the socket, past libmicrohttpd, as far as the socket takes it. */
void answer_send(struct http_request *request);

#endif
