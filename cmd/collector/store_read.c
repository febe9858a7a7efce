/* store_read: sends GET, and repeats it in the previous Redis if the key is missing. */
#include "store_read.h"

#include <string.h>

#include "base/attr.h"

static void send_get(struct store *store, struct store_read *read, struct redis *redis);

static void on_get(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_read *read = CONTAINER_OF(command, struct store_read, get);
        struct err why = { 0 };
        enum store_outcome outcome = STORE_DONE;
        const char *document = NULL;
        size_t length = 0;
        if (reply && redis_reply_type(reply) == REDIS_STRING)
                document = redis_reply_text(reply, &length);
        else
                outcome = store_no_value(reply, err, &why);
        redis_command_fini(command);
        if (outcome == STORE_ABSENT && command->generation < store_generation_min(read->store, read->is_previous)) {
                send_get(read->store, read, read->redis);
                return;
        }
        if (read->is_previous) {
                store_count_previous(read->store, outcome, &why);
        } else if (outcome == STORE_ABSENT && read->store->previous.redis) {
                store_read_previous(read->store, read, read->key);
                return;
        }
        read->on_done(read, outcome, document, length, &why);
}

static enum redis_made on_get_place(struct redis_command *command, const struct redis_place *place)
{
        return store_set_key(command, place, CONTAINER_OF(command, struct store_read, get)->key);
}

static void send_get(struct store *store, struct store_read *read, struct redis *redis)
{
        read->store = store;
        read->redis = redis;
        redis_command_init(&read->get, on_get);
        read->get.generation_min = store_generation_min(store, read->is_previous);
        store_send_key(redis, &read->get, "GET", read->key, on_get_place);
}

void store_read(struct store *store, struct store_read *read, const char *key)
{
        store_read_found(store, read, store->redis, key);
}

void store_read_found(struct store *store, struct store_read *read, struct redis *redis, const char *key)
{
        read->is_previous = false;
        memmove(read->key, key, UUID_TEXT_SIZE);
        send_get(store, read, redis);
}

void store_read_previous(struct store *store, struct store_read *read, const char *key)
{
        read->is_previous = true;
        memmove(read->key, key, UUID_TEXT_SIZE);
        send_get(store, read, store->previous.redis);
}

bool store_read_is_overtaken(const struct store_read *read)
{
        return !read->is_previous && swap_is_behind(read->store->swap, read->get.generation);
}
