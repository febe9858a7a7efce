/* body: the JSON in a request's body: media type, charset, and forms, which become JSON.
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
        struct json_span json; /* in the request, or in `form`; nobody has checked it yet */
        char *form;            /* owned: the JSON made of a form; NULL                    */
};

struct body_options {
        bool has_forms;        /* application/x-www-form-urlencoded is read, too */
        size_t form_max_bytes; /* of the JSON made of it                         */
};

/* False: the request has been answered, with 400, 413 or 415. */
bool body_read(struct http_request *request, const struct body_options *options, struct body *out) NODISCARD;
void body_fini(struct body *body);

/* For a body that is no JSON object: answers 400 with the place of the mistake, or 415 if the body is encoded. */
void body_refuse(struct http_request *request, const struct json_position *where, const struct err *err);

#endif
