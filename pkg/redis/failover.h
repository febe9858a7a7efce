/* failover: leaves a primary that the Sentinels have replaced.
 *
 * Threads: loop only. */
#ifndef REDIS_FAILOVER_H
#define REDIS_FAILOVER_H

#include "redis/conn.h"

/* Call it now and then. Asks the Sentinels when the connection has been silent. May close the connection. */
void redis_failover_tick(struct conn *conn, int64_t now_ms);
/* Asks at once: a Sentinel tells of a failover. Nothing to do for a connection that no Sentinel named. */
void redis_failover_ask(struct conn *conn);

#endif
