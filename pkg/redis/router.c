/* router: implements struct redis. It passes commands to the client of a single server or, once that server turns out
 * to be part of a Cluster, to the clients of its nodes (cluster.c). It also gives the client access to the
 * Sentinels. */
#include "redis/router.h"

#include <stdlib.h>

#include "redis/sentinel.h"
#include "redis/target_private.h"

/* --- Callbacks of its client -------------------------------------------------------------------------- */

static void on_event(void *owner, const struct redis_event *event)
{
        struct redis *redis = owner;
        const struct redis_options *options = &redis->client->server.options;
        struct redis_event all = *event;
        all.held = redis_held(redis);
        if (options->on_event)
                options->on_event(redis, &all, options->data);
}

static struct redis_target *seed(void *owner)
{
        struct redis *redis = owner;
        return redis_cluster_seed(&redis->cluster);
}

static bool wants_connection(void *owner)
{
        const struct redis *redis = owner;
        return redis_cluster_wants_connection(&redis->cluster);
}

static bool takes(void *owner, struct conn *conn)
{
        struct redis *redis = owner;
        return redis_cluster_takes(&redis->cluster, conn);
}

static void in_use(void *owner, struct conn *conn)
{
        struct redis *redis = owner;
        if (!redis->is_brief)
                redis_sentinel_watch_follow(&redis->watch, redis->client, conn);
}

static void flush(void *owner)
{
        struct redis *redis = owner;
        redis_cluster_flush(&redis->cluster);
}

static bool is_waiting(void *owner)
{
        const struct redis *redis = owner;
        return redis->cluster.nodes.leaving != NULL;
}

static int format_trial(struct redis_command *command, void *owner)
{
        const struct redis *redis = owner;
        const struct redis_options *options = &redis->client->server.options;
        return options->format_trial ? options->format_trial(command, redis_place(redis), NULL, options->data) : -1;
}

static void on_close(void *owner)
{
        struct redis *redis = owner;
        redis_nodes_close(&redis->cluster.nodes);
        redis_sentinel_watch_close(redis->watch);
        redis->watch = NULL;
}

static const struct client_ops ops = { .event = on_event,
                                       .seed = seed,
                                       .wants_connection = wants_connection,
                                       .takes = takes,
                                       .in_use = in_use,
                                       .flush = flush,
                                       .is_waiting = is_waiting,
                                       .close = on_close,
                                       .format_trial = format_trial,
                                       .sentinel = &redis_sentinel_ops };

/* --- The public calls ----------------------------------------------------------------------------------- */

int redis_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target, unsigned generation,
               struct redis **out, struct err *err)
{
        struct redis *redis = calloc(1, sizeof(*redis));
        if (!redis)
                return err_set(err, ERR_NOMEM, "redis");
        int rc = redis_client_open(loop, options, target, generation, &ops, redis, &redis->client, err);
        if (rc < 0) {
                free(redis);
                return rc;
        }
        redis_cluster_init(&redis->cluster, redis->client);
        *out = redis;
        return 0;
}

static void on_client_closed(void *data)
{
        struct redis *redis = data;
        void (*on_closed)(void *data) = redis->on_closed;
        void *closed_data = redis->on_closed_data;
        redis_cluster_fini(&redis->cluster);
        free(redis);
        if (on_closed)
                on_closed(closed_data);
}

void redis_close(struct redis *redis, void (*on_closed)(void *data), void *data)
{
        if (!redis)
                return;
        redis->on_closed = on_closed;
        redis->on_closed_data = data;
        redis_client_close(redis->client, on_client_closed, redis);
}

void redis_set_target(struct redis *redis, struct redis_target *target, unsigned generation)
{
        redis_client_set_target(redis->client, target, generation);
}

void redis_send(struct redis *redis, struct redis_command *command)
{
        const struct server *server = &redis->client->server;
        bool is_routed =
                redis->cluster.map && !server->life.is_closing && !redis_queue_is_early(&server->queue, command);
        redis_client_send(is_routed ? redis_cluster_client_for(&redis->cluster, command) : redis->client, command);
}

void redis_flush(struct redis *redis)
{
        redis_client_flush(redis->client);
}

bool redis_cancel(struct redis *redis UNUSED, struct redis_command *command)
{
        return redis_queue_cancel(command);
}

/* --- State ----------------------------------------------------------------------------------------------- */

enum redis_state redis_state(const struct redis *redis)
{
        bool is_ready = redis->cluster.map ? redis_cluster_is_ready(&redis->cluster)
                                           : redis_connections_are_usable(redis->client);
        return is_ready ? REDIS_READY : REDIS_CONNECTING;
}

bool redis_is_cluster(const struct redis *redis)
{
        return redis->cluster.map || redis->client->target->cluster;
}

unsigned redis_master_of_slot(const struct redis *redis, unsigned slot)
{
        const struct redis_cluster_node *node = redis->cluster.map ? redis->cluster.map->owner[slot] : NULL;
        return node ? node->number : 0;
}

unsigned redis_master_of(const struct redis *redis, struct redis_command *command)
{
        const struct queue *queue = &redis->client->server.queue;
        if (!redis->cluster.map || redis_queue_is_early(queue, command) || redis_queue_is_misplaced(queue, command))
                return 0;
        int slot = redis_command_slot(command);
        return slot >= 0 ? redis_master_of_slot(redis, (unsigned)slot) : 0;
}

bool redis_is_nowhere(const struct redis *redis)
{
        return redis->client->target->is_nowhere;
}

unsigned redis_generation(const struct redis *redis)
{
        return redis->client->generation_in_use;
}

const struct redis_place *redis_place(const struct redis *redis)
{
        return &redis->client->server.queue.place;
}

int64_t redis_away_ms(const struct redis *redis)
{
        return redis->cluster.map ? redis_cluster_away_ms(&redis->cluster)
                                  : redis_server_away_ms(&redis->client->server);
}

size_t redis_in_flight(const struct redis *redis)
{
        return redis->client->server.queue.in_flight_count + redis_nodes_in_flight(&redis->cluster.nodes);
}

size_t redis_held(const struct redis *redis)
{
        return redis->client->server.queue.held_count + redis_nodes_held(&redis->cluster.nodes);
}

size_t redis_descriptors(const struct redis *redis)
{
        const struct redis_target *target = redis->client->target;
        size_t nodes = redis_nodes_count(&redis->cluster.nodes);
        if (target->cluster_node_count > nodes)
                nodes = target->cluster_node_count;
        for (const struct redis_cluster_node *node = redis->cluster.nodes.leaving; node; node = node->next)
                nodes++;
        /* 1: the client's own connection, which fetches the map; counted twice, since one may be opening or draining */
        return 2 * (1 + nodes) + target->sentinel_count;
}

struct redis_counters redis_counters(const struct redis *redis)
{
        struct redis_counters sum = redis_client_counters(redis->client);
        redis_nodes_add_counters(&redis->cluster.nodes, &sum);
        return sum;
}

void redis_on_batch(struct redis *redis, void (*on_batch)(size_t commands, void *data), void *data)
{
        redis->client->server.observers.on_batch = on_batch;
        redis->client->server.observers.on_batch_data = data;
        redis_nodes_observe(&redis->cluster.nodes);
}

void redis_on_round_trip(struct redis *redis, void (*on_round_trip)(int64_t us, void *data), void *data)
{
        redis->client->server.observers.on_round_trip = on_round_trip;
        redis->client->server.observers.on_round_trip_data = data;
        redis_nodes_observe(&redis->cluster.nodes);
}
