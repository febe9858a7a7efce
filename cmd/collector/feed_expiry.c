/* feed_expiry: the expiry time is only ever moved to a later time, since another Collector may keep documents for
 * longer: NX sets the first one, GT a later one. Redis 6.2 has neither, so there it is set unconditionally. After a
 * failure, the next attempt follows a minute later. */
#include "feed_expiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "feed.h"

enum { RENEW_EVERY_MS = 60 * 1000 };

struct end {
        struct redis_command command;
        const struct feed_expiry *expiry;
        int64_t day;
        const char *condition; /* NX, GT; NULL: none */
};

static void send_end(const struct feed_expiry *expiry, int64_t day, const char *condition);

static void on_end_set(struct redis_command *command, const struct redis_reply *reply, UNUSED const struct err *err)
{
        struct end *end = CONTAINER_OF(command, struct end, command);
        if (reply && redis_reply_is_error(reply, "ERR") && end->condition && strcmp(end->condition, "NX") == 0)
                send_end(end->expiry, end->day, NULL);
        redis_command_fini(command);
        free(end);
}

/* Another Redis gets separate commands. */
static enum redis_made on_place(UNUSED struct redis_command *command, UNUSED const struct redis_place *place)
{
        return REDIS_NOT_MADE;
}

static void send_end(const struct feed_expiry *expiry, int64_t day, const char *condition)
{
        char stream[FEED_STREAM_SIZE];
        char when[24];
        struct end *end = calloc(1, sizeof(*end));
        if (!end)
                return; /* again in a minute */
        *end = (struct end){ .expiry = expiry, .day = day, .condition = condition };
        const struct redis_place *place = redis_place(expiry->redis);
        (void)feed_stream(place->key_prefix, day, stream);
        int64_t end_ms = feed_day_start_ms(day + 1) + expiry->retention_ms + expiry->reach_ms;
        const char *argv[] = { "EXPIREAT", stream, when, condition };
        size_t lengths[] = { 8, strlen(stream), (size_t)snprintf(when, sizeof(when), "%" PRId64, end_ms / 1000 + 1),
                             condition ? strlen(condition) : 0 };
        redis_command_init(&end->command, on_end_set);
        end->command.must_not_hold = true;
        end->command.on_place = on_place;
        end->command.made_for = place->number;
        if (redis_command_args(&end->command, condition ? 4 : 3, argv, lengths, NULL) < 0)
                free(end);
        else
                redis_send(expiry->redis, &end->command);
}

/* Until a moment ago, entries may have gone to the previous day's stream. */
static void send_ends(struct feed_expiry *expiry, int64_t last_day)
{
        expiry->sent_ms = clock_monotonic_ms();
        for (int64_t day = last_day; day > last_day - 2; day--) {
                send_end(expiry, day, "NX");
                send_end(expiry, day, "GT");
        }
}

void feed_expiry_note(struct feed_expiry *expiry, int64_t day)
{
        unsigned generation = redis_generation(expiry->redis);
        if (expiry->retention_ms == 0 || day < 0 ||
            (expiry->ending_day == day && expiry->ending_generation == generation))
                return;
        expiry->ending_day = day;
        expiry->ending_generation = generation;
        send_ends(expiry, day);
}

void feed_expiry_renew(struct feed_expiry *expiry, int64_t day)
{
        if (expiry->retention_ms == 0 || day < 0)
                return;
        if (!expiry->sent_ms || clock_monotonic_ms() - expiry->sent_ms >= RENEW_EVERY_MS)
                send_ends(expiry, day);
}
