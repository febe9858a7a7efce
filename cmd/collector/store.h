/* store: documents in one Redis: the names of their keys, and what a failure means. It knows nothing of HTTP. Each
 * operation has a header: store_write.h, store_read.h, store_delete.h, store_announce.h; feed_reader.h reads the feed.
 *
 * A document is a Redis string with the key `<prefix><uuid>`.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_STORE_H
#define COLLECTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ack_pool.h"
#include "base/err.h"
#include "base/uuid.h"
#include "feed.h"
#include "feed_again.h"
#include "feed_group.h"
#include "feed_name.h"
#include "feed_stream_expiry.h"
#include "feed_today.h"
#include "feed_trim.h"
#include "feed_turns.h"
#include "redis/redis.h"
#include "swap.h"

/* The previously bound Redis (`--previous-binding`), which is asked for keys that the current Redis lacks. */
struct store_previous {
        struct redis *redis; /* borrowed; NULL: none */
        unsigned generation; /* of the latest target; until the client has reached it, a miss is not final */
        struct metric *found, *absent, *failed;
};

struct store {
        struct redis *redis;       /* borrowed */
        struct ack_pool *ack_pool; /* borrowed; writes documents. NULL: `redis` writes them */
        struct store_previous previous;
        struct swap *swap;    /* borrowed */
        int64_t retention_ms; /* 0: kept */
        int64_t hold_ms;
        bool feed;
        struct feed_today today; /* the stream that gets the entries */
        struct feed_expiry expiry;
        struct feed_highest *highest; /* borrowed; NULL: none; also in `groups` */
        struct feed_groups groups;    /* entries that are being assembled */
        struct feed_name name;        /* of the current feed, once a listing has been read */
        struct feed_turns turns;      /* for reads far into the feed */
        size_t feed_count;            /* entries that the last read of the feed should have requested; 0: none yet */
        struct feed_trim trim;
};

enum store_outcome {
        STORE_DONE,
        STORE_EXISTS,      /* STORE_NEW: the key exists                                                  */
        STORE_ABSENT,      /* no document under this key                                                 */
        STORE_UNAVAILABLE, /* Redis was unreachable for too long, or too many commands wait: see err     */
        STORE_FULL,        /* Redis refuses because it is out of memory                                  */
        STORE_REFUSED,     /* Redis refuses for another reason: permissions, disk, a key of another type */
        STORE_MOVED,       /* store_announce, reader: the binding has changed; start again               */
        STORE_UNKNOWN,     /* Redis may have stored it but never replied; err says why                   */
        STORE_UNSAFE,      /* stored, but perhaps not as safely as --ack requires                         */
        STORE_UNLISTED,    /* stored, but perhaps not in the feed; err says why                          */
        STORE_FOREIGN,     /* reader: the cursor is from another feed                                    */
};

/* `ack_pool` may be NULL. The store must not move. */
void store_init(struct store *store, struct redis *redis, struct ack_pool *ack_pool, struct swap *swap,
                int64_t retention_ms, int64_t hold_ms, bool feed);

void store_fini(struct store *store); /* when the clients of pkg/redis are closed */

/* The oldest generation of the current Redis, or of the previous one, in which a miss is final (swap.h). */
unsigned store_generation_min(const struct store *store, bool is_previous);

/* By our clock, an entry's id is at most this much later than the end of its stream's day. */
static inline int64_t store_reach_ms(const struct store *store)
{
        return 2 * store->hold_ms + FEED_CLOCK_SKEW_MS;
}

/* Maps an error reply or, if there is no reply, a failed command to an outcome. `err` gets a message without
 * secrets. */
enum store_outcome store_failure(const struct redis_reply *reply, const struct err *failure, struct err *err);
/* The same for a reply that is not the document: returns STORE_ABSENT, or why the document could not be read. */
enum store_outcome store_no_value(const struct redis_reply *reply, const struct err *failure, struct err *err);
/* Counts a reply of the previous Redis; the text of a failure then names that Redis. */
void store_count_previous(struct store *store, enum store_outcome outcome, struct err *err);

/* --- Names ---------------------------------------------------------------------------------------------- */

enum { STORE_KEY_SIZE = FEED_PREFIX_MAX + UUID_TEXT_SIZE };

/* Writes the key of a document in that place, without a NUL. Returns its length. */
size_t store_key(const struct redis_place *place, const char *key, char out[STORE_KEY_SIZE]);
/* The redis_command.on_place of commands whose key is a document's key. */
enum redis_made store_set_key(struct redis_command *command, const struct redis_place *place, const char *key);

/* --- Sending -------------------------------------------------------------------------------------------- */

/* Sends a command that consists of a verb and a document's key. The on_reply of redis_command_init gets the reply, or a
 * failure if memory has run out. */
void store_send_key(struct redis *redis, struct redis_command *command, const char *verb, const char *key,
                    enum redis_made (*on_place)(struct redis_command *command, const struct redis_place *place));
/* Fails a command that could not be formatted. The failure is reported at the end of the turn, as if the command had
 * been sent. */
void store_fail_later(struct redis *redis, struct redis_command *command);

#endif
