/* collector_client: one HTTP request to Collector, over a connection that is kept for the next one (libcurl).
 *
 *     struct collector_reply reply;
 *     rc = collector_client_send(client, collector, &(struct collector_request){ .body = text, .length = n, .id = id,
 *                    .timeout_ms = 10000 }, &reply, &err);
 *     if (rc == 0 && collector_judge(reply.status) == COLLECTOR_DONE)
 *
 * The collector's token goes as `Authorization: Bearer`, and its certificates are the only ones trusted where it
 * has any. Redirects are not followed, since they would carry the token to another host, and the environment's
 * proxies are not used: a backing service is where its binding says.
 *
 * Threads: one at a time; collector_client_cut_at and collector_client_wake: any. collector_client_global_init once,
 * before the first thread. */
#ifndef PINGER_COLLECTOR_CLIENT_H
#define PINGER_COLLECTOR_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "backing/collector.h"
#include "base/attr.h"
#include "base/err.h"

struct collector_client; /* opaque: the connection and what is needed to make it */

struct collector_request {
        const char *path; /* behind the collector's URL; NULL: "/"                      */
        const char *body; /* NULL: a GET                                                */
        size_t length;
        const char *id;     /* a UUID: Idempotency-Key and x-correlation-id; NULL: none */
        int64_t timeout_ms; /* for all of it                                            */
        /* Where *change is not `unchanged` any more, there is a better place to send it to: then
         * collector_client_send waits at most 2 s more for an answer. NULL: never. */
        const _Atomic unsigned *change;
        unsigned unchanged;
};

struct collector_reply {
        int status;
        int64_t retry_after_ms; /* 0: it does not say; at most 60000 */
        char text[200];         /* how the answer's body begins      */
};

enum collector_verdict {
        COLLECTOR_DONE,    /* 2xx: it is stored                                                               */
        COLLECTOR_AGAIN,   /* later, the same: whatever speaks of the place, the token or the moment          */
        COLLECTOR_REFUSED, /* this batch will never be taken: 400, 413, 422 and others that speak of the batch */
};

int collector_client_global_init(struct err *err) NODISCARD;
void collector_client_global_fini(void);

/* A connection of `max_age_ms`, give or take a tenth, is not used again: the name is looked up anew. 0: never. */
int collector_client_open(int64_t max_age_ms, struct collector_client **out, struct err *err) NODISCARD;
void collector_client_close(struct collector_client *client); /* NULL is fine */

/* 0 when an answer came, whatever its status. ERR_UNAVAILABLE; ERR_TIMEOUT; ERR_NOMEM; ERR_INVALID for a URL or
 * certificates that libcurl does not take. The collector stays referenced until the next request goes to another. */
int collector_client_send(struct collector_client *client, struct backing_collector *collector,
                          const struct collector_request *request, struct collector_reply *reply,
                          struct err *err) NODISCARD;

/* From this moment of clock_monotonic_ms on collector_client_send gives up, also one that is under way. */
void collector_client_cut_at(struct collector_client *client, int64_t deadline_ms);
/* A collector_client_send that is under way looks at `change` now. */
void collector_client_wake(struct collector_client *client);

enum collector_verdict collector_judge(int status);

#endif
