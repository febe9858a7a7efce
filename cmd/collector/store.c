/* store: what all operations on documents share. */
#include "store.h"

#include <string.h>

#include "metrics/metrics.h"

enum { REASON_MAX = 120 };

/* Redis's reply to a value that is longer than proto-max-bulk-len; Redis then closes the connection. */
#define TOO_LARGE "ERR Protocol error"

void store_init(struct store *store, struct redis *redis, struct ack_pool *ack_pool, struct swap *swap,
                int64_t retention_ms, int64_t hold_ms, bool feed)
{
        *store = (struct store){ .redis = redis,
                                 .ack_pool = ack_pool,
                                 .swap = swap,
                                 .retention_ms = retention_ms,
                                 .hold_ms = hold_ms,
                                 .feed = feed,
                                 .today.day = -1 };
        store->expiry = (struct feed_expiry){
                .redis = redis, .retention_ms = retention_ms, .reach_ms = store_reach_ms(store), .ending_day = -1
        };
        feed_groups_init(&store->groups, &store->today, &store->expiry);
        store->trim.redis = redis;
        store->trim.age_ms = store_reach_ms(store);
}

void store_fini(struct store *store)
{
        feed_groups_fini(&store->groups);
}

unsigned store_generation_min(const struct store *store, bool is_previous)
{
        return is_previous ? store->previous.generation : swap_newest(store->swap);
}

/* --- Failures ------------------------------------------------------------------------------------------- */

enum store_outcome store_failure(const struct redis_reply *reply, const struct err *failure, struct err *err)
{
        if (!reply) {
                *err = *failure;
                return failure->code == ERR_LIMIT ? STORE_FULL : STORE_UNAVAILABLE; /* too large for Redis */
        }
        size_t length;
        const char *text = redis_reply_text(reply, &length);
        (void)err_set(err, ERR_UNAVAILABLE, "Redis refused: %.*s", REASON_MAX, text ? text : "no reason given");
        if (redis_reply_is_error(reply, "OOM") || (text && strncmp(text, TOO_LARGE, sizeof(TOO_LARGE) - 1) == 0)) {
                err->code = ERR_LIMIT;
                return STORE_FULL;
        }
        return STORE_REFUSED;
}

enum store_outcome store_no_value(const struct redis_reply *reply, const struct err *failure, struct err *err)
{
        if (reply && redis_reply_type(reply) != REDIS_ERROR)
                return STORE_ABSENT;
        /* Other programs may share this Redis, so a key that does not hold a string is not a document. */
        if (reply && redis_reply_is_error(reply, "WRONGTYPE"))
                return STORE_ABSENT;
        return store_failure(reply, failure, err);
}

void store_count_previous(struct store *store, enum store_outcome outcome, struct err *err)
{
        if (outcome == STORE_DONE) {
                metric_add(store->previous.found, 1);
        } else if (outcome == STORE_ABSENT) {
                metric_add(store->previous.absent, 1);
        } else {
                metric_add(store->previous.failed, 1);
                (void)err_wrap(err, "the previous Redis"); /* the caller returns it */
        }
}

/* --- Names ---------------------------------------------------------------------------------------------- */

size_t store_key(const struct redis_place *place, const char *key, char out[STORE_KEY_SIZE])
{
        size_t length = strnlen(place->key_prefix, FEED_PREFIX_MAX);
        memcpy(out, place->key_prefix, length);
        memcpy(out + length, key, UUID_TEXT_LENGTH);
        return length + UUID_TEXT_LENGTH;
}

enum redis_made store_set_key(struct redis_command *command, const struct redis_place *place, const char *key)
{
        char name[STORE_KEY_SIZE];
        size_t length = store_key(place, key, name);
        return redis_command_set_key(command, name, length) < 0 ? REDIS_NOT_MADE : REDIS_MADE;
}

/* --- Sending -------------------------------------------------------------------------------------------- */

void store_fail_later(struct redis *redis, struct redis_command *command)
{
        command->must_not_hold = true;
        redis_send(redis, command); /* the next flush fails a command that has no bytes */
}

void store_send_key(struct redis *redis, struct redis_command *command, const char *verb, const char *key,
                    enum redis_made (*on_place)(struct redis_command *command, const struct redis_place *place))
{
        char name[STORE_KEY_SIZE];
        const struct redis_place *place = redis_place(redis);
        const char *argv[] = { verb, name };
        size_t lengths[] = { strlen(verb), store_key(place, key, name) };
        command->on_place = on_place;
        command->made_for = place->number;
        if (redis_command_args(command, 2, argv, lengths, NULL) < 0)
                store_fail_later(redis, command);
        else
                redis_send(redis, command);
}
