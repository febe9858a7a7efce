/* store: documents in Redis. Knows keys, commands and the feed; nothing of HTTP.
 *
 *     struct post { struct store_write write; ... };
 *     post->write.on_done = on_stored;
 *     store_write(store, &post->write, STORE_NEW, "0193...", document, length);
 *
 *     static void on_stored(struct store_write *write, enum store_outcome outcome, const struct err *err)
 *
 * A document is a string key `<prefix><uuid>`. It is never replaced: a key of our own making is set, so that
 * the same SET again does no harm; a key of the sender's is set only where there is none (NX). STORE_DONE means
 * that Redis has answered both the SET and, where the feed is on, the XADD. An entry of the feed always comes
 * after its document, but for one case: a SET that Redis put off while it took the XADD behind it. Then the
 * entry is added once more, so a listing may show that document twice and never misses it. In a Cluster, where the
 * two go to different servers, the XADD is sent when the SET is answered.
 *
 * What waits while the binding changes is made anew for the Redis that it goes to (redis_command.on_place): its keys
 * begin with the prefix of that one, and an XADD beside its SET is withdrawn for a Cluster. So what STORE_DONE tells is
 * in one Redis, under one prefix, entry and document.
 *
 * It is also the newest Redis in which any worker has acknowledged a document (swap.h).
 *
 * With lanes (`--ack=replica` and `--ack=fsync`, lanes.h) STORE_DONE and STORE_EXISTS come when the document is safe, too.
 * Where the connection is lost before that, both commands are sent again, the XADD with a mark. A key that was there
 * already has not been written on this connection; a key of our own, `<prefix>collector:ack`, is then written before
 * the WAIT, which so speaks for all that this server has written before.
 *
 * Each operation is memory of the caller's, and its on_done comes exactly once, in the same loop, never from
 * within the call that started it.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_H
#define COLLECTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"
#include "feed.h"
#include "lanes.h"
#include "redis/redis.h"
#include "search.h"
#include "swap.h"
#include "trim.h"
#include "turns.h"

/* The Redis that was bound before (`--previous-binding`): asked where a key is not found. */
struct store_previous {
        struct redis *redis; /* borrowed; NULL: none */
        unsigned
                generation; /* of the target that it was told last: where it is on its way to, what it misses is not final */
        struct metric *found, *absent, *failed;
};

struct store {
        struct redis *redis; /* borrowed */
        struct lanes *lanes; /* borrowed; where documents are written. NULL: `redis` */
        struct store_previous previous;
        struct swap *swap;    /* borrowed */
        int64_t retention_ms; /* 0: kept */
        int64_t hold_ms;
        bool feed;
        int64_t day;                   /* of `stream`; -1: none */
        unsigned place;                /* of `stream`           */
        char stream[FEED_STREAM_SIZE]; /* today's               */
        int64_t expiry_sent_ms;        /* when the streams' EXPIREAT was last sent, monotonic */
        int64_t expiring_day;          /* whose stream was given an end, in the target ... */
        unsigned expiring_generation;  /* ... of this generation                           */
        struct turns turns;            /* of what reads far into the feed */
        struct trim trim;
};

enum store_outcome {
        STORE_DONE,
        STORE_EXISTS,      /* STORE_NEW: the key is there; store_write.in_doubt tells if it may be by us */
        STORE_ABSENT,      /* no document under this key                                                  */
        STORE_UNAVAILABLE, /* Redis was away for too long, or too much waits for it; err says which       */
        STORE_FULL,        /* Redis refuses for lack of memory                                            */
        STORE_REFUSED,     /* Redis refuses for another reason: rights, disk, a key of another type       */
        STORE_MOVED,       /* store_announce, reader: the binding has changed meanwhile; begin again      */
        STORE_UNSAFE,      /* stored; not yet, or not known to be, as safe as --ack asks                  */
        STORE_UNLISTED,    /* stored; not, or not known to be, in the feed: err says why                  */
};

enum { STORE_SET_ROOM = 768, STORE_ADD_ROOM = 192 };

enum store_mode { STORE_OWN_KEY, STORE_NEW };

struct store_write {
        void (*on_done)(struct store_write *write, enum store_outcome outcome, const struct err *err);
        bool in_doubt;  /* STORE_EXISTS after the SET was sent more than once */
        bool is_unsafe; /* STORE_EXISTS, but Redis refuses what --ack needs to know it safe: err says why */

