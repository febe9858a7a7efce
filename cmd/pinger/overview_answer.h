/* overview_answer: GET /v1/status.
 *
 * Threads: loop only. */
#ifndef PINGER_OVERVIEW_ANSWER_H
#define PINGER_OVERVIEW_ANSWER_H

#include "http/http.h"

void overview_get(struct http_request *request, void *worker);

#endif
