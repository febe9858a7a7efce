/* commands: the table of the commands that Collector sends to Redis. When the binding changes, and in `--check`, a
 * trial sends each of these commands once to the Redis, with the same arguments but with separate keys.
 * tests/integration/test_redis_rights.py compares the table with the rights that the manual lists and with what a
 * server receives.
 *
 *     struct commands commands = commands_of(settings, &ack);
 *     struct redis_trial trial = commands_trial(&commands);
 *
 * Threads: any. */
#ifndef COLLECTOR_COMMANDS_H
#define COLLECTOR_COMMANDS_H

#include <stdbool.h>

#include "ack_level.h"
#include "redis/probe.h"
#include "redis/redis.h"
#include "settings.h"

/* The commands that a Redis gets; they depend on the settings. */
struct commands {
        bool is_previous; /* for `--previous-binding`: only reads; the other fields are then unused */
        bool has_feed, has_retention;
        enum ack_kind ack;
};

struct commands commands_of(const struct settings *settings, const struct ack_level *ack);
struct commands commands_of_previous(void);

/* `commands` is borrowed for as long as the trial is used. */
struct redis_trial commands_trial(const struct commands *commands);

#endif
