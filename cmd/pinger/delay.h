/* delay: requests that are answered later, for /delay/{time}.
 *
 * Threads: loop only; delay_parse: any. */
#ifndef PINGER_DELAY_H
#define PINGER_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"

struct worker;

/* "150ms", "2s", "1m30s", or a plain number of seconds as podinfo takes it: "2", "0.5". False for any other text. */
bool delay_parse(const char *text, int64_t *ms);

void delay_init(struct worker *worker); /* the loop must be open; the worker closes delay_look */

/* Answers the request with {"delay": seconds} after that time, or with 503 if --delays-max requests already wait in the
 * process. A request whose client disconnects ends early. */
void delay_start(struct worker *worker, struct http_request *request, int64_t ms);

/* Answers all waiting requests with 503, since the program stops. */
void delay_cancel_all(struct worker *worker);

#endif
