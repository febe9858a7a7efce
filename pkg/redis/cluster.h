/* cluster: chooses the Cluster node for a command, and keeps the slot map.
 *
 * Threads: loop only. */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "redis/nodes.h"
#include "redis/slots.h"

/* The known state of the Cluster in use. */
struct redis_cluster_map {
        struct redis_target *target; /* provides the login for the nodes */
        unsigned epoch, generation;  /* of the target                    */
        struct redis_slots *slots;   /* as last received                 */
        struct redis_cluster_node *owner[REDIS_SLOTS];
        size_t covered;                 /* slots with an owner                                          */
        bool is_wanted;                 /* a new map has been requested                                 */
        int64_t mapped_ms, interval_ms; /* when the last map arrived, and how long to wait before the next */
};

struct redis_cluster {
        struct client *home; /* fetches maps, and holds commands that no node takes */
        struct redis_nodes nodes;
        struct redis_cluster_map *map; /* NULL: a single server, or none yet */
        size_t seed_next;              /* the node to ask for the next map   */
};

void redis_cluster_init(struct redis_cluster *cluster, struct client *home);
void redis_cluster_fini(struct redis_cluster *cluster);

/* The first functions serve the ops of `home` (client.h). */
struct redis_target *redis_cluster_seed(struct redis_cluster *cluster);
bool redis_cluster_wants_connection(const struct redis_cluster *cluster);
bool redis_cluster_takes(struct redis_cluster *cluster, struct conn *conn);
void redis_cluster_flush(struct redis_cluster *cluster);

/* The other functions need a map. */
struct client *redis_cluster_client_for(struct redis_cluster *cluster, struct redis_command *command);
bool redis_cluster_is_ready(const struct redis_cluster *cluster);
int64_t redis_cluster_away_ms(const struct redis_cluster *cluster);
size_t redis_cluster_masters(const struct redis_cluster *cluster); /* that own slots */
/* A node with a connection, or `home`. */
struct client *redis_cluster_any(const struct redis_cluster *cluster);

#endif
