/* worker: the parts that serve the connections of one loop.
 *
 * Threads: loop only. */
#ifndef HTTP_WORKER_H
#define HTTP_WORKER_H

#include "base/uuid.h"
#include "http/accept.h"
#include "http/account.h"
#include "http/budget.h"
#include "http/conn.h"
#include "http/connection_limit.h"
#include "http/engine.h"
#include "http/handles.h"
#include "http/head_overflow.h"
#include "http/refused_connections.h"
#include "http/server.h"
#include "http/silent.h"
#include "http/sweep.h"

struct http_worker {
        struct http_server *server;
        struct handles handles;
        struct engine engine;
        /* For connections whose first request is for an endless stream, so that `engine` never looks at them: on each
         * resume, libmicrohttpd looks at all suspended connections of its daemon. */
        struct engine stream_engine;
        struct sweep sweep;
        struct account account;
        struct connection_share share;
        struct acceptor acceptor;
        struct silents silents;
        struct refused_list refused;
        struct conns conns;
        struct head_overflow head_overflow;
        struct budget_trim trim;
        struct uuid_source uuids;
};

#endif
