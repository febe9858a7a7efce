/* router: the inside of a struct redis (redis.h), for the probe and the tests.
 *
 * Threads: loop only. */
#ifndef REDIS_ROUTER_H
#define REDIS_ROUTER_H

#include "redis/cluster.h"
#include "redis/redis.h"
#include "redis/sentinel_watch.h"

struct redis {
        struct client *client;              /* the client of the single server, or the home of the Cluster */
        struct redis_cluster cluster;       /* its map is NULL for a single server              */
        struct redis_sentinel_watch *watch; /* NULL without Sentinel                            */
        bool is_brief;                      /* short-lived, so it subscribes to no Sentinel     */
        void (*on_closed)(void *data);
        void *on_closed_data;
};

#endif
