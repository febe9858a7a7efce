/* redis_gather: the settings of a Redis from the strongest source.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_GATHER_H
#define BACKING_REDIS_GATHER_H

#include "backing/notes.h"
#include "backing/redis.h"

/* Collects and converts them, but does not check whether pkg/redis supports them. `out` is all zero, and must be passed
 * to redis_settings_fini even on failure. */
int redis_settings_gather(const struct backing_redis_input *input, struct backing_redis_settings *out,
                          struct notes *notes, struct err *err) NODISCARD;

#endif
