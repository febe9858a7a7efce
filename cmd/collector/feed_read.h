/* feed_read: the state of reading the feed and its documents from one Redis: the commands in flight, the first failure,
 * and whether the binding has changed in the meantime. The steps of a feed_reader share it.
 *
 *     feed_read_step(read);
 *     for (...)
 *             if (!feed_read_send(read, feed_read_ask(read, i, 1, self), on_reply, 2, argv))
 *                     break;
 *     step_answered(self);                          // once here, and once at the end of each on_reply:
 *
 *     if (!feed_read_is_answered(read))             // ... more replies are expected
 *             return;
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_READ_H
#define COLLECTOR_FEED_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "redis/redis.h"
#include "store.h"

enum {
        FEED_ASKS_MAX = 64, /* commands in flight at once; in a Cluster FEED_PARTITIONS for each day: 16 days */
        FEED_ASKS_CLUSTER = 16 * FEED_PARTITIONS,
        FEED_WORDS_MAX = 33, /* in one command */
};

/* A command in flight. */
struct feed_ask {
        struct redis_command command;
        struct feed_read *read;
        void *step;          /* the step that sent it, for its callback */
        size_t first, count; /* which entries, or which day, it concerns */
};

struct feed_read {
        struct store *store;
        struct feed_ask *asks; /* `asks_most` of them, owned by the reader */
        size_t asks_most;
        unsigned partitions;        /* of a day: feed_partitions of that place */
        size_t ask_count;           /* of the current step */
        size_t waiting;             /* outstanding replies, plus 1 while the step is still sending */
        unsigned place;             /* the place where reading began (redis_place) */
        unsigned generation;        /* of the target that contains the entries */
        bool is_moved;              /* another place is in use, so its documents do not belong to the entries */
        enum store_outcome outcome; /* the first failure; STORE_DONE: none */
        struct err err;
};

void feed_read_init(struct feed_read *read, struct store *store);

void feed_read_step(struct feed_read *read);
struct feed_ask *feed_read_ask(struct feed_read *read, size_t first, size_t count, void *step);
/* Sends a command whose arguments are strings. False: out of memory, which is recorded. */
bool feed_read_send(struct feed_read *read, struct feed_ask *ask, redis_reply_fn *on_reply, size_t argc,
                    const char *const argv[]);
/* True when nothing is in flight any more. Call this once after sending, and once for each reply. */
bool feed_read_is_answered(struct feed_read *read);

/* Records a failure. Only the first is kept. */
void feed_read_fail(struct feed_read *read, enum store_outcome outcome, const struct err *err);
void feed_read_fail_memory(struct feed_read *read);
/* True for a valid reply; otherwise the failure is recorded. */
bool feed_read_check(struct feed_read *read, const struct redis_reply *reply, const struct err *err);

static inline struct feed_ask *feed_ask_of(struct redis_command *command)
{
        return CONTAINER_OF(command, struct feed_ask, command);
}

#endif
