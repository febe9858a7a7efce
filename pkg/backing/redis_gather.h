/* redis_gather: the Redis settings from the source with the highest precedence.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_GATHER_H
#define BACKING_REDIS_GATHER_H

#include "backing/notes.h"
#include "backing/redis.h"

/* Collects and converts the settings, but does not check whether pkg/redis supports them. `out` must be all zero. Pass
 * it to redis_settings_fini even after a failure. */
int redis_settings_gather(const struct backing_redis_input *input, struct backing_redis_settings *out,
                          struct notes *notes, struct err *err) NODISCARD;

#endif
