/* feed_stream_expiry: the expiry time is only ever moved to a later time, since another Collector may keep documents
 * for longer: NX sets the first time, GT a later one. Redis 6.2 has neither option, so there the time is set
 * unconditionally. After a failure, the next attempt follows a minute later. */
#include "feed_stream_expiry.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "feed.h"
#include "feed_name.h"

enum { RENEW_EVERY_MS = 60 * 1000 };

struct end {
        struct redis_command command;
        const struct feed_expiry *expiry;
        char key[FEED_STREAM_SIZE];
        int64_t end_ms;
        const char *condition; /* NX, GT; NULL: none */
        bool is_alone;         /* this condition cannot be combined with another */
};

static void send_end(const struct end *wanted);

static void on_end_set(struct redis_command *command, const struct redis_reply *reply, UNUSED const struct err *err)
{
        struct end *end = CONTAINER_OF(command, struct end, command);
        bool is_old_redis = reply && redis_reply_is_error(reply, "ERR") && end->condition;
        if (is_old_redis && (end->is_alone || strcmp(end->condition, "NX") == 0)) {
                end->condition = NULL;
                send_end(end);
        }
        redis_command_fini(command);
        free(end);
}

static int64_t end_of_day_ms(const struct feed_expiry *expiry, int64_t day)
{
        return feed_day_start_ms(day + 1) + expiry->retention_ms + expiry->reach_ms;
}

/* Another Redis gets separate commands. */
static enum redis_made on_place(UNUSED struct redis_command *command, UNUSED const struct redis_place *place)
{
        return REDIS_NOT_MADE;
}

static void send_end(const struct end *wanted)
{
        char when[24];
        struct redis *redis = wanted->expiry->redis;
        const char *condition = wanted->condition;
        struct end *end = malloc(sizeof(*end));
        if (!end)
                return; /* retried in a minute */
        *end = *wanted;
        const char *argv[] = { "EXPIREAT", end->key, when, condition };
        size_t lengths[] = { 8, strlen(end->key),
                             (size_t)snprintf(when, sizeof(when), "%" PRId64, end->end_ms / 1000 + 1),
                             condition ? strlen(condition) : 0 };
        redis_command_init(&end->command, on_end_set);
        end->command.must_not_hold = true;
        end->command.on_place = on_place;
        end->command.made_for = redis_place(redis)->number;
        if (redis_command_args(&end->command, condition ? 4 : 3, argv, lengths, NULL) < 0)
                free(end);
        else
                redis_send(redis, &end->command);
}

/* Until a moment ago, entries may have been added to the previous day's stream. */
static void send_ends_of_partition(const struct feed_expiry *expiry, int64_t last_day, unsigned partition)
{
        struct end end = { .expiry = expiry };
        for (int64_t day = last_day - 1; day <= last_day; day++) {
                (void)feed_stream(redis_place(expiry->redis)->key_prefix, day, partition, end.key);
                end.end_ms = end_of_day_ms(expiry, day);
                end.condition = "NX";
                send_end(&end);
                end.condition = "GT";
                send_end(&end);
        }
}

/* The name lives as long as the last stream; a name without an expiry time belongs to a Collector that keeps its
 * documents. */
static void send_end_of_name(const struct feed_expiry *expiry, int64_t last_day)
{
        struct end end = {
                .expiry = expiry, .end_ms = end_of_day_ms(expiry, last_day), .condition = "GT", .is_alone = true
        };
        (void)feed_name_key(redis_place(expiry->redis)->key_prefix, end.key);
        send_end(&end);
}

int64_t feed_expiry_of_name_ms(const struct feed_expiry *expiry)
{
        return expiry->retention_ms > 0 ? FEED_DAY_MS + expiry->retention_ms + expiry->reach_ms : 0;
}

void feed_expiry_note(struct feed_expiry *expiry, int64_t day, unsigned partition)
{
        unsigned generation = redis_generation(expiry->redis);
        if (expiry->retention_ms == 0 || day < 0)
                return;
        if (expiry->ending_day != day || expiry->ending_generation != generation) {
                expiry->ending_day = day;
                expiry->ending_generation = generation;
                expiry->ending_partitions = 0;
                expiry->sent_ms = clock_monotonic_ms();
                send_end_of_name(expiry, day);
        }
        if (expiry->ending_partitions & 1U << partition)
                return;
        expiry->ending_partitions |= 1U << partition;
        send_ends_of_partition(expiry, day, partition);
}

void feed_expiry_renew(struct feed_expiry *expiry, int64_t day)
{
        unsigned partitions = feed_partitions(redis_place(expiry->redis));
        int64_t now_ms = clock_monotonic_ms();
        if (expiry->retention_ms == 0 || day < 0)
                return;
        if (expiry->sent_ms && now_ms - expiry->sent_ms < RENEW_EVERY_MS)
                return;
        expiry->sent_ms = now_ms;
        for (unsigned partition = 0; partition < partitions; partition++)
                send_ends_of_partition(expiry, day, partition);
        send_end_of_name(expiry, day);
}
