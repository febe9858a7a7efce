/* store_delete: uses GETDEL (Redis 6.2) rather than DEL, since GETDEL refuses keys that do not hold a string; those are
 * not ours. */
#include "store_delete.h"

#include <string.h>

#include "base/attr.h"

static enum redis_made on_delete_place(struct redis_command *command, const struct redis_place *place)
{
        return store_set_key(command, place, CONTAINER_OF(command, struct store_delete, command)->key);
}

static void send_delete(struct store_delete *delete);

static void on_deleted(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct store_delete *delete = CONTAINER_OF(command, struct store_delete, command);
        struct store *store = delete->store;
        struct err why = { 0 };
        enum store_outcome outcome = STORE_DONE;
        bool is_value = reply && redis_reply_type(reply) == REDIS_STRING;
        bool is_gone = reply && redis_reply_type(reply) == REDIS_NIL &&
                       command->attempts > 1; /* our first attempt deleted it */
        if (!is_value && !is_gone)
                outcome = store_no_value(reply, err, &why);
        redis_command_fini(command);
        if (delete->is_previous)
                store_count_previous(store, outcome, &why);
        bool is_known = outcome == STORE_DONE || outcome == STORE_ABSENT;
        if (outcome == STORE_DONE)
                delete->was_there = true;
        bool is_overtaken = command->generation < store_generation_min(store, delete->is_previous);
        if (is_known && (is_overtaken || (!delete->is_previous && store->previous.redis))) {
                delete->is_previous = delete->is_previous || !is_overtaken;
                send_delete(delete);
                return;
        }
        if (is_known)
                outcome = delete->was_there ? STORE_DONE : STORE_ABSENT;
        delete->on_done(delete, outcome, &why);
}

static void send_delete(struct store_delete *delete)
{
        struct store *store = delete->store;
        redis_command_init(&delete->command, on_deleted);
        delete->command.generation_min = store_generation_min(store, delete->is_previous);
        store_send_key(delete->is_previous ? store->previous.redis : store->redis, &delete->command, "GETDEL",
                       delete->key, on_delete_place);
}

void store_delete(struct store *store, struct store_delete *delete, const char *key)
{
        delete->store = store;
        delete->is_previous = delete->was_there = false;
        memcpy(delete->key, key, UUID_TEXT_SIZE);
        send_delete(delete);
}
