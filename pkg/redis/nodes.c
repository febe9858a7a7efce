/* nodes: the masters of a Cluster. Each is a client of its own (router and node are both a struct redis), with its
 * connection, its backoff and its held commands, so that all that is true of a single server is true of each node;
 * the router, which is the caller's client, only says which node gets a command (cluster.c). A node that owns
 * nothing any more, or whose generation is over, leaves: what it holds goes back to the router, what is in flight
 * drains, then it is closed. */
#include <stdlib.h>
#include <string.h>

#include "redis/internal.h"

static bool is_bad_news(const struct redis_event *event)
{
        return event->kind == REDIS_EVENT_DISCONNECTED || event->kind == REDIS_EVENT_CONNECT_FAILED ||
               event->kind == REDIS_EVENT_DENIED || event->kind == REDIS_EVENT_NOT_WRITABLE;
}

/* What a node tells, the router tells; and a node in trouble may have lost its slots to another. */
static void on_node_event(struct redis *client UNUSED, const struct redis_event *event, void *data)
{
        struct redis_cluster_node *node = data;
        struct redis *router = node->router;
        if (is_bad_news(event) && !node->is_leaving)
                redis_cluster_want_map(router);
        redis_emit(router, *event);
}

struct redis_cluster_node *redis_node_open(struct redis *router, struct redis_target *origin, const char *host,
                                           uint16_t port)
{
        struct redis_options options = router->options;
        struct redis_cluster_node *node = calloc(1, sizeof(*node));
        struct redis_target *target = redis_target_view(origin, host, port);
        struct err err;
        if (!node || !target)
                goto fail;
        target->is_node = true;
        node->router = router;
        options.on_event = on_node_event;
        options.data = node;
        if (redis_open(router->loop, &options, target, router->cluster->generation, &node->redis, &err) < 0)
                goto fail;
        node->host = target->host; /* lives as long as the node's client */
        node->port = port;
        node->redis->node = node;
        redis_place_set(node->redis, target, router->cluster->generation, true);
        redis_on_batch(node->redis, router->on_batch, router->on_batch_data);
        redis_on_round_trip(node->redis, router->on_round_trip, router->on_round_trip_data);
        redis_target_unref(target);
        redis_hold(router);
        node->next = router->nodes;
        router->nodes = node;
        return node;
fail:
        redis_target_unref(target);
        free(node);
        return NULL;
}

struct redis_cluster_node *redis_node_find(const struct redis *router, const char *host, uint16_t port)
{
        struct redis_cluster_node *node = router->nodes;
        while (node && (node->port != port || strcmp(node->host, host) != 0))
                node = node->next;
        return node;
}

/* --- Leaving ----------------------------------------------------------------------------------------------- */

static void add_counters(struct redis_counters *to, const struct redis_counters *from)
{
        to->commands += from->commands;
        to->batches += from->batches;
        if (from->batch_commands_max > to->batch_commands_max)
                to->batch_commands_max = from->batch_commands_max;
        to->resent += from->resent;
        to->failed += from->failed;
        to->connects += from->connects;
        to->protocol_errors += from->protocol_errors;
        to->bytes_out += from->bytes_out;
        to->bytes_in += from->bytes_in;
}

static void on_node_closed(void *data)
{
        struct redis_cluster_node *node = data;
        struct redis *router = node->router;
        free(node);
        redis_release(router);
}

/* The caller has taken it out of its list, or closes the router. */
static void close_node(struct redis_cluster_node *node)
{
        redis_close(node->redis, on_node_closed, node);
        add_counters(&node->router->counters, &node->redis->counters);
}

void redis_node_leave(struct redis_cluster_node *node, bool is_switch)
{
        struct redis *router = node->router;
        struct redis_cluster_node **at = &router->nodes;
        while (*at != node)
                at = &(*at)->next;
        *at = node->next;
        node->next = router->leaving;
        router->leaving = node;
        node->is_leaving = true;
        node->is_switch = is_switch;
        node->drain_deadline_ms = redis_now_ms(router) + router->options.stall_ms;
        redis_wake(router);
}

static bool is_drained(struct redis_cluster_node *node)
{
        struct redis *client = node->redis, *router = node->router;
        if (client->active && redis_now_ms(router) >= node->drain_deadline_ms)
                redis_queue_rescue(client, client->active);
        redis_queue_take_held(client, router);
        return client->in_flight_count == 0 && client->held_count == 0;
}

void redis_nodes_reap(struct redis *router)
{
        struct redis_cluster_node **at = &router->leaving;
        while (*at) {
                struct redis_cluster_node *node = *at;
                struct redis_event event = { .kind = REDIS_EVENT_DRAINED,
                                             .address = node->redis->target->address,
                                             .generation = node->redis->generation };
                if (!is_drained(node) || node->redis->depth > 0) {
                        at = &node->next;
                        continue;
                }
                *at = node->next;
                if (node->is_switch)
                        redis_emit(router, event);
                if (router->is_closing) {
                        node->next = NULL;
                        close_node(node);
                        return;
                }
                close_node(node);
        }
}

void redis_nodes_close(struct redis *router)
{
        for (struct redis_cluster_node *node = router->nodes; node; node = node->next)
                close_node(node);
        for (struct redis_cluster_node *node = router->leaving; node; node = node->next)
                close_node(node);
        router->nodes = router->leaving = NULL;
}

/* --- All together ------------------------------------------------------------------------------------------ */

struct redis_counters redis_nodes_counters(const struct redis *router)
{
        struct redis_counters sum = router->counters;
        for (const struct redis_cluster_node *node = router->nodes; node; node = node->next)
                add_counters(&sum, &node->redis->counters);
        for (const struct redis_cluster_node *node = router->leaving; node; node = node->next)
                add_counters(&sum, &node->redis->counters);
        return sum;
}

size_t redis_nodes_held(const struct redis *router)
{
        size_t sum = 0;
        for (const struct redis_cluster_node *node = router->nodes; node; node = node->next)
                sum += node->redis->held_count;
        for (const struct redis_cluster_node *node = router->leaving; node; node = node->next)
                sum += node->redis->held_count;
        return sum;
}

size_t redis_nodes_in_flight(const struct redis *router)
{
        size_t sum = 0;
        for (const struct redis_cluster_node *node = router->nodes; node; node = node->next)
                sum += node->redis->in_flight_count;
        for (const struct redis_cluster_node *node = router->leaving; node; node = node->next)
                sum += node->redis->in_flight_count;
        return sum;
}

void redis_nodes_observe(const struct redis *router)
{
        for (const struct redis_cluster_node *node = router->nodes; node; node = node->next) {
                redis_on_batch(node->redis, router->on_batch, router->on_batch_data);
                redis_on_round_trip(node->redis, router->on_round_trip, router->on_round_trip_data);
        }
}
