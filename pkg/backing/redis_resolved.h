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

/* The one used while waiting for a binding: its target has no address. */
int backing_redis_nowhere(const struct backing_redis_input *input, struct backing_redis **out,
                          struct err *err) NODISCARD;

#endif
