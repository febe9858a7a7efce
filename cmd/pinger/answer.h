/* answer: how Pinger's pages answer, so that each request and each response becomes a log record.
 *
 *     static void on_version(struct http_request *request, void *context)
 *     {
 *             answer_arrived(context, request);            // first of all: the request's record
 *             answer_json(context, request, 200, value);   // last: the answer, and the response's record
 *     }
 *
 * Responses that the server gives by itself (400, 413, ...) are recorded too, each with a record of its request
 * that has no headers: they are not known then.
 *
 * Threads: loop only. */
#ifndef PINGER_ANSWER_H
#define PINGER_ANSWER_H

#include <jansson.h>

#include "base/attr.h"
#include "http/http.h"

struct worker;

enum { ANSWER_HEADERS_MAX = 128 };

/* A request's header fields, as they came; beyond ANSWER_HEADERS_MAX they are left out. */
struct answer_headers {
        struct http_header fields[ANSWER_HEADERS_MAX];
        size_t count;
};
void answer_headers_read(const struct http_request *request, struct answer_headers *out);

/* Makes the request's record, unless it is a probe. */
void answer_arrived(struct worker *worker, struct http_request *request);

/* Answers; `request` is dead afterwards. */
void answer_with(struct worker *worker, struct http_request *request, const struct http_answer *answer);
/* The value, indented by 4. Takes it; NULL, as jansson gives it when memory is short, becomes a 500. */
void answer_json(struct worker *worker, struct http_request *request, int status, json_t *value);
/* Not now: 503 that tells when to come back. */
void answer_later(struct worker *worker, struct http_request *request, const char *detail);
void answer_problem(struct worker *worker, struct http_request *request, int status, const char *format, ...)
        PRINTF_LIKE(4, 5);

/* The server's on_answered: makes the response's record and the line of the access log. */
void answer_done(const struct http_record *record, void *context);

#endif
