/* silent: connections that have not sent anything yet.
 *
 * Threads: loop only. */
#ifndef HTTP_SILENT_H
#define HTTP_SILENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"
#include "http/connection_limit.h"
#include "http/engine.h"
#include "http/refused_connections.h"
#include "http/server.h"

enum { IDLE_MARGIN_S = 2 }; /* grace period for a request sent just as the announced idle time ends */

struct silents {
        struct list list; /* oldest first */
        uv_loop_t *loop;
        int64_t idle_timeout_ms;
        const struct http_server *server;
        struct engine *engine, *stream_engine;
        struct connection_share *share;
        struct refused_list *refused;
        struct sweep *sweep;
};

/* Takes over a connection that was accepted and counted. */
void silent_add(struct silents *silents, int fd, const struct sockaddr_storage *address, socklen_t length);
/* Closes connections that have been silent for too long, and share->surplus of the others (`all`: closes every
 * connection). */
void silent_sweep(struct silents *silents, int64_t now_ms, bool all);

#endif
