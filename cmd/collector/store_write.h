/* store_write: a document goes into Redis, and its entry into the feed.
 *
 *     struct job { struct store_write write; ... };
 *     job->write.on_done = on_stored;
 *     store_write(store, &job->write, STORE_NEW, "0193...", document, length);
 *
 *     static void on_stored(struct store_write *write, enum store_outcome outcome, const struct err *err)
 *
 * A document is never replaced. A key that we made is simply set, so that the same SET again does no harm; a key of the
 * sender's is set only if there is none (NX). STORE_DONE means that Redis has answered the SET and, if the feed is on,
 * the XADD. An entry of the feed comes after its document, with one exception: Redis may postpone the SET and take
 * the XADD behind it. Then the entry is added once more, so a list may show that document twice and never misses it.
 * In a Cluster, where the two go to different servers, the XADD is sent when the SET has been answered.
 *
 * A write that waits while the binding changes is rebuilt for the Redis that it goes to (redis_command.on_place): with
 * the key prefix of that one, and for a Cluster without the XADD beside the SET. So document and entry are in one
 * Redis, under one prefix, when the outcome is STORE_DONE.
 *
 * That Redis is also the newest one in which any worker has acknowledged a document (swap.h).
 *
 * With an ack_pool (`--ack=replica` and `--ack=fsync`) STORE_DONE and STORE_EXISTS come when the document is safe, too.
 * If the connection is lost before that, both commands are sent again, the XADD with a mark. An existing key was not
 * written on this connection, so a WAIT would not speak for it: a key of our own, `<prefix>collector:ack`, is written
 * before the WAIT, which then speaks for all that this server has written before.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_WRITE_H
#define COLLECTOR_STORE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ack_pool.h"
#include "base/err.h"
#include "base/uuid.h"
#include "redis/redis.h"
#include "store.h"

enum { STORE_SET_ROOM = 768, STORE_ADD_ROOM = 192 };

enum store_mode {
        STORE_OWN_KEY, /* a key that we made                     */
        STORE_NEW,     /* the sender's: only if there is none (NX) */
};

struct store_write {
        void (*on_done)(struct store_write *write, enum store_outcome outcome, const struct err *err);
        bool in_doubt;  /* STORE_EXISTS after the SET was sent more than once */
        bool is_unsafe; /* STORE_EXISTS, but Redis refuses to tell whether it is as safe as --ack asks: see err */

        /* Private. */
        struct store *store;
        struct redis *redis;           /* where the commands are sent */
        struct ack_client *ack_client; /* the ack client that owns `redis`; NULL without ack_pool */
        struct ack_ticket ticket;
        struct redis_command set, add;
        char set_room[STORE_SET_ROOM], add_room[STORE_ADD_ROOM]; /* longer commands are allocated */
        char key[UUID_TEXT_SIZE];
        int64_t mark_ms;  /* written again: when it was first sent, for the mark of the XADD; else -1 */
        int64_t added_ms; /* an XADD was withdrawn: when that was first sent; else -1                 */
        bool is_new;      /* STORE_NEW; kept since it may have to be written again */
        bool is_set;      /* Redis has answered the SET and stored the document */
        bool is_fenced;   /* the key existed, and `add` has since written `collector:ack` */
        unsigned waiting; /* replies to come */
        enum store_outcome outcome;
        struct err err;
};

/* `key` is a UUID of 36 characters; key and document are copied. on_done comes exactly once, in the same loop, never from
 * inside this call. */
void store_write(struct store *store, struct store_write *write, enum store_mode mode, const char *key,
                 const char *document, size_t length);
/* True: nothing has been sent and nothing will be; on_done does not come. */
bool store_write_cancel(struct store_write *write);

#endif
