/* redis_settings: converts strings to typed settings.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_SETTINGS_H
#define BACKING_REDIS_SETTINGS_H

#include "backing/draft.h"
#include "backing/notes.h"
#include "backing/redis.h"

enum { NODES_MAX = 64, DATABASE_MAX = 999999, DEFAULT_REDIS_PORT = 6379 };

/* Converts a draft to typed settings, after filling the draft with the parts of its uri, if any. `out` must be all
 * zero, and must be passed to redis_settings_fini even on failure. */
int redis_settings_read(struct draft *draft, struct backing_redis_settings *out, struct notes *notes,
                        struct err *err) NODISCARD;
void redis_settings_fini(struct backing_redis_settings *settings);

#endif
