/* serving: which commands Collector sends to Redis while it serves, in one table. The trial of a Redis, at a change of the
 * binding and in `--check`, sends one of each with the same arguments, on keys of its own; the manual's list of rights
 * is compared with it by tests/integration/test_redis_rights.py, and so is what the program really sends.
 *
 *     struct serving serving = serving_of(settings, &ack);
 *     struct redis_trial trial = serving_trial(&serving);
 *
 * Threads: any. */
#ifndef COLLECTOR_SERVING_H
#define COLLECTOR_SERVING_H

#include <stdbool.h>

#include "acks.h"
#include "redis/redis.h"
#include "settings.h"

/* What is asked of a Redis, which depends on the settings. */
struct serving {
        bool is_previous; /* it is only read from (`--previous-binding`); the rest says nothing then */
        bool has_feed, has_retention;
        enum ack_kind ack;
};

struct serving serving_of(const struct settings *settings, const struct ack_level *ack);
struct serving serving_previous(void);

/* `serving` is borrowed for as long as the trial is used. */
struct redis_trial serving_trial(const struct serving *serving);

#endif
