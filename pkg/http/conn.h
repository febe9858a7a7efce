/* conn: one connection as we see it beside libmicrohttpd, and what the connections of a worker share.
 *
 * Threads: loop only. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include "base/list.h"
#include "base/uuid.h"
#include "http/account.h"
#include "http/engine.h"
#include "http/limit.h"
#include "http/server.h"
#include "http/sweep.h"
#include "http/token.h"

enum {
        CONN_LINGER_MS = 1000,       /* how long a refused client may go on sending ... */
        CONN_LINGER_BYTES = 1 << 20, /* ... and how much; then its connection is cut     */
};

struct conns {
        struct http_server *server;
        void *context; /* the handlers' */
        struct engine *engine;
        struct sweep *sweep;
        struct account *account;
        struct connection_share *share;
        struct uuid_source *uuids;
        struct token_view tokens;
        struct list list;
        size_t count;               /* of the list                                                  */
        struct list *cursor;        /* where the next sweep goes on: a link of the list, or its head */
        struct list orphans;        /* held requests whose connection libmicrohttpd has closed       */
        struct http_request *spare; /* kept for the next requests, see request.c */
        unsigned spare_count;
};

struct conn {
        struct list link;
        struct conns *conns;
        struct MHD_Connection *mhd;
        struct http_request *request; /* from its request line to its answer's last byte */
        int fd;
        bool refused;          /* an answer of our own was written; only wait for the client to stop */
        bool received_unknown; /* `received` must be read anew */
        bool cut_short;        /* the client has ended its direction in the middle of a body */
        uint64_t received;     /* bytes of the requests so far */
        int64_t head_since_ms; /* a head is incomplete since then; 0: none was seen to begin */
        int64_t cut_at_ms;     /* refused: the connection is cut then */
};

/* The others are the caller's to set; `conns` is all zero. */
void conns_init(struct conns *conns);
struct conn *conn_new(struct conns *conns, struct MHD_Connection *mhd); /* NULL: out of memory */
void conn_free(struct conn *conn);
struct conn *conn_of(struct MHD_Connection *mhd); /* NULL: memory was short when it came */

/* Writes the problem to the socket, past libmicrohttpd, and ends our direction. `extra_field` is "" or a whole line. What
 * the client still sends is read and dropped, up to CONN_LINGER_BYTES and CONN_LINGER_MS, so that it gets to read the
 * answer. */
void conn_refuse(struct conn *conn, int status, const char *correlation_id, const char *extra_field,
                 const char *detail);
/* The connection ends: libmicrohttpd sees it and closes. */
void conn_cut(struct conn *conn);

#endif
