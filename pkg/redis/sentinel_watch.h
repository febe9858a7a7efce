/* sentinel_watch: subscribes to the Sentinels of the target in use, and holds commands while a failover is in progress.
 *
 * Threads: loop only. */
#ifndef REDIS_SENTINEL_WATCH_H
#define REDIS_SENTINEL_WATCH_H

#include "redis/client.h"

struct redis_sentinel_watch;

/* Call this before `conn` takes commands, or with NULL when no connection takes commands any more. Starts a watch if a
 * Sentinel named that server, and ends a watch of other Sentinels. Holds the connection's commands during a failover of
 * its server, and while there could be one whose announcement we have missed. *watch is NULL at first. */
void redis_sentinel_watch_follow(struct redis_sentinel_watch **watch, struct client *client, struct conn *conn);
void redis_sentinel_watch_close(struct redis_sentinel_watch *watch); /* NULL is fine */

#endif
