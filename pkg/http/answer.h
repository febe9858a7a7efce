/* answer: what happens to an answer after http_respond.
 *
 * Threads: loop only. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "http/request.h"

/* Gives the answer to libmicrohttpd. MHD_NO: out of memory, no answer; the connection is closed. */
enum MHD_Result answer_hand_over(struct http_request *request);
/* Writes as much of the answer as the socket accepts, bypassing libmicrohttpd. */
void answer_send(struct http_request *request);
/* Sends the answer while the client still holds back the body, and ends the connection as conn_refuse does. */
void answer_send_early(struct http_request *request);

#endif
