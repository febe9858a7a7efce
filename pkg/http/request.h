/* request: one request, from its request line until it is answered: what is known of it, and its memory.
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
#include "http/body.h"
#include "http/conn.h"
#include "http/denial.h"
#include "http/head.h"
#include "http/query.h"
#include "http/route.h"
#include "http/token.h"

enum stage {
        STAGE_HEAD,     /* the request line was read, the fields are not complete     */
        STAGE_BODY,     /* the head is complete                                       */
        STAGE_RUNNING,  /* the handler runs and has not answered                      */
        STAGE_HELD,     /* the handler has returned without an answer                 */
        STAGE_ANSWERED, /* the response goes to libmicrohttpd at its next call        */
        STAGE_DROPPING, /* refused; the rest of the body is dropped                   */
};

struct request_target {
        const char *raw; /* libmicrohttpd's copy: good for comparing addresses only */
        char *text;      /* ours: the target, the decoded path, the parameters */
        size_t length;   /* of the target */
        const char *path;
        struct query *query; /* NULL until asked for */
        size_t charged;      /* of the budget */
        bool is_full;        /* there was no room for it */
};

struct request_arrival { /* how its body comes in */
        size_t bytes;    /* that came, kept or dropped */
        size_t dropped_bytes;
        size_t swept_bytes; /* `bytes` at the last sweep */
        bool is_stuck;      /* at the last sweep libmicrohttpd had taken nothing of what has come */
};

struct request_answer {
        struct MHD_Response *response; /* until it is handed over */
        const char *body;              /* lives as long as `response` */
        size_t length;
        size_t charged; /* of the budget */
        int status;
        int64_t sending_since_ms;
};

struct http_request {
        struct conn *conn; /* NULL: its connection has ended; then nothing of libmicrohttpd's is left */
        struct conns *conns;
        enum stage stage;
        const char *method;
        struct request_target target;
        struct route_match match;
        struct head head;
        struct body body;
        struct request_arrival arrival;
        struct request_answer answer;
        const struct denial *denial; /* NULL: it may be carried out */
        struct token_pass pass;
        int64_t started_us;
        bool counted;   /* in engine->busy */
        bool suspended; /* STAGE_HELD: libmicrohttpd leaves the connection alone ... */
        unsigned looks; /* ... after it has looked so often whether there is an answer */
        struct list orphan;

        /* Not cleared for the next request: */
        struct http_request *next_spare;
        uint16_t remote_port;
        char remote[INET6_ADDRSTRLEN]; /* "" until asked for */
        char correlation_id[CORRELATION_ID_MAX + 1];
        char orphan_method[32]; /* an orphan's `method`; a longer one is cut */
        char inline_text[320];  /* where target.text is when it fits */
};

/* The request of a connection whose request line has come, with that target. NULL: out of memory. */
struct http_request *request_new(struct conn *conn, const char *target);
void request_free(struct http_request *request); /* kept for the next one where there is room */
void request_free_spares(struct conns *conns);
/* Its connection ends before the answer: copies what may still be asked. Called while libmicrohttpd's memory is still
 * there. */
void request_make_orphan(struct http_request *request);
/* Ends STAGE_HELD for an orphan, whose answer nobody will read, and frees it. */
void request_free_orphan(struct http_request *request);

/* Counts the answer and tells the access log. */
void request_account(const struct http_request *request, int status, size_t response_bytes);
/* Accounts and refuses, see conn_refuse. */
void request_refuse(struct http_request *request, int status, const char *extra_field, const char *detail);
/* The same for a connection whose head is not complete: with a new correlation id, unaccounted. */
void request_refuse_head(struct conn *conn, int status, const char *detail);

/* False where memory is too short to parse the query. */
bool request_has_query(const struct http_request *request);

#endif
