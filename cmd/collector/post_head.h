/* post_head: what the head of a request says about all documents in its body.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_POST_HEAD_H
#define COLLECTOR_POST_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "coding.h"
#include "deposit.h"
#include "http/http.h"

enum { POST_CORRELATION_SIZE = DEPOSIT_CORRELATION_MAX + 1 };

/* Writes the correlation id as a JSON string. Returns its length; 0: out of memory. */
size_t post_head_correlation(const struct http_request *request, char out[POST_CORRELATION_SIZE]);
/* `value`: the value of the header Idempotency-Key. False: it is not valid, and the request has been answered. */
bool post_head_check_idempotency(struct http_request *request, const char *value) NODISCARD;
/* The coding of the body; NULL: none. False: Collector does not know it, or there are several, and the request has been
 * answered with 415. */
bool post_head_coding(struct http_request *request, const struct coding **coding) NODISCARD;

#endif
