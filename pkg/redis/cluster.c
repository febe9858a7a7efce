/* cluster: routes commands to nodes. `home`, a client like the ones for the nodes, fetches the map: its connections
 * send CLUSTER SLOTS in the handshake and are then closed. These connections go to any node that still answers, so the
 * same steps recognise a Cluster, enter it and refresh its map. MOVED corrects one slot at once and requests a new map.
 * Maps are fetched one at a time, at intervals that double while a new map is wanted (from twice backoff_min_ms to
 * backoff_max_ms). A redirected command keeps its deadline, and so its position in the order. */
#include "redis/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis/target_private.h"

enum {
        NODE_KEPT_MS = 10000, /* how long a node without slots is kept after a redirection, because it will soon
                               * own some */
        NODES_AHEAD_MAX = 64, /* nodes not in the map yet; redirections to further nodes wait for the next map */
        REDIRECTS_MAX = 16,
        TAGS_TRIED = 64,
};

/* --- Requesting a map ------------------------------------------------------------------------------------ */

static void want_map(struct redis_cluster *cluster)
{
        struct redis_cluster_map *map = cluster->map;
        const struct server *home = &cluster->home->server;
        if (!map || map->is_wanted || home->life.is_closing)
                return;
        int64_t since_ms = redis_now_ms(home) - map->mapped_ms;
        int64_t wait_ms = map->interval_ms - since_ms;
        map->is_wanted = true;
        if (since_ms > 4 * map->interval_ms)
                map->interval_ms = home->options.backoff_min_ms;
        map->interval_ms *= 2;
        if (map->interval_ms > home->options.backoff_max_ms)
                map->interval_ms = home->options.backoff_max_ms;
        redis_connections_retry_after(cluster->home, wait_ms > 0 ? wait_ms : 1);
}

bool redis_cluster_wants_connection(const struct redis_cluster *cluster)
{
        return cluster->map->is_wanted || cluster->map->epoch != cluster->home->server.epoch;
}

static size_t count_usable(const struct redis_cluster *cluster)
{
        size_t count = 0;
        for (const struct redis_cluster_node *node = cluster->nodes.list; node; node = node->next)
                count += redis_connections_are_usable(node->client);
        return count;
}

static struct redis_target *usable_node(const struct redis_cluster *cluster, size_t index)
{
        for (const struct redis_cluster_node *node = cluster->nodes.list; node; node = node->next)
                if (redis_connections_are_usable(node->client) && index-- == 0)
                        return redis_target_view(cluster->map->target, node->host, node->port);
        return NULL;
}

static struct redis_target *configured_node(struct redis_target *target, size_t index)
{
        if (target->cluster_node_count == 0)
                return redis_target_ref(target);
        const struct redis_slots_node *node = &target->cluster_nodes[index % target->cluster_node_count];
        return redis_target_view(target, node->host, node->port);
}

/* Asks working nodes in turn; after a failure, all known nodes, including replicas and the target's nodes. */
struct redis_target *redis_cluster_seed(struct redis_cluster *cluster)
{
        const struct redis_cluster_map *map = cluster->map;
        struct redis_target *target = cluster->home->target;
        size_t turn = cluster->seed_next++;
        if (!map || map->epoch != cluster->home->server.epoch)
                return configured_node(target, turn);
        size_t usable = cluster->home->server.health.failures == 0 ? count_usable(cluster) : 0;
        if (usable > 0)
                return usable_node(cluster, turn % usable);
        size_t configured = target->cluster_node_count ? target->cluster_node_count : 1;
        size_t index = turn % (map->slots->node_count + configured);
        if (index >= map->slots->node_count)
                return configured_node(target, index - map->slots->node_count);
        const struct redis_slots_node *node = &map->slots->nodes[index];
        return redis_target_view(map->target, node->host, node->port);
}

/* --- Routes ------------------------------------------------------------------------------------------------ */

/* A command without a key may go to any node. NULL: no node serves it now. */
static struct redis_cluster_node *owner_of(const struct redis_cluster *cluster, struct redis_command *command)
{
        struct redis_cluster_node *node = cluster->nodes.list;
        int slot = redis_command_slot(command);
        if (slot >= 0)
                return cluster->map->owner[slot];
        while (node && !redis_connections_are_usable(node->client))
                node = node->next;
        return node ? node : cluster->nodes.list;
}

struct client *redis_cluster_client_for(struct redis_cluster *cluster, struct redis_command *command)
{
        struct queue *queue = &cluster->home->server.queue;
        /* Returned commands are sent first. A command for another place is adapted before its key is examined. */
        if (redis_queue_is_misplaced(queue, command))
                queue->has_returned = true;
        struct redis_cluster_node *node = queue->has_returned ? NULL : owner_of(cluster, command);
        return node ? node->client : cluster->home;
}

