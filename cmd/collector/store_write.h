/* store_write: stores a document in Redis and adds its entry to the feed.
 *
 *     struct job { struct store_write write; ... };
 *     job->write.on_done = on_stored;
 *     store_write(store, &job->write, STORE_NEW, "0193...", document, length);
 *
 *     static void on_stored(struct store_write *write, enum store_outcome outcome, const struct err *err)
 *
 * A document is never replaced. A key that we made is set unconditionally, so repeating the SET is harmless; a sender's
 * key is set only if it does not exist (NX). STORE_DONE means that Redis has answered the SET and, if the feed is
 * enabled, the XADD of the entry that names its key, among the keys of other documents (feed_group.h). A feed entry is
 * added after its documents, with one exception: Redis may postpone a SET and execute the XADD first. Then the document
 * joins another entry, so a listing may show it twice but never misses it. The same happens in a Cluster if SET and
 * XADD went to different masters because a slot had moved.
 *
 * If the binding changes while a write waits, the write is rebuilt for the new Redis (redis_command.on_place), with its
 * key prefix. So after STORE_DONE, document and entry are in the same Redis, under the same prefix.
 *
 * That Redis is also the newest one in which any worker has acknowledged a document (swap.h).
 *
 * With an ack_pool (`--ack=replica` and `--ack=fsync`) STORE_DONE and STORE_EXISTS are reported only once the document
 * is safe. If the connection is lost before that, the SET is sent again, and the document joins an entry with a mark.
 * An existing key was not written on this connection, so a WAIT would not cover it. Therefore our own key,
 * `<prefix>collector:ack`, is written before the WAIT, which then covers everything that this server wrote earlier.
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
#include "feed_group.h"
#include "redis/redis.h"
#include "store.h"

enum { STORE_SET_ROOM = 768 };

enum store_mode {
        STORE_OWN_KEY, /* a key that we made                             */
        STORE_NEW,     /* a sender's key: only if it does not exist (NX) */
};

struct store_write {
        void (*on_done)(struct store_write *write, enum store_outcome outcome, const struct err *err);
        bool in_doubt;  /* STORE_EXISTS after the SET was sent more than once */
        bool is_unsafe; /* STORE_EXISTS, but Redis refuses to say whether it is as safe as --ack requires: see err */

        /* Private. */
        struct store *store;
        struct redis *redis;           /* where the commands are sent */
        struct ack_client *ack_client; /* the ack client that owns `redis`; NULL without ack_pool */
        struct ack_ticket ticket;
        struct redis_command set, fence;
        char set_room[STORE_SET_ROOM]; /* a longer command is allocated */
        struct feed_member member;
        char key[UUID_TEXT_SIZE];
        int64_t mark_ms;  /* when it was first sent, if it is written again; otherwise -1 */
        bool is_new;      /* STORE_NEW; kept since it may have to be written again */
        bool is_fenced;   /* the key existed, and `fence` has since written `collector:ack` */
        unsigned waiting; /* replies to come */
        enum store_outcome outcome;
        struct err err;
};

/* `key` is a UUID of 36 characters; key and document are copied. on_done is called exactly once, on the same loop,
 * never during this call. */
void store_write(struct store *store, struct store_write *write, enum store_mode mode, const char *key,
                 const char *document, size_t length);
/* True: nothing has been sent or will be sent, and on_done is not called. */
bool store_write_cancel(struct store_write *write);

#endif
