/* target, inside the package: the fields of a target, and views of it.
 *
 * Threads: any. */
#ifndef REDIS_TARGET_PRIVATE_H
#define REDIS_TARGET_PRIVATE_H

#include "base/attr.h"
#include "base/snapshot.h"
#include "redis/slots.h"
#include "redis/target.h"

struct redis_tls;

struct redis_sentinel_node {
        char *host, *address; /* the address is for logs */
        uint16_t port;
};

/* The struct has as many members as redis_target_options, for the same reason. */
struct redis_target {
        struct snapshot snapshot;
        /* Set in a view: a server at another address with the same login. Only host and address are the view's own. */
        struct redis_target *origin;
        char *host; /* NULL with a socket path */
        uint16_t port;
        char *socket_path;
        char *username;
        struct secret password, password_secondary;
        unsigned database;
        char *client_name;
        char *key_prefix;
        char *address;         /* for logs         */
        struct redis_tls *tls; /* NULL: plain text */

        char *sentinel_master; /* NULL: no Sentinel; otherwise host and socket_path are NULL */
        struct redis_sentinel_node *sentinels;
        size_t sentinel_count;
        char *sentinel_username;
        struct secret sentinel_password;
        const char *named_by; /* of a view: the Sentinel that named this server */
        bool is_sentinel;     /* of a view: this is a Sentinel                  */

        bool cluster; /* the server must be part of a Cluster */
        struct redis_slots_node *cluster_nodes;
        size_t cluster_node_count;
        bool is_nowhere;
        bool is_node; /* of a view: a master of a Cluster whose map is known */
};

/* Returns 0, or ERR_UNAVAILABLE if the address is not known yet. */
int redis_target_known(const struct redis_target *target, struct err *err);
/* Creates a view, which is a target for another server with the same user, secrets, database and TLS. The view holds a
 * reference to the original target, and not to `target` if `target` is itself a view. NULL: out of memory. */
struct redis_target *redis_target_view(struct redis_target *target, const char *host, uint16_t port);
/* The target that the caller passed, of which this may be a view. */
static inline struct redis_target *redis_target_origin(struct redis_target *target)
{
        return target->origin ? target->origin : target;
}
/* A view for a connection to one of the target's Sentinels. NULL: out of memory. */
struct redis_target *redis_target_sentinel(struct redis_target *target, size_t index);

#endif
