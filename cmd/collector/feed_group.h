/* feed_group: one entry of the feed for all documents that are sent to Redis together. An XADD for each document would
 * double its cost for Redis.
 *
 *     struct job { struct feed_member member; ... };
 *     redis_send(redis, &job->set);
 *     job->member = (struct feed_member){
 *             .key = job->key, .set = &job->set, .mark_ms = -1, .on_added = on_added, ...
 *     };
 *     if (feed_groups_can_follow(groups, redis, &job->set))
 *             feed_group_join(groups, redis, &job->member);  // the entry follows this SET
 *     ...
 *     feed_groups_send(groups);                          // in each turn of the loop, just before redis_flush
 *
 *     static void on_added(struct feed_member *member, const struct redis_reply *reply, const struct err *err)
 *     ...
 *     feed_group_leave(&job->member);                    // when feed_member_command is not needed any more
 *
 * A group collects the documents that are sent to one client of pkg/redis, in a Cluster to one of its masters, up to
 * FEED_GROUP_MAX of them, until feed_groups_send sends its XADD. All members share Redis's reply. When the XADD has to
 * be sent again, the entry gets a mark.
 *
 * An entry that readers would miss is added again before its members get the reply (feed_again.h).
 *
 * A member may leave at any time, but its key may remain in the entry. Readers skip keys without a document.
 *
 * In a Cluster the XADD is for a stream on the master that gets the SETs (feed_today.h). If that is not possible, the
 * document joins when its SET has been answered, and the entry goes to any master. If a group is about to be sent
 * elsewhere while SETs of its members are in progress, it releases those members (on_withdrawn), and they join another
 * group later. When all replies have arrived, feed_member_is_ahead says whether Redis may have added the entry before
 * the document.
 *
 * A SET that pkg/redis defers does not delay other documents: its document leaves the entry and joins a later one.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_GROUP_H
#define COLLECTOR_FEED_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/list.h"
#include "feed_again.h"
#include "feed_stream_expiry.h"
#include "feed_today.h"
#include "pool.h"
#include "redis/redis.h"

/* Fewer than FEED_KEYS_MAX: an entry of 62 keys or more no longer fits into 2.5 KiB, one of the sizes that Redis's
 * allocator has. Measured with Redis 7.0, bytes per document: 43 in entries of 60, 50 in entries of 62, 51 for single
 * documents. */
enum { FEED_GROUP_MAX = 60 };

/* One document. The caller provides the memory. */
struct feed_member {
        /* Set by the caller. */
        const char *key; /* borrowed */
        int64_t mark_ms; /* when the document was first sent, if it may already have an entry; -1: it has none */
        struct redis_command *set; /* the document's SET, on the group's client; borrowed */
        /* Called with the reply to the XADD, or with NULL and err; not after feed_group_leave. May free the member. */
        void (*on_added)(struct feed_member *member, const struct redis_reply *reply, const struct err *err);
        /* Called instead if the group has released the member, which must not send anything during this call. */
        void (*on_withdrawn)(struct feed_member *member);

        /* Private. */
        bool is_stored;           /* Redis has answered the SET */
        unsigned set_connection;  /* on which the SET was first lost, perhaps executed; 0: it is not repeated ... */
        uint64_t set_order;       /* ... and redis_command.order of that write */
        uint64_t order_then;      /* redis_command.order of the XADD at that time; 0: not written yet */
        struct feed_group *group; /* NULL: none */
        struct list link;         /* in the group's members, until the reply arrives */
};

/* The groups of one worker. */
struct feed_groups {
        /* Set by the caller. */
        struct feed_today *today;
        struct feed_expiry *expiry; /* notified of each added entry */
        /* May be NULL, like on_entry. Set after feed_groups_init. */
        struct feed_highest *highest; /* readers may be past lower ids */
        void (*on_entry)(void *data); /* also called for each entry    */
        void *data;

        /* Private. */
        struct list open; /* open groups, which accept members: one for each client and master */
        struct pool pool;
};

void feed_groups_init(struct feed_groups *groups, struct feed_today *today, struct feed_expiry *expiry);
void feed_groups_fini(struct feed_groups *groups); /* when all clients of pkg/redis are closed */

/* True if an entry can follow this SET in the same write. Otherwise join when the SET has been answered. */
bool feed_groups_can_follow(const struct feed_groups *groups, const struct redis *redis, struct redis_command *set);
/* The member must not be in a group. ERR_NOMEM. */
int feed_group_join(struct feed_groups *groups, struct redis *redis, struct feed_member *member,
                    struct err *err) NODISCARD;
/* Call this before the SET is repeated (redis_command.on_resend). */
void feed_member_repeated(struct feed_member *member);
/* Call this when Redis has executed the SET. */
void feed_member_stored(struct feed_member *member);
/* True if the group has called neither on_added nor on_withdrawn. Does nothing if the member is in no group. */
bool feed_group_leave(struct feed_member *member);
/* Call this if the SET will be sent later than the XADD (redis_command.on_aside). Removes the key from the entry. If
 * the entry may already have been added with this key, the member gets a mark. The result is that of feed_group_leave:
 * if it is true, join another group when the SET has been answered. */
bool feed_group_fall_behind(struct feed_member *member);
/* The XADD of the member's group; NULL if it is in no group or the XADD was not written. */
struct redis_command *feed_member_command(const struct feed_member *member);

/* Call this when SET and XADD have been answered. True if Redis has executed the XADD first, or may have done so. A
 * reader may then have found a key without a document, so the member has to join again. */
bool feed_member_is_ahead(const struct feed_member *member);

void feed_groups_send(struct feed_groups *groups);
/* True if feed_groups_send has not sent all groups. */
bool feed_groups_are_open(const struct feed_groups *groups);

#endif
