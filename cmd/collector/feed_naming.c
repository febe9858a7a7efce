/* feed_naming: sends SET with NX, and GET if a name exists: several processes may try to set a name at once, and the
 * first one wins. Redis 6.2 cannot combine NX and GET in one SET. */
#include "feed_naming.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void answered(struct feed_naming *naming)
{
        if (feed_read_is_answered(naming->read))
                naming->on_known(naming);
}

static void keep(struct feed_naming *naming, const struct redis_command *command, const char *text)
{
        struct feed_name *name = &naming->read->store->name;
        memcpy(name->text, text, FEED_NAME_SIZE);
        name->generation = naming->read->generation = command->generation;
}

static void keep_found(struct feed_naming *naming, const struct redis_command *command, const struct redis_reply *reply)
{
        struct err err;
        size_t length = 0;
        const char *text = redis_reply_type(reply) == REDIS_STRING ? redis_reply_text(reply, &length) : NULL;
        if (text && feed_name_is_sound(text, length)) {
                keep(naming, command, text);
        } else if (!text && naming->outcome != STORE_DONE) {
                feed_read_fail(naming->read, naming->outcome, &naming->refusal);
        } else {
                (void)err_set(&err, ERR_UNAVAILABLE,
                              text ? "the key collector:feed:id holds something else"
                                   : "Redis did not store the feed's name, the key collector:feed:id");
                feed_read_fail(naming->read, STORE_REFUSED, &err);
        }
}

static void on_get(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_naming *naming = feed_ask_of(command)->step;
        if (feed_read_check(naming->read, reply, err))
                keep_found(naming, command, reply);
        redis_command_fini(command);
        answered(naming);
}

static void send_get(struct feed_naming *naming)
{
        struct feed_read *read = naming->read;
        char key[FEED_STREAM_SIZE];
        (void)feed_name_key(redis_place(read->store->redis)->key_prefix, key);
        (void)feed_read_send(read, feed_read_ask(read, 1, 0, naming), on_get, 2, (const char *[]){ "GET", key });
}

static void on_set(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct feed_naming *naming = feed_ask_of(command)->step;
        bool is_refused = reply && redis_reply_type(reply) == REDIS_ERROR;
        if (is_refused) /* a Redis that accepts no writes may still have a name */
                naming->outcome = store_failure(reply, NULL, &naming->refusal);
        if (is_refused || (reply && redis_reply_type(reply) == REDIS_NIL))
                send_get(naming);
        else if (feed_read_check(naming->read, reply, err))
                keep(naming, command, naming->offered);
        redis_command_fini(command);
        answered(naming);
}

void feed_naming_start(struct feed_naming *naming)
{
        struct feed_read *read = naming->read;
        char key[FEED_STREAM_SIZE];
        char lives[24];
        uint64_t number = 0;
        naming->outcome = STORE_DONE;
        feed_read_step(read);
        (void)feed_name_key(redis_place(read->store->redis)->key_prefix, key);
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                abort(); /* getrandom(2) returns 8 bytes at once or fails, and then two feeds could share a name */
        (void)snprintf(naming->offered, sizeof(naming->offered), "%016" PRIx64, number);
        int64_t lives_ms = feed_expiry_of_name_ms(&read->store->expiry);
        (void)snprintf(lives, sizeof(lives), "%" PRId64, lives_ms);
        (void)feed_read_send(read, feed_read_ask(read, 0, 0, naming), on_set, lives_ms > 0 ? 6 : 4,
                             (const char *[]){ "SET", key, naming->offered, "NX", "PX", lives });
        answered(naming);
}
