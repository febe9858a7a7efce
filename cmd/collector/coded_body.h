/* coded_body: the body of a request for one document, compressed with a content coding (coding.h). It is decoded as it
 * arrives, up to --body-max, and the request's handler gets it as if it had been sent without a coding.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_CODED_BODY_H
#define COLLECTOR_CODED_BODY_H

#include <stdbool.h>

#include "coding.h"
#include "http/http.h"

struct worker;

struct coded_body_options {                                         /* static */
        void (*handle)(struct http_request *request, void *worker); /* the route's */
        bool has_forms;                                             /* the route accepts forms */
        bool has_arrays; /* a body that turns out to be an array becomes a bulk (bulk_post.h) */
};

/* Called when the head of a request has arrived: takes the body in pieces, or answers at once. */
void coded_body_begin(struct http_request *request, struct worker *worker, const struct coding *coding,
                      const struct coded_body_options *options);

#endif
