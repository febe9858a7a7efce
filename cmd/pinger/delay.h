/* delay: requests that are answered later, for /delay/{time}.
 *
 * Threads: loop only; delay_parse: any. */
#ifndef PINGER_DELAY_H
#define PINGER_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"

struct worker;

/* "150ms", "2s", "1m30s", or a plain number of seconds as podinfo takes it: "2", "0.5". False for another text. */
bool delay_parse(const char *text, int64_t *ms);

void delay_init(struct worker *worker); /* its loop is there; the worker closes delay_look */

/* Answers the request with {"delay": seconds} after the time; with 503 where --delays-max wait in the process. One whose
 * client goes ends early. */
void delay_start(struct worker *worker, struct http_request *request, int64_t ms);

/* Answers all that wait with 503: the program stops. */
void delay_cancel_all(struct worker *worker);

#endif
