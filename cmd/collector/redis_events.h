/* redis_events: logs that connections to Redis come, go or fail, and notes what the whole process wants to know of it.
 *
 * Threads: any; `worker` is the number of the one that calls. */
#ifndef COLLECTOR_REDIS_EVENTS_H
#define COLLECTOR_REDIS_EVENTS_H

#include "collector.h"
#include "redis/redis.h"

/* Of the client that reads from the Redis in use, of those that write to it (ack_pool.h), and of the previous Redis. */
void redis_events_current(struct collector *collector, unsigned worker, const struct redis_event *event);
void redis_events_ack_pool(struct collector *collector, unsigned worker, const struct redis_event *event);
void redis_events_previous(struct collector *collector, unsigned worker, const struct redis_event *event);

#endif
