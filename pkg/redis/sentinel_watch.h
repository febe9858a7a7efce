/* sentinel_watch: subscribes to the Sentinels of the target in use, and holds commands while a failover is under way.
 *
 * Threads: loop only. */
#ifndef REDIS_SENTINEL_WATCH_H
#define REDIS_SENTINEL_WATCH_H

#include "redis/client.h"

struct redis_sentinel_watch;

/* Call it when `conn` is about to take commands, or none does (NULL). Starts a watch if a Sentinel named that server,
 * and ends one of other Sentinels. Holds the connection's commands while a failover from it is under way, or while one
 * could be that we have not heard of. *watch is NULL at first. */
void redis_sentinel_watch_follow(struct redis_sentinel_watch **watch, struct client *client, struct conn *conn);
void redis_sentinel_watch_close(struct redis_sentinel_watch *watch); /* NULL is fine */

#endif
