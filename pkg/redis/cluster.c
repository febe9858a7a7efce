/* cluster: which node gets a command. The map comes with the handshake of a connection of the router's own, which is
 * closed again: it asks any node for CLUSTER SLOTS, so one way serves to recognise a Cluster, to enter it and to look
 * again, through whichever node still answers. A MOVED puts its slot right at once and asks for a new map; maps are
 * asked for one at a time, at a distance that doubles while they are wanted (from twice backoff_min_ms to
 * backoff_max_ms). A command that is sent elsewhere keeps its deadline, so it keeps its place in the order. */
#include <stdlib.h>
#include <string.h>

#include "redis/internal.h"

/* How long a node that owns no slot stays when it was redirected to: it is about to get some. */
enum {
        NODE_KEPT_MS = 10000,
        NODES_AHEAD_MAX = 64, /* that the map does not name yet: redirections to more wait for the next map */
};

/* --- The wish for a map ------------------------------------------------------------------------------------ */

void redis_cluster_want_map(struct redis *client)
{
        struct redis_cluster *cluster = client->cluster;
        if (!cluster || cluster->wants_map || client->is_closing)
                return;
        int64_t since_ms = redis_now_ms(client) - cluster->mapped_ms;
        int64_t wait_ms = cluster->interval_ms - since_ms;
        cluster->wants_map = true;
        if (since_ms > 4 * cluster->interval_ms)
                cluster->interval_ms = client->options.backoff_min_ms;
        cluster->interval_ms *= 2;
        if (cluster->interval_ms > client->options.backoff_max_ms)
                cluster->interval_ms = client->options.backoff_max_ms;
        redis_retry_after(client, wait_ms > 0 ? wait_ms : 1);
}

bool redis_cluster_wants_connection(const struct redis *client)
{
        return client->cluster->wants_map || client->cluster->epoch != client->epoch;
}

static size_t count_usable(const struct redis *client)
{
        size_t count = 0;
        for (const struct redis_cluster_node *node = client->nodes; node; node = node->next)
                count += redis_is_usable(node->redis);
        return count;
}

static struct redis_target *usable_node(const struct redis *client, size_t index)
{
        for (const struct redis_cluster_node *node = client->nodes; node; node = node->next)
                if (redis_is_usable(node->redis) && index-- == 0)
                        return redis_target_view(client->cluster->target, node->host, node->port);
        return NULL;
}

static struct redis_target *told_node(const struct redis_target *told, struct redis_target *target, size_t index)
{
        if (told->cluster_node_count == 0)
                return redis_target_ref(target);
        const struct redis_slots_node *node = &told->cluster_nodes[index % told->cluster_node_count];
        return redis_target_view(target, node->host, node->port);
}

/* Those that work first, each in turn; after a failure all that are known, replicas and the target's own too. */
struct redis_target *redis_cluster_seed(struct redis *client)
{
        struct redis_cluster *cluster = client->cluster;
        size_t turn = client->seed_next++;
        if (!cluster || cluster->epoch != client->epoch)
                return told_node(client->target, client->target, turn);
        size_t usable = client->failures == 0 ? count_usable(client) : 0;
        if (usable > 0)
                return usable_node(client, turn % usable);
        size_t told = client->target->cluster_node_count ? client->target->cluster_node_count : 1;
        size_t index = turn % (cluster->slots->node_count + told);
        if (index >= cluster->slots->node_count)
                return told_node(client->target, client->target, index - cluster->slots->node_count);
        const struct redis_slots_node *node = &cluster->slots->nodes[index];
        return redis_target_view(cluster->target, node->host, node->port);
}

/* --- Routes ------------------------------------------------------------------------------------------------ */

/* A command without a key may go to any node. NULL: nobody serves it now. */
static struct redis_cluster_node *owner_of(const struct redis *client, struct redis_command *command)
{
        struct redis_cluster_node *node = client->nodes;
        int slot = redis_command_slot(command);
        if (slot >= 0)
                return client->cluster->owner[slot];
        while (node && !redis_is_usable(node->redis))
                node = node->next;
        return node ? node : client->nodes;
}

struct redis *redis_cluster_home(struct redis *client, struct redis_command *command)
{
        /* What came back goes first, and what is for another place is made anew before its key says where it goes. */
        if (redis_is_misplaced(client, command))
                client->reroutes = true;
        struct redis_cluster_node *node = client->reroutes ? NULL : owner_of(client, command);
        return node ? node->redis : client;
}

static void dispatch(struct redis *client)
{
        client->reroutes = false;
        for (struct list *at = client->held.next, *next; at != &client->held; at = next) {
                struct redis_command *command = redis_link_command(at);
                next = at->next;
                if (redis_is_misplaced(client, command) && !redis_queue_remake(client, command))
                        continue;
                struct redis_cluster_node *node = owner_of(client, command);
                if (node)
                        redis_queue_move(client, node->redis, command);
        }
}

