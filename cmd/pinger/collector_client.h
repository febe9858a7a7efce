/* collector_client: sends one HTTP request to Collector and keeps the connection for the next one (libcurl).
 *
 *     struct collector_reply reply;
 *     rc = collector_client_send(client, collector, &(struct collector_request){ .body = text, .length = n, .id = id,
 *                    .timeout_ms = 10000 }, &reply, &err);
 *     if (rc == 0 && collector_judge(reply.status) == COLLECTOR_DONE)
 *
 * The collector's token is sent as `Authorization: Bearer`. If the collector has certificates, only those are trusted.
 * Redirects are not followed, since they would send the token to another host. Proxies from the environment are
 * ignored, because the binding determines the address of a backing service.
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

struct collector_client; /* opaque: the connection and everything needed to open it */

struct collector_request {
        const char *path; /* appended to the collector's URL; NULL: "/" */
        const char *body; /* NULL: a GET                                                */
        size_t length;
        const char *id;     /* a UUID: Idempotency-Key and x-correlation-id; NULL: none */
        int64_t timeout_ms; /* for the whole request */
        /* When *change no longer equals `unchanged`, there is a newer collector, and collector_client_send waits at
         * most 2 s more for a response. NULL: never. */
        const _Atomic unsigned *change;
        unsigned unchanged;
};

struct collector_reply {
        int status;
        int64_t retry_after_ms; /* from Retry-After, at most 60000; 0: none */
        char text[200];         /* the beginning of the response body */
};

enum collector_verdict {
        COLLECTOR_DONE,    /* 2xx: stored */
        COLLECTOR_AGAIN,   /* retry this batch later: the cause is the address, the token or a temporary condition */
        COLLECTOR_REFUSED, /* this batch will never be accepted: 400, 413, 422 and others that concern the batch */
};

int collector_client_global_init(struct err *err) NODISCARD;
void collector_client_global_fini(void);

/* A connection older than `max_age_ms`, give or take a tenth, is not reused, so that the name is resolved again. 0: no
 * limit. */
int collector_client_open(int64_t max_age_ms, struct collector_client **out, struct err *err) NODISCARD;
void collector_client_close(struct collector_client *client); /* NULL is fine */

/* Returns 0 for any response with any status. ERR_UNAVAILABLE; ERR_TIMEOUT; ERR_NOMEM; ERR_INVALID for a URL or
 * certificates that libcurl does not accept. The collector stays referenced until a request is sent to another
 * collector. */
int collector_client_send(struct collector_client *client, struct backing_collector *collector,
                          const struct collector_request *request, struct collector_reply *reply,
                          struct err *err) NODISCARD;

/* From this time (clock_monotonic_ms) on, collector_client_send gives up, including a call in progress. */
void collector_client_cut_at(struct collector_client *client, int64_t deadline_ms);
/* Makes a collector_client_send in progress check `change` now. */
void collector_client_wake(struct collector_client *client);

enum collector_verdict collector_judge(int status);

#endif
