/* server: the state that all workers of a server share.
 *
 * Threads: any. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/bearer.h"
#include "http/budget.h"
#include "http/connection_limit.h"
#include "http/http.h"
#include "http/route.h"

struct http_server {
        struct http_options options; /* with the defaults filled in */
        struct route_table *routes;
        int listen_fd;
        uint16_t port;
        char keep_alive[24];   /* the value of Keep-Alive                             */
        size_t pool_bytes;     /* libmicrohttpd's memory for a connection             */
        bool strict_library;   /* libmicrohttpd 1.0 and later check the head's syntax */
        atomic_uint accepting; /* workers using listen_fd; the last one closes it */
        atomic_bool draining;
        struct connection_limit limit;
        struct budget budget;
        struct bearer_store tokens;
};

/* Call these when a worker starts or stops accepting. */
void server_join(struct http_server *server);
void server_leave(struct http_server *server);

#endif
