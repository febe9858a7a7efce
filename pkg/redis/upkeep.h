/* upkeep: keeps the connection in use alive and young.
 *
 * Threads: loop only. */
#ifndef REDIS_UPKEEP_H
#define REDIS_UPKEEP_H

#include "redis/conn.h"

struct upkeep {
        struct server *server;
        struct conn *conn; /* the one in use; NULL: none */
        uv_timer_t timer;  /* the next PING or renewal   */
        struct redis_command ping;
};

void redis_upkeep_init(struct upkeep *upkeep, struct server *server);
/* `conn` is in use from now on; NULL: none. `spread` is random. */
void redis_upkeep_use(struct upkeep *upkeep, struct conn *conn, uint64_t spread);
void redis_upkeep_fini(struct upkeep *upkeep); /* once its timer is closed */

#endif
