/* body: extracts JSON from a request's body: checks media type and charset, and converts forms to JSON.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_BODY_H
#define COLLECTOR_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "http/http.h"
#include "json/json.h"

struct body {
        struct json_span json; /* points into the request or into `form`; not checked yet */
        char *form;            /* owned: the JSON that a form was converted to; NULL */
};

struct body_options {
        bool has_forms;        /* application/x-www-form-urlencoded is accepted as well */
        size_t form_max_bytes; /* of the JSON that a form is converted to */
};

/* Call this before the body arrives. False: no body would be accepted, and the request has been answered with 415. */
bool body_judge(struct http_request *request, bool has_forms) NODISCARD;
/* False: the request has been answered, with 400, 413 or 415. */
bool body_read(struct http_request *request, const struct body_options *options, struct body *out) NODISCARD;
void body_fini(struct body *body);

/* The number of white-space characters, as JSON defines them, at the beginning. The next byte shows whether an array or
 * an object follows. */
size_t body_blank(const char *bytes, size_t length);

/* `type`: a Content-Type, or NULL. True for NDJSON: one document per line. */
bool body_is_lines(const char *type);
bool body_is_json(const char *type);
/* Call this before a body of many documents arrives. False: it would not be accepted, and the request has been answered
 * with 415. */
bool body_judge_many(struct http_request *request) NODISCARD;

/* Rejects a body that is not a JSON object with 400 and the position of the error. */
void body_refuse(struct http_request *request, const struct json_position *where, const struct err *err);

#endif
