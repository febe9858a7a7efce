/* redis_gather: the settings of a Redis from the strongest source.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_GATHER_H
#define BACKING_REDIS_GATHER_H

#include "backing/notes.h"
#include "backing/redis.h"

/* Collects and types them. Whether pkg/redis can do what they ask for is not checked yet. `out` is all zero, and must
 * be given to redis_settings_fini also on failure. */
int redis_settings_gather(const struct backing_redis_input *input, struct backing_redis_settings *out,
                          struct notes *notes, struct err *err) NODISCARD;

#endif