void redis_cluster_flush(struct redis *client)
{
        redis_nodes_reap(client);
        if (!client->cluster || client->is_closing)
                return;
        if (client->reroutes)
                dispatch(client);
        for (struct redis_cluster_node *node = client->nodes; node && !client->is_closing; node = node->next) {
                if (list_is_empty(&node->redis->held) && list_is_empty(&node->redis->failed))
                        continue;
                redis_enter(node->redis);
                redis_queue_deliver(node->redis);
                redis_write_held(node->redis);
                redis_queue_deliver(node->redis);
                redis_leave(node->redis);
        }
}

/* --- Maps -------------------------------------------------------------------------------------------------- */

static void set_owner(struct redis_cluster *cluster, size_t slot, struct redis_cluster_node *node)
{
        struct redis_cluster_node *old = cluster->owner[slot];
        if (old)
                old->slots--;
        if (node)
                node->slots++;
        cluster->covered += (node != NULL) - (size_t)(old != NULL);
        cluster->owner[slot] = node;
}

static struct redis_cluster_node *find_or_open(struct redis *client, const char *host, uint16_t port)
{
        struct redis_cluster_node *node = redis_node_find(client, host, port);
        return node ? node : redis_node_open(client, client->cluster->target, host, port);
}

/* Held commands are all sorted anew: what was asked for in between by ASK is asked again. */
static void leave_unneeded(struct redis *client)
{
        int64_t now_ms = redis_now_ms(client);
        for (struct redis_cluster_node *node = client->nodes, *next; node; node = next) {
                next = node->next;
                redis_queue_take_held(node->redis, client);
                if (node->slots == 0 && (node->used_ms == 0 || now_ms - node->used_ms > NODE_KEPT_MS))
                        redis_node_leave(node, false);
        }
}

static void use_map(struct redis *client, struct redis_slots *slots)
{
        struct redis_cluster *cluster = client->cluster;
        struct redis_cluster_node *nodes[REDIS_NODES_MAX + 1] = { NULL };
        for (size_t slot = 0; slot < REDIS_SLOTS; slot++) {
                size_t index = slots->owner[slot];
                if (index > 0 && !nodes[index])
                        nodes[index] = find_or_open(client, slots->nodes[index - 1].host, slots->nodes[index - 1].port);
                set_owner(cluster, slot, nodes[index]);
        }
        redis_slots_free(cluster->slots);
        cluster->slots = slots;
        cluster->wants_map = false;
        cluster->mapped_ms = redis_now_ms(client);
        leave_unneeded(client);
        client->reroutes = true;
}

/* A slot that nobody serves, and a node that has failed: the map may be about to change. */
static bool is_sound(const struct redis *client)
{
        bool sound = client->cluster->covered == REDIS_SLOTS;
        for (const struct redis_cluster_node *node = client->nodes; node && sound; node = node->next)
                sound = node->slots == 0 || node->redis->failures == 0;
        return sound;
}

static void after_map(struct redis *client)
{
        struct redis_cluster *cluster = client->cluster;
        if (cluster->covered == REDIS_SLOTS) {
                client->away_since_ms = 0;
        } else {
                if (client->away_since_ms == 0)
                        client->away_since_ms = redis_now_ms(client);
                (void)err_set(&client->last_error, ERR_UNAVAILABLE, "the Cluster serves %zu of %d slots",
                              cluster->covered, REDIS_SLOTS); /* kept as the last error */
                redis_emit(client, (struct redis_event){ .kind = REDIS_EVENT_NOT_WRITABLE,
                                                         .address = cluster->target->address,
                                                         .err = &client->last_error,
                                                         .retry_ms = cluster->interval_ms,
                                                         .generation = cluster->generation });
        }
        if (!is_sound(client))
                redis_cluster_want_map(client);
}

/* --- Entering and leaving a Cluster ------------------------------------------------------------------------ */

void redis_cluster_free(struct redis_cluster *cluster)
{
        if (!cluster)
                return;
        redis_target_unref(cluster->target);
        redis_slots_free(cluster->slots);
        free(cluster);
}

/* Its nodes drain; what they hold goes to whatever is in use next. */
static void leave(struct redis *client)
{
        while (client->nodes)
                redis_node_leave(client->nodes, true);
        redis_cluster_free(client->cluster);
        client->cluster = NULL;
        redis_nodes_reap(client);
}

static bool enter(struct redis *client, struct conn *conn)
{
        struct redis_cluster *cluster = calloc(1, sizeof(*cluster));
        if (!cluster)
                return false;
        if (client->cluster)
                leave(client);
        cluster->epoch = conn->epoch;
        cluster->generation = conn->generation;
        cluster->interval_ms = client->options.backoff_min_ms * 2;
        cluster->target = redis_target_ref(redis_target_origin(conn->target));
        client->cluster = cluster;
        redis_place_set(client, cluster->target, cluster->generation, true);
        return true;
}

/* No Cluster (any more). True when that can be no more than a node gone astray. */
static bool is_astray(struct conn *conn)
{
        struct redis *client = conn->client;
        struct redis_cluster *cluster = client->cluster;
        if (cluster && cluster->epoch == conn->epoch && count_usable(client) > 0) {
                struct err err;
                (void)err_set(&err, ERR_UNAVAILABLE, "%s: says that it is no Cluster", conn->target->address);
                redis_conn_failed(conn, FAILURE_UNKNOWN, &err); /* takes it on */
                return true;
        }
        if (cluster)
                leave(client);
        return false;
}

