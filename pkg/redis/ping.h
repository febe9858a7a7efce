/* ping: sends a PING on a silent connection, so that a dead peer is noticed within stall_ms, before a request uses it,
 * and no NAT drops the connection.
 *
 * Threads: loop only. */
#ifndef REDIS_PING_H
#define REDIS_PING_H

#include "redis/conn.h"

struct ping {
        struct server *server;
        struct conn *conn; /* the one in use; NULL: none */
        uv_timer_t timer;
        struct redis_command command;
};

void redis_ping_init(struct ping *ping, struct server *server);
void redis_ping_use(struct ping *ping, struct conn *conn); /* `conn` is now in use; NULL: none */
void redis_ping_fini(struct ping *ping);                   /* once its timer is closed */

#endif
