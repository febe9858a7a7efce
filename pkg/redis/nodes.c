/* nodes: each node has its own client with its own connection, backoff and held commands, so it behaves like a single
 * server. A node that owns no slots any more, or whose target was replaced, leaves: its held commands go back to
 * `home`, its commands in flight drain, and then it is closed. */
#include "redis/nodes.h"

#include <stdlib.h>
#include <string.h>

#include "redis/resend.h"
#include "redis/target_private.h"

struct redis_cluster_node *redis_node_open(struct redis_nodes *nodes, struct redis_target *origin, unsigned generation,
                                           const char *host, uint16_t port)
{
        struct client *home = nodes->home;
        struct redis_cluster_node *node = calloc(1, sizeof(*node));
        struct redis_target *target = redis_target_view(origin, host, port);
        struct err err;
        if (!node || !target)
                goto fail;
        target->is_node = true;
        node->all = nodes;
        node->host = target->host;
        node->port = port;
        node->number = ++home->server.numbers->nodes;
        if (redis_client_open(home->server.loop, &home->server.options, target, generation, nodes->ops, node,
                              &node->client, &err) < 0)
                goto fail;
        node->client->server.numbers = home->server.numbers;
        node->client->server.observers = home->server.observers;
        redis_target_unref(target);
        redis_hold(&home->server.life);
        node->next = nodes->list;
        nodes->list = node;
        return node;
fail:
        redis_target_unref(target);
        free(node);
        return NULL;
}

struct redis_cluster_node *redis_node_find(const struct redis_nodes *nodes, const char *host, uint16_t port)
{
        struct redis_cluster_node *node = nodes->list;
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
        struct redis_life *life = &node->all->home->server.life;
        free(node);
        redis_release(life);
}

/* The caller has removed it from its list, or closes all nodes. */
static void close_node(struct redis_cluster_node *node)
{
        redis_client_close(node->client, on_node_closed, node);
        const struct redis_counters last = redis_client_counters(node->client);
        add_counters(&node->all->former, &last);
}

void redis_node_leave(struct redis_cluster_node *node, bool is_switch)
{
        struct redis_nodes *nodes = node->all;
        struct redis_cluster_node **at = &nodes->list;
        while (*at != node)
                at = &(*at)->next;
        *at = node->next;
        node->next = nodes->leaving;
        nodes->leaving = node;
        node->is_leaving = true;
        node->is_switch = is_switch;
        node->drain_deadline_ms = redis_now_ms(&nodes->home->server) + nodes->home->server.options.stall_ms;
        redis_client_wake(nodes->home);
}

static bool is_drained(struct redis_cluster_node *node)
{
        struct client *client = node->client;
        struct server *home = &node->all->home->server;
        if (client->active && redis_now_ms(home) >= node->drain_deadline_ms)
                redis_resend_lost(&client->active->flow.flight, &client->server.queue);
        redis_queue_take_held(&client->server.queue, &home->queue);
        return client->server.queue.in_flight_count == 0 && client->server.queue.held_count == 0;
}

void redis_nodes_reap(struct redis_nodes *nodes)
{
        struct client *home = nodes->home;
        struct redis_cluster_node **at = &nodes->leaving;
        while (*at) {
                struct redis_cluster_node *node = *at;
                struct redis_event event = { .kind = REDIS_EVENT_DRAINED,
                                             .address = node->client->target->address,
                                             .generation = node->client->generation };
                if (!is_drained(node) || node->client->server.life.depth > 0) {
                        at = &node->next;
                        continue;
                }
                *at = node->next;
                if (node->is_switch)
                        redis_connections_emit(home, event);
                bool is_closing =
                        home->server.life.is_closing; /* the event may have closed it together with the lists */
                close_node(node);
                if (is_closing)
                        return;
        }
}

void redis_nodes_close(struct redis_nodes *nodes)
{
        for (struct redis_cluster_node *node = nodes->list; node; node = node->next)
                close_node(node);
        for (struct redis_cluster_node *node = nodes->leaving; node; node = node->next)
                close_node(node);
        nodes->list = nodes->leaving = NULL;
}

/* --- All nodes ------------------------------------------------------------------------------------------ */

static struct redis_cluster_node *first_of(const struct redis_nodes *nodes)
{
        return nodes->list ? nodes->list : nodes->leaving;
}

/* Goes through both lists. */
static struct redis_cluster_node *next_of(const struct redis_cluster_node *node)
{
        return node->next || node->is_leaving ? node->next : node->all->leaving;
}

void redis_nodes_add_counters(const struct redis_nodes *nodes, struct redis_counters *to)
{
        add_counters(to, &nodes->former);
        for (const struct redis_cluster_node *node = first_of(nodes); node; node = next_of(node)) {
                const struct redis_counters now = redis_client_counters(node->client);
                add_counters(to, &now);
        }
}

size_t redis_nodes_count(const struct redis_nodes *nodes)
{
        size_t count = 0;
        for (const struct redis_cluster_node *node = nodes->list; node; node = node->next)
                count++;
        return count;
}

size_t redis_nodes_held(const struct redis_nodes *nodes)
{
        size_t sum = 0;
        for (const struct redis_cluster_node *node = first_of(nodes); node; node = next_of(node))
                sum += node->client->server.queue.held_count;
        return sum;
}

size_t redis_nodes_in_flight(const struct redis_nodes *nodes)
{
        size_t sum = 0;
        for (const struct redis_cluster_node *node = first_of(nodes); node; node = next_of(node))
                sum += node->client->server.queue.in_flight_count;
        return sum;
}

void redis_nodes_observe(const struct redis_nodes *nodes)
{
        for (struct redis_cluster_node *node = nodes->list; node; node = node->next)
                node->client->server.observers = nodes->home->server.observers;
}