bool redis_cluster_takes(struct conn *conn)
{
        struct redis *client = conn->client;
        struct redis_slots *slots = conn->handshake.slots;
        struct err err;
        if (client->node)
                return false;
        if (!slots)
                return is_astray(conn);
        bool is_new = !client->cluster || client->cluster->epoch != conn->epoch;
        (void)err_set(&err, ERR_UNAVAILABLE, "%s: serves no slot", conn->target->address); /* where it is used */
        if ((!is_new && slots->covered == 0) || (is_new && !enter(client, conn))) {
                redis_conn_failed(conn, FAILURE_UNKNOWN, &err);
                return true;
        }
        conn->handshake.slots = NULL;
        client->opening = NULL;
        client->failures = 0;
        client->is_denied = false;
        redis_wake(client);
        use_map(client, slots);
        redis_conn_close(conn);
        after_map(client);
        if (is_new)
                redis_cluster_entered(client);
        redis_write_held(client);
        return true;
}

/* --- Redirections ------------------------------------------------------------------------------------------ */

/* A node that redirects to places without end would have us connect to all of them. */
static bool is_beyond_map(const struct redis *client, const struct redis_redirect *to)
{
        size_t count = 0;
        for (const struct redis_cluster_node *node = client->nodes; node; node = node->next)
                count++;
        return count >= client->cluster->slots->node_count + NODES_AHEAD_MAX &&
               !redis_node_find(client, to->host, to->port);
}

/* False where there is no memory for it. */
static bool redirect(struct redis_cluster_node *from, struct redis_command *command, const struct redis_redirect *to)
{
        struct redis *client = from->router;
        if (from->is_leaving) { /* whatever is in use now */
                redis_queue_move(from->redis, client, command);
                client->reroutes = true;
                return true;
        }
        if (is_beyond_map(client, to)) {
                redis_cluster_want_map(client);
                return false;
        }
        struct redis_cluster_node *node = find_or_open(client, to->host, to->port);
        if (!node)
                return false;
        node->used_ms = redis_now_ms(client);
        if (!to->is_ask) {
                set_owner(client->cluster, to->slot, node);
                redis_cluster_want_map(client);
        }
        if (command->must_not_hold && !redis_is_usable(node->redis)) {
                redis_queue_fail(from->redis, command, REASON_NOT_HELD);
                return true;
        }
        redis_queue_move(from->redis, node->redis, command);
        if (to->is_ask)
                redis_queue_ask(node->redis, command);
        return true;
}

enum redis_failure redis_cluster_judge(struct conn *conn, struct redis_command *command,
                                       const struct redis_reply *reply)
{
        struct redis_cluster_node *node = conn->client->node;
        struct redis_redirect to;
        enum redis_failure failure = redis_failure_of(reply);
        if (redis_reply_is_error(reply, "CLUSTERDOWN")) {
                redis_cluster_want_map(node->router);
                return FAILURE_WAIT;
        }
        if (redis_reply_type(reply) != REDIS_ERROR ||
            !redis_redirect_parse(redis_reply_text(reply, NULL), conn->target->host, &to))
                return failure;
        /* Nodes that disagree: not before some time has passed. To no host: the next map tells of one. */
        if (inside(command)->redirects >= REDIS_REDIRECTS_MAX || !to.host[0]) {
                inside(command)->redirects = 0;
                redis_cluster_want_map(node->router);
                return FAILURE_WAIT;
        }
        inside(command)->redirects++;
        command->attempts--; /* it was not done, and that is certain */
        return redirect(node, command, &to) ? FAILURE_MOVED : FAILURE_WAIT;
}

/* --- State ------------------------------------------------------------------------------------------------- */

bool redis_cluster_is_ready(const struct redis *client)
{
        bool ready = client->cluster->covered == REDIS_SLOTS && !client->is_closing;
        for (const struct redis_cluster_node *node = client->nodes; node && ready; node = node->next)
                ready = node->slots == 0 || redis_is_usable(node->redis);
        return ready;
}

int64_t redis_cluster_away_ms(const struct redis *client)
{
        int64_t longest_ms = client->away_since_ms ? redis_now_ms(client) - client->away_since_ms : 0;
        for (const struct redis_cluster_node *node = client->nodes; node; node = node->next) {
                int64_t away_ms = redis_away_ms(node->redis);
                if (node->slots > 0 && away_ms > longest_ms)
                        longest_ms = away_ms;
        }
        return longest_ms;
}

size_t redis_cluster_masters(const struct redis *client)
{
        size_t count = 0;
        for (const struct redis_cluster_node *node = client->nodes; node; node = node->next)
                count += node->slots > 0;
        return count;
}

struct redis *redis_cluster_any(struct redis *client)
{
        struct redis_cluster_node *node = client->nodes;
        while (node && !node->redis->active)
                node = node->next;
        return node ? node->redis : client;
}

bool redis_is_cluster(const struct redis *client)
{
        return client->cluster || client->target->cluster;
}
