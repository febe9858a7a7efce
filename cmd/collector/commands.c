/* commands: the table, and the trial derived from it. A trial leaves no key behind: GETDEL removes its document, which
 * would otherwise expire after ten seconds. Its stream is never created (XADD with NOMKSTREAM), so the other commands
 * on that stream find nothing. The trial reads the feed's name and its streams of today and tomorrow (in a Cluster,
 * those of all partitions), to find out whether a key of another type has one of these names. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "feed.h"
#include "feed_name.h"

enum {
        ALWAYS = 1,
        WITH_FEED = 2,
        WITH_RETENTION = 4, /* and the feed */
        WITH_REPLICA = 8,
        WITH_FSYNC = 16,
        OF_PREVIOUS = 32,
};

/* Placeholders for keys. */
#define DOCUMENT "<document>"
#define STREAM "<stream>"
#define VALUE "{\"probe\":true}"

enum { KEY_SIZE = 640 };

static const struct {
        unsigned when;
        struct redis_trial_command command;
} rows[] = {
        { ALWAYS, { .step = "write", .argv = { "SET", DOCUMENT, VALUE, "PX", "10000" } } },
        { ALWAYS, { .step = "write", .argv = { "SET", DOCUMENT, VALUE, "PX", "10000", "NX" } } },
        { ALWAYS, { .step = "read", .expects = VALUE, .argv = { "GET", DOCUMENT } } },
        { OF_PREVIOUS, { .step = "read", .argv = { "GET", DOCUMENT } } },
        { WITH_FEED, { .step = "read", .expects = VALUE, .argv = { "GETRANGE", DOCUMENT, "0", "1023" } } },
        { WITH_FEED, { .step = "write", .argv = { "XADD", STREAM, "NOMKSTREAM", "*", "k", "probe", "k", "probe" } } },
        { WITH_FEED, { .step = "read", .argv = { "XRANGE", STREAM, "-", "+", "COUNT", "1" } } },
        { WITH_FEED, { .step = "read", .is_optional = true, .argv = { "XREVRANGE", STREAM, "+", "-", "COUNT", "1" } } },
        { WITH_FEED, { .step = "read", .argv = { "EXISTS", STREAM } } },
        { WITH_FEED, { .step = "write", .is_optional = true, .argv = { "XDEL", STREAM, "1-1" } } },
        { WITH_RETENTION, { .step = "write", .argv = { "EXPIREAT", STREAM, "1" } } },
        { ALWAYS, { .step = "write", .expects = VALUE, .argv = { "GETDEL", DOCUMENT } } },
        { WITH_REPLICA, { .step = "acknowledgement", .has_no_key = true, .argv = { "WAIT", "0", "1" } } },
        { WITH_FSYNC, { .step = "acknowledgement", .has_no_key = true, .argv = { "WAITAOF", "1", "0", "100" } } },
};

struct commands commands_of(const struct settings *settings, const struct ack_level *ack)
{
        return (struct commands){ .has_feed = settings->feed,
                                  .has_retention = settings->retention_ms > 0,
                                  .ack = ack->kind };
}

struct commands commands_of_previous(void)
{
        return (struct commands){ .is_previous = true };
}

static unsigned what_applies(const struct commands *commands)
{
        if (commands->is_previous)
                return OF_PREVIOUS;
        return (unsigned)ALWAYS | (commands->has_feed ? WITH_FEED : 0U) |
               (commands->has_feed && commands->has_retention ? WITH_RETENTION : 0U) |
               (commands->ack == ACK_REPLICA ? WITH_REPLICA : 0U) | (commands->ack == ACK_FSYNC ? WITH_FSYNC : 0U);
}

static int plan(struct redis_trial_plan *plan, const char *prefix UNUSED, const char *key, void *data, struct err *err)
{
        const struct commands *commands = data;
        char stream[KEY_SIZE];
        unsigned applies = what_applies(commands);
        int rc = 0;
        (void)snprintf(stream, sizeof(stream), "%s:feed", key); /* a key is shorter than 512 bytes */
        for (size_t i = 0; i < COUNT_OF(rows) && rc == 0; i++) {
                struct redis_trial_command command = rows[i].command;
                if (!(rows[i].when & applies))
                        continue;
                if (command.argv[1] && strcmp(command.argv[1], DOCUMENT) == 0)
                        command.argv[1] = key;
                else if (command.argv[1] && strcmp(command.argv[1], STREAM) == 0)
                        command.argv[1] = stream;
                rc = redis_trial_add(plan, &command, err);
        }
        return rc;
}

static int plan_stream(struct redis_trial_plan *plan, const char *prefix, int64_t day, unsigned partition,
                       struct err *err)
{
        char stream[FEED_STREAM_SIZE];
        (void)feed_stream(prefix, day, partition, stream);
        return redis_trial_add(
                plan,
                &(struct redis_trial_command){ .step = "read", .argv = { "XRANGE", stream, "-", "+", "COUNT", "1" } },
                err);
}

/* Lists read all partitions, and writes go to those of each master. */
static int plan_own(struct redis_trial_plan *plan, const struct redis_place *place, void *data, struct err *err)
{
        const struct commands *commands = data;
        char name[FEED_STREAM_SIZE];
        int64_t today = feed_day(clock_realtime_ms());
        int rc = 0;
        if (!(what_applies(commands) & WITH_FEED))
                return 0;
        for (unsigned i = 0; i < 2 * feed_partitions(place) && rc == 0; i++)
                rc = plan_stream(plan, place->key_prefix, today + i % 2, i / 2, err);
        (void)feed_name_key(place->key_prefix, name);
        if (rc == 0)
                rc = redis_trial_add(plan, &(struct redis_trial_command){ .step = "read", .argv = { "GET", name } },
                                     err);
        return rc;
}

struct redis_trial commands_trial(const struct commands *commands)
{
        return (struct redis_trial){
                .key = "collector:probe", .plan = plan, .plan_own = plan_own, .data = (void *)(uintptr_t)commands
        };
}
