/* renewal: replaces the connection in use when it is max_age_ms old. The old connection retires only when the new one
 * is ready, so nothing is lost. In this way, the client notices a name's new address, the server's new certificate or a
 * new password even if the binding has not changed. Changes of the binding come from backing/redis_watch.c.
 *
 * Threads: loop only. */
#ifndef REDIS_RENEWAL_H
#define REDIS_RENEWAL_H

#include "redis/conn.h"

struct renewal {
        struct server *server;
        struct conn *conn; /* the one in use; NULL: none */
        uv_timer_t timer;
};

void redis_renewal_init(struct renewal *renewal, struct server *server);
/* `conn` is now in use; NULL: none. `spread` is random. */
void redis_renewal_use(struct renewal *renewal, struct conn *conn, uint64_t spread);

#endif