static void dispatch(struct redis_cluster *cluster)
{
        struct queue *queue = &cluster->home->server.queue;
        queue->has_returned = false;
        for (struct list *at = queue->held.next, *next; at != &queue->held; at = next) {
                struct redis_command *command = redis_link_command(at);
                next = at->next;
                if (redis_queue_is_misplaced(queue, command) && !redis_queue_remake(queue, command))
                        continue;
                struct redis_cluster_node *node = owner_of(cluster, command);
                if (node)
                        redis_queue_move(queue, &node->client->server.queue, command);
        }
}

void redis_cluster_flush(struct redis_cluster *cluster)
{
        const struct redis_life *life = &cluster->home->server.life;
        redis_nodes_reap(&cluster->nodes);
        if (!cluster->map || life->is_closing)
                return;
        if (cluster->home->server.queue.has_returned)
                dispatch(cluster);
        for (struct redis_cluster_node *node = cluster->nodes.list; node && !life->is_closing; node = node->next) {
                const struct queue *queue = &node->client->server.queue;
                if (!list_is_empty(&queue->held) || !list_is_empty(&queue->failed))
                        redis_client_flush(node->client);
        }
}

/* --- Maps -------------------------------------------------------------------------------------------------- */

static void set_owner(struct redis_cluster_map *map, size_t slot, struct redis_cluster_node *node)
{
        struct redis_cluster_node *old = map->owner[slot];
        if (old)
                old->slots--;
        if (node)
                node->slots++;
        map->covered += (node != NULL) - (size_t)(old != NULL);
        map->owner[slot] = node;
}

static struct redis_cluster_node *find_or_open(struct redis_cluster *cluster, const char *host, uint16_t port)
{
        const struct redis_cluster_map *map = cluster->map;
        struct redis_cluster_node *node = redis_node_find(&cluster->nodes, host, port);
        return node ? node : redis_node_open(&cluster->nodes, map->target, map->generation, host, port);
}

/* Takes back the commands that all nodes hold, so that they are routed again (those that followed an ASK redirection
 * get a new one), and leaves nodes that own no slots. */
static void leave_unneeded(struct redis_cluster *cluster)
{
        struct server *home = &cluster->home->server;
        int64_t now_ms = redis_now_ms(home);
        for (struct redis_cluster_node *node = cluster->nodes.list, *next; node; node = next) {
                next = node->next;
                redis_queue_take_held(&node->client->server.queue, &home->queue);
                if (node->slots == 0 && (node->used_ms == 0 || now_ms - node->used_ms > NODE_KEPT_MS))
                        redis_node_leave(node, false);
        }
}

static void use_map(struct redis_cluster *cluster, struct redis_slots *slots)
{
        struct redis_cluster_map *map = cluster->map;
        struct redis_cluster_node *nodes[REDIS_NODES_MAX + 1] = { NULL };
        for (size_t slot = 0; slot < REDIS_SLOTS; slot++) {
                size_t index = slots->owner[slot];
                if (index > 0 && !nodes[index])
                        nodes[index] =
                                find_or_open(cluster, slots->nodes[index - 1].host, slots->nodes[index - 1].port);
                set_owner(map, slot, nodes[index]);
        }
        redis_slots_free(map->slots);
        map->slots = slots;
        map->is_wanted = false;
        map->mapped_ms = redis_now_ms(&cluster->home->server);
        leave_unneeded(cluster);
        cluster->home->server.queue.has_returned = true;
}

/* False if some slot has no node or a node has failed, since the map may be about to change. */
static bool is_sound(const struct redis_cluster *cluster)
{
        bool sound = cluster->map->covered == REDIS_SLOTS;
        for (const struct redis_cluster_node *node = cluster->nodes.list; node && sound; node = node->next)
                sound = node->slots == 0 || node->client->server.health.failures == 0;
        return sound;
}

static void report_gap(struct redis_cluster *cluster)
{
        const struct redis_cluster_map *map = cluster->map;
        struct redis_health *health = &cluster->home->server.health;
        if (health->away_since_ms == 0)
                health->away_since_ms = redis_now_ms(&cluster->home->server);
        (void)err_set(&health->last_error, ERR_UNAVAILABLE, "the Cluster serves %zu of %d slots", map->covered,
                      REDIS_SLOTS); /* kept as the last error */
        redis_connections_emit(cluster->home, (struct redis_event){ .kind = REDIS_EVENT_NOT_WRITABLE,
                                                                    .address = map->target->address,
                                                                    .err = &health->last_error,
                                                                    .retry_ms = map->interval_ms,
                                                                    .generation = map->generation });
}

