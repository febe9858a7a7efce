/* feed_read: if the binding changes, waiting commands are not sent to the new Redis: the entries of one Redis say
 * nothing about the documents in another. */
#include "feed_read.h"

#include <string.h>

#include "base/attr.h"

void feed_read_init(struct feed_read *read, struct store *store)
{
        const struct redis_place *place = redis_place(store->redis);
        *read = (struct feed_read){ .store = store,
                                    .asks_most = place->is_cluster ? FEED_ASKS_CLUSTER : FEED_ASKS_MAX,
                                    .partitions = feed_partitions(place),
                                    .place = place->number,
                                    .generation = place->generation };
}

void feed_read_step(struct feed_read *read)
{
        read->waiting = 1;
        read->ask_count = 0;
}

struct feed_ask *feed_read_ask(struct feed_read *read, size_t first, size_t count, void *step)
{
        struct feed_ask *ask = &read->asks[read->ask_count++];
        *ask = (struct feed_ask){ .read = read, .step = step, .first = first, .count = count };
        return ask;
}

static enum redis_made on_place(struct redis_command *command, UNUSED const struct redis_place *place)
{
        feed_ask_of(command)->read->is_moved = true;
        return REDIS_NOT_MADE;
}

bool feed_read_send(struct feed_read *read, struct feed_ask *ask, redis_reply_fn *on_reply, size_t argc,
                    const char *const argv[])
{
        size_t lengths[FEED_WORDS_MAX];
        for (size_t i = 0; i < argc; i++)
                lengths[i] = strlen(argv[i]);
        redis_command_init(&ask->command, on_reply);
        ask->command.on_place = on_place;
        ask->command.made_for = read->place;
        ask->command.generation_min = swap_newest(read->store->swap);
        if (redis_command_args(&ask->command, argc, argv, lengths, NULL) < 0) {
                feed_read_fail_memory(read);
                return false;
        }
        read->waiting++;
        redis_send(read->store->redis, &ask->command);
        return true;
}

bool feed_read_is_answered(struct feed_read *read)
{
        return --read->waiting == 0;
}

void feed_read_fail(struct feed_read *read, enum store_outcome outcome, const struct err *err)
{
        if (read->outcome != STORE_DONE)
                return;
        read->outcome = outcome;
        read->err = *err;
}

void feed_read_fail_memory(struct feed_read *read)
{
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        feed_read_fail(read, STORE_UNAVAILABLE, &err);
}

bool feed_read_check(struct feed_read *read, const struct redis_reply *reply, const struct err *err)
{
        if (reply && redis_reply_type(reply) != REDIS_ERROR)
                return true;
        struct err why;
        enum store_outcome outcome = store_failure(reply, err, &why);
        feed_read_fail(read, outcome, &why);
        return false;
}
