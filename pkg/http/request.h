/* request: one request from its request line until it is answered: its known properties and its memory.
 *
 * Threads: loop only. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <microhttpd.h>

#include "base/list.h"
#include "http/bearer.h"
#include "http/body_memory.h"
#include "http/conn.h"
#include "http/denial.h"
#include "http/head.h"
#include "http/query.h"
#include "http/route.h"

enum stage {
        STAGE_HEAD,     /* the request line was read, the fields are incomplete */
        STAGE_BODY,     /* the head is complete                                       */
        STAGE_RUNNING,  /* the handler runs and has not answered                      */
        STAGE_HELD,     /* the handler has returned without answering                 */
        STAGE_ANSWERED, /* libmicrohttpd gets the response at its next call without a piece of the body */
        STAGE_DROPPING, /* refused; the rest of the body is dropped                   */
};

struct request_target {
        const char *raw; /* libmicrohttpd's copy, only for comparing addresses */
        char *text;      /* ours: the target, the decoded path, the parameters */
        size_t length;   /* of the target */
        const char *path;
        struct query *query; /* NULL until it is first needed */
        size_t charged;      /* of the budget */
        bool is_full;        /* the budget had no room for it */
};

struct request_arrival { /* how its body arrives */
        size_t bytes;    /* bytes received, kept or dropped */
        size_t dropped_bytes;
        size_t swept_bytes;     /* `bytes` at the last sweep */
        int64_t still_since_ms; /* time of the first sweep without new bytes; 0: not swept yet */
        bool is_judged;         /* the route's at_body has decided */
        bool is_stuck;          /* at the last sweep libmicrohttpd had consumed none of the received bytes */
};

struct request_answer {
        struct MHD_Response *response; /* the response, until it is handed over */
        const char *body;              /* the body of `response`, with the same lifetime */
        size_t length;
        size_t charged; /* of the budget */
        int status;
        int64_t sending_since_ms;
};

struct stream; /* see stream.h */

struct request_remote {
        uint16_t port;
        char address[INET6_ADDRSTRLEN]; /* "" until asked for */
};

/* STAGE_HELD: the handler has returned without answering. */
struct request_hold {
        bool is_suspended; /* the connection is suspended ... */
        unsigned looks;    /* ... after libmicrohttpd has looked for a response this many times */
};

struct http_request {
        struct conn *conn; /* NULL: the connection has ended, and libmicrohttpd's memory has been freed */
        struct conns *conns;
        struct engine *engine; /* the connection's */
        enum stage stage;
        const char *method;
        struct request_target target;
        struct route_match match;
        struct head head;
        struct body_memory body;
        struct request_arrival arrival;
        struct request_answer answer;
        const struct denial *denial; /* NULL: the request may be executed */
        struct bearer_pass pass;
        struct stream *stream; /* NULL: the request is not a stream */
        size_t reserved;       /* taken from the budget by the handler */
        int64_t count;         /* set by http_request_set_count; -1: not set */
        int64_t started_us;
        bool counted; /* in engine->busy */
        struct request_hold hold;
        struct list orphan;

        /* Not cleared for the next request: */
        struct http_request *next_spare;
        struct request_remote remote;
        char correlation_id[CORRELATION_ID_MAX + 1];
        char orphan_method[32]; /* an orphan's `method`; a longer one is truncated */
        char inline_text[320];  /* holds target.text if it fits */
};

/* Creates a request with this target for a connection whose request line has arrived. NULL: out of memory. */
struct http_request *request_new(struct conn *conn, const char *target);
void request_free(struct http_request *request); /* kept for a later request if there is room */
void request_free_spares(struct conns *conns);
/* Copies everything that the handler may still read, because the connection ends before the response. Call this while
 * libmicrohttpd's memory is still valid. The request is now in STAGE_HELD. */
void request_make_orphan(struct http_request *request);
/* Ends STAGE_HELD for an orphan and frees the request, since nobody is left to read its response. */
void request_free_orphan(struct http_request *request);

/* Counts the response and writes it to the access log. */
void request_account(const struct http_request *request, int status, size_t response_bytes, bool is_broken);
/* Accounts for the request and refuses it, see conn_refuse. */
void request_refuse(struct http_request *request, int status, const char *extra_field, const char *detail);
/* Refuses the request with 503, since the memory for data in transit is used up. */
void request_refuse_full(struct http_request *request);
/* Refuses a connection whose head is incomplete. Uses a new correlation id and counts nothing. */
void request_refuse_head(struct conn *conn, int status, const char *detail);

/* False if there is too little memory to parse the query. */
bool request_has_query(const struct http_request *request);

#endif
