/* answer: the functions with which Pinger's pages answer. They turn each request and each response into a log record.
 *
 *     static void on_version(struct http_request *request, void *context)
 *     {
 *             answer_arrived(context, request);            // first: the request's record
 *             answer_json(context, request, 200, value);   // last: the response and its record
 *     }
 *
 * Responses from the server itself (400, 413, ...) are recorded too, each with a record of its request, but without
 * headers, which are unknown in that case.
 *
 * Threads: loop only. */
#ifndef PINGER_ANSWER_H
#define PINGER_ANSWER_H

#include <jansson.h>

#include "base/attr.h"
#include "http/http.h"

struct worker;

enum { ANSWER_HEADERS_MAX = 128 };

/* A request's header fields as received; those beyond ANSWER_HEADERS_MAX are omitted. */
struct answer_headers {
        struct http_header fields[ANSWER_HEADERS_MAX];
        size_t count;
};
void answer_headers_read(const struct http_request *request, struct answer_headers *out);

/* Makes the request's record, unless it is a probe. */
void answer_arrived(struct worker *worker, struct http_request *request);

/* Answers; `request` is invalid afterwards. */
void answer_with(struct worker *worker, struct http_request *request, const struct http_answer *answer);
/* Answers with the value, indented by 4, and takes ownership of it. NULL, which jansson returns when memory runs out,
 * becomes a 500. */
void answer_json(struct worker *worker, struct http_request *request, int status, json_t *value);
/* Answers 503 with Retry-After. */
void answer_later(struct worker *worker, struct http_request *request, const char *detail);
void answer_problem(struct worker *worker, struct http_request *request, int status, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* The server's on_answered: makes the response's record and the access log line. */
void answer_done(const struct http_record *record, void *context);

#endif
