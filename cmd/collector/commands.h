/* commands: the table of the commands that Collector sends to Redis. A trial of a Redis, when the binding changes and in
 * `--check`, sends one of each with the same arguments, on keys of its own. tests/integration/test_redis_rights.py
 * compares the table with the rights that the manual lists and with what a server receives.
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

/* Which of them a Redis gets: that depends on the settings. */
struct commands {
        bool is_previous; /* only reads, of `--previous-binding`; the other fields are not used then */
        bool has_feed, has_retention;
        enum ack_kind ack;
};

struct commands commands_of(const struct settings *settings, const struct ack_level *ack);
struct commands commands_of_previous(void);

/* `commands` is borrowed for as long as the trial is used. */
struct redis_trial commands_trial(const struct commands *commands);

#endif
