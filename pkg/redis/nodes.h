/* nodes: the masters of a Cluster, each with its own client.
 *
 * Threads: loop only. */
#ifndef REDIS_NODES_H
#define REDIS_NODES_H

#include "redis/client.h"

struct redis_nodes;

struct redis_cluster_node {
        struct redis_nodes *all;
        struct client *client;
        const char *host; /* lives as long as the client */
        uint16_t port;
        unsigned number;    /* among all that the client has had, from 1 */
        size_t slots;       /* number of slots that it owns            */
        int64_t used_ms;    /* when a command was last redirected to it; 0: never */
        unsigned trial_tag; /* makes a key that is in one of its slots */
        bool is_leaving;
        bool is_switch; /* leaves because its target is no longer in use */
        int64_t drain_deadline_ms;
        struct redis_cluster_node *next;
};

struct redis_nodes {
        struct client *home;                /* holds commands that no node takes, and gets the commands of leaving
                                             * nodes */
        const struct client_ops *ops;       /* for each node's client; the owner is the node                      */
        void *owner;                        /* the owner of these nodes */
        struct redis_cluster_node *list;    /* in use                                                             */
        struct redis_cluster_node *leaving; /* they drain                                                         */
        struct redis_counters former;       /* of closed nodes                                                    */
};

struct redis_cluster_node *redis_node_open(struct redis_nodes *nodes, struct redis_target *origin, unsigned generation,
                                           const char *host, uint16_t port); /* NULL: out of memory */
struct redis_cluster_node *redis_node_find(const struct redis_nodes *nodes, const char *host, uint16_t port);
void redis_node_leave(struct redis_cluster_node *node, bool is_switch);
void redis_nodes_reap(struct redis_nodes *nodes);  /* closes nodes that have left and are drained */
void redis_nodes_close(struct redis_nodes *nodes); /* when `home` closes                          */

size_t redis_nodes_count(const struct redis_nodes *nodes); /* not counting nodes that are leaving */
size_t redis_nodes_held(const struct redis_nodes *nodes);
size_t redis_nodes_in_flight(const struct redis_nodes *nodes);
void redis_nodes_add_counters(const struct redis_nodes *nodes, struct redis_counters *to);
void redis_nodes_observe(const struct redis_nodes *nodes); /* the observers of `home` have changed */

#endif
