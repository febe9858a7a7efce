/* conn: what we know about a connection beyond what libmicrohttpd keeps, and what a worker's connections share.
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
#include "http/bearer.h"
#include "http/connection_limit.h"
#include "http/engine.h"
#include "http/server.h"
#include "http/sweep.h"

enum {
        CONN_LINGER_MS = 1000,       /* how long a refused client may keep sending ... */
        CONN_LINGER_BYTES = 1 << 20, /* ... and how much, before its connection is closed */
};

struct conns {
        struct http_server *server;
        void *context;                         /* passed to the handlers */
        struct engine *engine, *stream_engine; /* see worker.h */
        struct sweep *sweep;
        struct account *account;
        struct connection_share *share;
        struct uuid_source *uuids;
        struct bearer_view tokens;
        struct list list;
        size_t count;               /* length of the list */
        struct list *cursor;        /* where the next sweep continues: a link of the list, or its head */
        struct list streams;        /* their requests, while both the handler and the client are active */
        struct list orphans;        /* held requests whose connection libmicrohttpd has closed       */
        struct http_request *spare; /* kept for the next requests, see request.c */
        unsigned spare_count;
};

struct conn {
        struct list link;
        struct conns *conns;
        struct engine *engine; /* the engine whose daemon has the connection */
        struct MHD_Connection *mhd;
        struct http_request *request; /* the current request, from its request line to the last byte of its response */
        int fd;
        bool refused;          /* we wrote a response ourselves and now wait for the client to stop */
        bool received_unknown; /* `received` is out of date */
        bool cut_short;        /* the client shut down its sending side in the middle of a body */
        uint64_t received;     /* bytes of all requests so far */
        int64_t head_since_ms; /* when an incomplete head began; 0: there is none */
        int64_t cut_at_ms;     /* when a refused client's connection is closed */
};

/* `conns` must be all zero; the caller sets the other members. */
void conns_init(struct conns *conns);
struct conn *conn_new(struct conns *conns, struct MHD_Connection *mhd); /* NULL: out of memory */
void conn_free(struct conn *conn);
struct conn *conn_of(struct MHD_Connection *mhd); /* NULL: out of memory when the connection arrived */

/* Writes the problem to the socket, bypassing libmicrohttpd, and shuts down our sending side. `extra_field` is "" or a
 * whole line. Whatever the client still sends is read and dropped, up to CONN_LINGER_BYTES and CONN_LINGER_MS, so that
 * the client can read the response. */
void conn_refuse(struct conn *conn, int status, const char *correlation_id, const char *extra_field,
                 const char *detail);
/* Shuts down our sending side and drops input in the same way, for a client that has already been answered. */
void conn_linger(struct conn *conn);
void conn_drop_unread(struct conn *conn); /* reads and drops what has arrived, up to CONN_LINGER_BYTES */
/* Shuts the connection down; libmicrohttpd notices and closes it. */
void conn_cut(struct conn *conn);

#endif
