/* trial: probes a Redis once and waits for the result, at startup and for `--check`.
 *
 * Threads: any; each call runs its own loop. */
#ifndef COLLECTOR_TRIAL_H
#define COLLECTOR_TRIAL_H

#include "backing/redis.h"
#include "commands.h"
#include "redis/sentinel_check.h"

/* Sends the commands that serving uses (commands.h) and waits at most timeout_ms. Errors as for redis_probe. Even after
 * an error, *found has the results so far, with an address if the server was reached. */
int trial_run(const struct backing_redis *redis, const struct commands *commands, int64_t timeout_ms,
              struct redis_probe_result *found, struct err *err) NODISCARD;

/* Queries each Sentinel of that Redis (redis_sentinels_check) and calls `each` for every Sentinel, in the order of the
 * binding. */
int trial_sentinels(const struct backing_redis *redis, int64_t timeout_ms,
                    void (*each)(const struct redis_sentinel_found *found), struct err *err) NODISCARD;

#endif
