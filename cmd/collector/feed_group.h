/* feed_group: one entry of the feed for all documents that are sent to Redis together. An XADD for each document would
 * double its cost for Redis.
 *
 *     struct job { struct feed_member member; ... };
 *     redis_send(redis, &job->set);
 *     job->member = (struct feed_member){ .key = job->key, .mark_ms = -1, .on_added = on_added, ... };
 *     feed_group_join(groups, redis, &job->member, 0);   // the entry follows this SET
 *     ...
 *     feed_groups_send(groups);                          // in each turn of the loop, just before redis_flush
 *
 *     static void on_added(struct feed_member *member, const struct redis_reply *reply, const struct err *err)
 *     ...
 *     feed_group_leave(&job->member);                    // when feed_member_command is not needed any more
 *
 * A group collects the documents that are sent to one client of pkg/redis, up to FEED_GROUP_MAX of them, until
 * feed_groups_send sends its XADD. All members share Redis's reply. When the XADD has to be sent again, the entry gets
 * a mark.
 *
 * A member may leave at any time, but its key may remain in the entry. Readers skip keys without a document.
 *
 * In a Cluster, SET and XADD go to different servers: a document joins when its SET has been answered. If a group is
 * about to be sent to a Cluster while SETs of its members are in progress, it releases those members (on_withdrawn),
 * and they join another group later.
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
#include "feed_expiry.h"
#include "feed_today.h"
#include "pool.h"
#include "redis/redis.h"

/* Fewer than FEED_KEYS_MAX: an entry of 62 keys or more no longer fits into 2.5 KiB, one of the sizes that Redis's
 * allocator has. Measured with Redis 7.0, bytes per document: 43 in entries of 60, 50 in entries of 62, 51 for single
 * documents. */
enum { FEED_GROUP_MAX = 60 };

/* A document. The caller provides the memory. */
struct feed_member {
        /* Set by the caller. */
        const char *key; /* borrowed */
        int64_t mark_ms; /* when the document was first sent, if it may already have an entry; -1: it has none */
        bool is_stored;  /* Redis has answered the SET */
        /* The reply to the XADD, or NULL and err. Not after feed_group_leave. The callback may free the member. */
        void (*on_added)(struct feed_member *member, const struct redis_reply *reply, const struct err *err);
        /* Called instead: the group has released the member, which must not send anything during this call. */
        void (*on_withdrawn)(struct feed_member *member);

        /* Private. */
        struct feed_group *group; /* NULL: none */
        struct list link;         /* in the group's members, until the reply arrives */
};

/* The groups of one worker. */
struct feed_groups {
        /* Set by the caller. */
        struct feed_today *today;
        struct feed_expiry *expiry;   /* is told of each added entry */
        void (*on_entry)(void *data); /* also called for each; NULL: not. Set after feed_groups_init */
        void *data;

        /* Private. */
        struct list open; /* open groups, which accept members: one for each client */
        struct pool pool;
};

void feed_groups_init(struct feed_groups *groups, struct feed_today *today, struct feed_expiry *expiry);
void feed_groups_fini(struct feed_groups *groups); /* when all clients of pkg/redis are closed */

/* The member must not be in a group. generation_min: see redis_command. ERR_NOMEM. */
int feed_group_join(struct feed_groups *groups, struct redis *redis, struct feed_member *member,
                    unsigned generation_min, struct err *err) NODISCARD;
/* True if the group has called neither on_added nor on_withdrawn. Does nothing if the member is in no group. */
bool feed_group_leave(struct feed_member *member);
/* Call this if the SET will be sent later than the XADD (redis_command.on_aside). Removes the key from the entry, which
 * may already have been added with it, hence the mark. True as for feed_group_leave: join another group when the SET is
 * answered. */
bool feed_group_fall_behind(struct feed_member *member);
/* The XADD of the member's group; NULL if it is in no group or the XADD was not written. */
struct redis_command *feed_member_command(const struct feed_member *member);

void feed_groups_send(struct feed_groups *groups);
/* True if feed_groups_send has not sent all groups. */
bool feed_groups_are_open(const struct feed_groups *groups);

#endif