static void after_map(struct redis_cluster *cluster)
{
        if (cluster->map->covered == REDIS_SLOTS)
                cluster->home->server.health.away_since_ms = 0;
        else
                report_gap(cluster);
        if (!is_sound(cluster))
                want_map(cluster);
}

/* --- Entering and leaving a Cluster ------------------------------------------------------------------------ */

static void free_map(struct redis_cluster_map *map)
{
        if (!map)
                return;
        redis_target_unref(map->target);
        redis_slots_free(map->slots);
        free(map);
}

/* Leaves the Cluster: its nodes drain, and the commands that they hold are sent to the next target. */
static void leave(struct redis_cluster *cluster)
{
        while (cluster->nodes.list)
                redis_node_leave(cluster->nodes.list, true);
        free_map(cluster->map);
        cluster->map = NULL;
        cluster->home->server.queue.is_pool = false;
        redis_nodes_reap(&cluster->nodes);
}

static bool enter(struct redis_cluster *cluster, struct conn *conn)
{
        struct server *home = &cluster->home->server;
        struct redis_cluster_map *map = calloc(1, sizeof(*map));
        if (!map)
                return false;
        if (cluster->map)
                leave(cluster);
        map->epoch = conn->epoch;
        map->generation = conn->generation;
        map->interval_ms = home->options.backoff_min_ms * 2;
        map->target = redis_target_ref(redis_target_origin(conn->target));
        cluster->map = map;
        home->queue.is_pool = true;
        redis_queue_set_place(&home->queue, map->target, map->generation, true);
        return true;
}

/* Handles a server that is not part of a Cluster. True: other nodes in use are part of a Cluster, so this server must
 * have left it. */
static bool is_astray(struct redis_cluster *cluster, struct conn *conn)
{
        const struct redis_cluster_map *map = cluster->map;
        if (map && map->epoch == conn->epoch && count_usable(cluster) > 0) {
                struct err err;
                (void)err_set(&err, ERR_UNAVAILABLE, "%s: not part of a Cluster", conn->target->address);
                conn->server->events->failed(conn, FAILURE_UNKNOWN, &err); /* passed on */
                return true;
        }
        if (map)
                leave(cluster);
        return false;
}

bool redis_cluster_takes(struct redis_cluster *cluster, struct conn *conn)
{
        struct redis_slots *slots = conn->handshake.slots;
        struct err err;
        if (!slots)
                return is_astray(cluster, conn);
        bool is_new = !cluster->map || cluster->map->epoch != conn->epoch;
        if ((!is_new && slots->covered == 0) || (is_new && !enter(cluster, conn))) {
                (void)err_set(&err, ERR_UNAVAILABLE, "%s: serves no slot", conn->target->address); /* passed on */
                conn->server->events->failed(conn, FAILURE_UNKNOWN, &err);
                return true;
        }
        conn->handshake.slots = NULL;
        redis_connections_served(cluster->home);
        use_map(cluster, slots);
        after_map(cluster);
        if (is_new)
                redis_connections_stand_back(cluster->home, cluster->map->generation, cluster->map->target->address);
        redis_connections_write(cluster->home);
        return true;
}

/* --- Redirections ------------------------------------------------------------------------------------------ */

/* True if the redirection leads to one node too many outside the map. A node that keeps redirecting to new addresses
 * must not make us connect to all of them. */
static bool is_beyond_map(const struct redis_cluster *cluster, const struct redis_redirect *to)
{
        return redis_nodes_count(&cluster->nodes) >= cluster->map->slots->node_count + NODES_AHEAD_MAX &&
               !redis_node_find(&cluster->nodes, to->host, to->port);
}

static void hand_over(struct redis_cluster_node *from, struct redis_cluster_node *to, struct redis_command *command,
                      bool is_ask)
{
        struct queue *queue = &from->client->server.queue, *next = &to->client->server.queue;
        if (command->must_not_hold && !redis_connections_are_usable(to->client)) {
                redis_queue_fail(queue, command, REASON_NOT_HELD);
                return;
        }
        redis_queue_move(queue, next, command);
        if (is_ask)
                redis_queue_ask(next, command);
}

/* False: out of memory, or the redirection has to wait for the next map. */
static bool redirect(struct redis_cluster_node *from, struct redis_command *command, const struct redis_redirect *to)
{
        struct redis_cluster *cluster = from->all->owner;
        struct queue *home = &cluster->home->server.queue;
        if (from->is_leaving) { /* to the target that is now in use */
                redis_queue_move(&from->client->server.queue, home, command);
                home->has_returned = true;
                return true;
        }
        if (is_beyond_map(cluster, to)) {
                want_map(cluster);
                return false;
        }
        struct redis_cluster_node *node = find_or_open(cluster, to->host, to->port);
        if (!node)
                return false;
        node->used_ms = redis_now_ms(&cluster->home->server);
        if (!to->is_ask) {
                set_owner(cluster->map, to->slot, node);
                want_map(cluster);
        }
        hand_over(from, node, command, to->is_ask);
        return true;
}

