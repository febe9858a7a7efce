/* accept: accepts connections from the listener for one worker.
 *
 * Threads: loop only. */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include <stdbool.h>

#include "http/connection_limit.h"
#include "http/handles.h"
#include "http/refused_connections.h"
#include "http/server.h"
#include "http/silent.h"

struct acceptor {
        uv_poll_t poll; /* the listener */
        uv_timer_t again;
        bool accepting;
        bool passed; /* the last call left a connection for another worker */
        struct http_server *server;
        struct connection_share *share;
        struct refused_list *refused;
        struct silents *silents; /* where accepted connections go */
};

void accept_init(struct acceptor *acceptor, uv_loop_t *loop, struct handles *handles);
int accept_open(struct acceptor *acceptor, uv_loop_t *loop, struct handles *handles, struct err *err) NODISCARD;
void accept_all(struct acceptor *acceptor); /* accepts every waiting connection */
/* Stops using the listener; the last worker to do so closes the listener. */
void accept_stop(struct acceptor *acceptor);
void accept_close(struct acceptor *acceptor);

#endif
