/* post: one HTTP request to Collector, over a connection that is kept for the next one (libcurl).
 *
 *     struct post_reply reply;
 *     rc = post_send(post, collector, &(struct post_request){ .body = text, .length = n, .id = id,
 *                    .timeout_ms = 10000 }, &reply, &err);
 *     if (rc == 0 && post_judge(reply.status) == POST_DONE)
 *
 * The collector's token goes as `Authorization: Bearer`, and its certificates are the only ones trusted where it
 * has any. Redirects are not followed, since they would carry the token to another host, and the environment's
 * proxies are not used: a backing service is where its binding says.
 *
 * Threads: one at a time; post_cut_at and post_wake: any. post_global_init once, before the first thread. */
#ifndef PINGER_POST_H
#define PINGER_POST_H

#include <stddef.h>
#include <stdint.h>

#include "backing/collector.h"
#include "base/attr.h"
#include "base/err.h"

struct post; /* opaque: the connection and what is needed to make it */

struct post_request {
        const char *path; /* behind the collector's URL; NULL: "/"                      */
        const char *body; /* NULL: a GET                                                */
        size_t length;
        const char *id;     /* a UUID: Idempotency-Key and x-correlation-id; NULL: none */
        int64_t timeout_ms; /* for all of it                                            */
        /* Where *change is not `unchanged` any more, there is a better place to send it to: then post_send waits at
         * most 2 s more for an answer. NULL: never. */
        const _Atomic unsigned *change;
        unsigned unchanged;
};

struct post_reply {
        int status;
        int64_t retry_after_ms; /* 0: it does not say; at most 60000 */
        char text[200];         /* how the answer's body begins      */
};

enum post_verdict {
        POST_DONE,    /* 2xx: it is stored                                                               */
        POST_AGAIN,   /* later, the same: whatever speaks of the place, the token or the moment          */
        POST_REFUSED, /* this batch will never be taken: 400, 413, 422 and others that speak of the batch */
};

int post_global_init(struct err *err) NODISCARD;
void post_global_fini(void);

/* A connection of `max_age_ms`, give or take a tenth, is not used again: the name is looked up anew. 0: never. */
int post_open(int64_t max_age_ms, struct post **out, struct err *err) NODISCARD;
void post_close(struct post *post); /* NULL is fine */

/* 0 when an answer came, whatever its status. ERR_UNAVAILABLE; ERR_TIMEOUT; ERR_NOMEM; ERR_INVALID for a URL or
 * certificates that libcurl does not take. The collector stays referenced until the next request goes to another. */
int post_send(struct post *post, struct backing_collector *collector, const struct post_request *request,
              struct post_reply *reply, struct err *err) NODISCARD;

/* From this moment of clock_monotonic_ms on post_send gives up, also one that is under way. */
void post_cut_at(struct post *post, int64_t deadline_ms);
/* A post_send that is under way looks at `change` now. */
void post_wake(struct post *post);

enum post_verdict post_judge(int status);

#endif