static enum redis_failure judge(void *owner, struct redis_command *command, const struct redis_reply *reply,
                                const char *host)
{
        struct redis_cluster_node *node = owner;
        struct redis_redirect to;
        if (redis_reply_is_error(reply, "CLUSTERDOWN")) {
                want_map(node->all->owner);
                return FAILURE_WAIT;
        }
        if (redis_reply_type(reply) != REDIS_ERROR || !redis_redirect_parse(redis_reply_text(reply, NULL), host, &to))
                return redis_failure_of(reply);
        /* If nodes disagree, they need some time; an unknown host will be in the next map. */
        if (inside(command)->redirects >= REDIRECTS_MAX || !to.host[0]) {
                inside(command)->redirects = 0;
                want_map(node->all->owner);
                return FAILURE_WAIT;
        }
        inside(command)->redirects++;
        command->attempts--; /* it was certainly not executed */
        return redirect(node, command, &to) ? FAILURE_MOVED : FAILURE_WAIT;
}

/* --- Nodes ------------------------------------------------------------------------------------------------- */

static bool is_bad_news(const struct redis_event *event)
{
        return event->kind == REDIS_EVENT_DISCONNECTED || event->kind == REDIS_EVENT_CONNECT_FAILED ||
               event->kind == REDIS_EVENT_DENIED || event->kind == REDIS_EVENT_NOT_WRITABLE;
}

/* Passes the event on, and requests a map if a node fails, because the node may have lost its slots to another. */
static void on_node_event(void *owner, const struct redis_event *event)
{
        struct redis_cluster_node *node = owner;
        if (is_bad_news(event) && !node->is_leaving)
                want_map(node->all->owner);
        redis_connections_emit(node->all->home, *event);
}

/* Formats a trial whose key is in a slot of this node. */
static int format_trial(struct redis_command *command, void *owner)
{
        struct redis_cluster_node *node = owner;
        const struct redis_cluster *cluster = node->all->owner;
        const struct redis_options *options = &cluster->home->server.options;
        char tag[16];
        if (!options->format_trial)
                return -1;
        for (unsigned i = 0; i < TAGS_TRIED && cluster->map; i++, node->trial_tag++) {
                (void)snprintf(tag, sizeof(tag), "%u", node->trial_tag); /* fits */
                if (options->format_trial(command, &node->client->server.queue.place, tag, options->data) < 0)
                        return -1;
                if (cluster->map->owner[redis_command_slot(command)] == node)
                        return 0;
        }
        return -1;
}

static const struct client_ops node_ops = { .event = on_node_event, .judge = judge, .format_trial = format_trial };

void redis_cluster_init(struct redis_cluster *cluster, struct client *home)
{
        *cluster =
                (struct redis_cluster){ .home = home, .nodes = { .home = home, .ops = &node_ops, .owner = cluster } };
}

void redis_cluster_fini(struct redis_cluster *cluster)
{
        free_map(cluster->map);
}

/* --- State ------------------------------------------------------------------------------------------------- */

bool redis_cluster_is_ready(const struct redis_cluster *cluster)
{
        bool ready = cluster->map->covered == REDIS_SLOTS && !cluster->home->server.life.is_closing;
        for (const struct redis_cluster_node *node = cluster->nodes.list; node && ready; node = node->next)
                ready = node->slots == 0 || redis_connections_are_usable(node->client);
        return ready;
}

int64_t redis_cluster_away_ms(const struct redis_cluster *cluster)
{
        int64_t longest_ms = redis_server_away_ms(&cluster->home->server);
        for (const struct redis_cluster_node *node = cluster->nodes.list; node; node = node->next) {
                int64_t away_ms = redis_server_away_ms(&node->client->server);
                if (node->slots > 0 && away_ms > longest_ms)
                        longest_ms = away_ms;
        }
        return longest_ms;
}

size_t redis_cluster_masters(const struct redis_cluster *cluster)
{
        size_t count = 0;
        for (const struct redis_cluster_node *node = cluster->nodes.list; node; node = node->next)
                count += node->slots > 0;
        return count;
}

struct client *redis_cluster_any(const struct redis_cluster *cluster)
{
        const struct redis_cluster_node *node = cluster->nodes.list;
        while (node && !node->client->active)
                node = node->next;
        return node ? node->client : cluster->home;
}
