/* redis_resolved: the inside of a resolved Redis, for the code that follows its binding.
 *
 * Threads: any; immutable and counted. */
#ifndef BACKING_REDIS_RESOLVED_H
#define BACKING_REDIS_RESOLVED_H

#include "backing/backed.h"
#include "backing/redis.h"

struct backing_redis {
        struct backed backed; /* first */
        struct redis_target *target;
        struct backing_redis_settings settings;
};

extern const struct backed_kind redis_kind;

struct backing_redis *redis_of(struct backed *backed);

#endif
