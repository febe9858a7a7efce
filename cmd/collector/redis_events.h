/* redis_events: logs when connections to Redis are opened, closed or fail, and records what the whole process needs to
 * know about them.
 *
 * Threads: any; `worker` is the caller's number. */
#ifndef COLLECTOR_REDIS_EVENTS_H
#define COLLECTOR_REDIS_EVENTS_H

#include "collector.h"
#include "redis/redis.h"

/* These handle the events of the client that reads from the Redis in use, of the clients that write to it (ack_pool.h),
 * and of the client of the previous Redis. */
void redis_events_current(struct collector *collector, unsigned worker, const struct redis_event *event);
void redis_events_ack_pool(struct collector *collector, unsigned worker, const struct redis_event *event);
void redis_events_previous(struct collector *collector, unsigned worker, const struct redis_event *event);

#endif