        /* Private. */
        struct store *store;
        struct redis *redis; /* the client that it goes through */
        struct lane *lane;   /* whose that is; NULL without lanes */
        struct lane_ticket ticket;
        struct redis_command set, add;
        char set_room[STORE_SET_ROOM], add_room[STORE_ADD_ROOM]; /* what is longer is allocated */
        char key[UUID_TEXT_SIZE];
        int64_t mark_ms;  /* when it was first sent, for the XADD of one that is written again; -1 */
        int64_t added_ms; /* when an XADD was first sent that was withdrawn since; -1              */
        bool is_new;      /* STORE_NEW, for one that may have to be written again */
        bool is_set;      /* the SET was answered, and has stored it */
        bool is_fenced;   /* where the key was there: `add` has written on the SET's connection */
        unsigned waiting; /* replies to come */
        enum store_outcome outcome;
        struct err err;
};

struct store_read {
        /* `document` is borrowed during the call, NULL unless STORE_DONE. */
        void (*on_done)(struct store_read *read, enum store_outcome outcome, const char *document, size_t length,
                        const struct err *err);
        bool is_previous; /* it was found, or looked for last, in the previous Redis */

        /* Private. */
        struct store *store;
        struct redis *redis;
        struct redis_command get; /* made_for: the place that it was answered in */
        char key[UUID_TEXT_SIZE];
};

struct store_delete {
        void (*on_done)(struct store_delete *delete, enum store_outcome outcome, const struct err *err);
        bool was_there; /* it is deleted; after a failure: from the Redis in use, but not from the previous one */

        /* Private. */
        struct store *store;
        struct redis_command command;
        char key[UUID_TEXT_SIZE];
        bool is_previous;
};

struct store_announce {
        void (*on_done)(struct store_announce *announce, enum store_outcome outcome, const struct err *err);

        /* Private. */
        struct store *store;
        struct search search;
        struct redis_command add;
        unsigned generation; /* of the target that the document was found in */
        bool is_moved;
        char key[UUID_TEXT_SIZE];
        int64_t from_ms;
        bool is_found;
};

/* `lanes` may be NULL. */
void store_init(struct store *store, struct redis *redis, struct lanes *lanes, struct swap *swap, int64_t retention_ms,
                int64_t hold_ms, bool feed);

/* `key` is a UUID of 36 characters; key and document are copied. */
void store_write(struct store *store, struct store_write *write, enum store_mode mode, const char *key,
                 const char *document, size_t length);
/* True: nothing was sent yet and nothing will be; on_done does not come. */
bool store_write_cancel(struct store_write *write);

/* Looks in the previous Redis, too, where there is one. What that cannot tell is not absent: STORE_UNAVAILABLE. */
void store_read(struct store *store, struct store_read *read, const char *key);
/* What a store_write has found: asks the Redis that it has asked. */
void store_read_found(struct store *store, struct store_read *read, struct redis *redis, const char *key);
/* Looks there alone. */
void store_read_previous(struct store *store, struct store_read *read, const char *key);
/* What it has found is in a former Redis, and does not count (swap.h). */
bool store_read_is_overtaken(const struct store_read *read);
/* From both. */
void store_delete(struct store *store, struct store_delete *delete, const char *key);

/* Makes sure that a document which `found` has just read is in the feed of the Redis that it was read from, as after a
 * collector that died between the SET and the XADD: looks for it around `stored_ms` (Unix) and among the latest entries.
 * Where it is not found it is added today, with a mark: the search has a bound, and what is beyond it is better shown
 * twice than missed. `found` may be in the same memory as `announce`. */
void store_announce(struct store *store, struct store_announce *announce, const struct store_read *found,
                    int64_t stored_ms);

/* An entry's id is at most this much later than the day of its stream ends, by our clock. */
static inline int64_t store_reach_ms(const struct store *store)
{
        return 2 * store->hold_ms + FEED_CLOCK_SKEW_MS;
}

/* Call it about once a minute: the streams of yesterday and today get an end, later than their last document's. */
void store_expire_feed(struct store *store);

/* The outcome of an error reply or of a command that failed. `err` gets a text without secrets. */
enum store_outcome store_failure(const struct redis_reply *reply, const struct err *failure, struct err *err);

#endif
