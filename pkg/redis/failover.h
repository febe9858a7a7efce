/* failover: moves away from a primary that the Sentinels have replaced.
 *
 * Threads: loop only. */
#ifndef REDIS_FAILOVER_H
#define REDIS_FAILOVER_H

#include "redis/conn.h"

/* Call this periodically. Queries the Sentinels if the connection has been silent. May close the connection. */
void redis_failover_tick(struct conn *conn, int64_t now_ms);
/* Queries the Sentinels at once, because one of them reports a failover. Does nothing if no Sentinel named the
 * connection's server. */
void redis_failover_ask(struct conn *conn);

#endif
