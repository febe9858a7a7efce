/* client: the caller's side. It opens, switches and closes, keeps the one coarse tick, and sees to it that nothing
 * is freed while a function of this folder is on the stack, so that every callback may do what it likes.
 * reconnect.c says which connection takes commands, queue.c where commands wait. */
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "redis/internal.h"

/* --- Entries: nothing is freed while a function of this folder is on the stack --------------------------- */

void redis_enter(struct redis *client)
{
        client->depth++;
}

void redis_leave(struct redis *client)
{
        if (--client->depth > 0)
                return;
        while (client->dead) {
                struct conn *conn = client->dead;
                client->dead = conn->next;
                redis_conn_free(conn);
        }
}

void redis_hold(struct redis *client)
{
        client->holds++;
}

/* Called by the loop, for a handle or look-up that is gone: the last one ends the client. */
void redis_release(struct redis *client)
{
        if (--client->holds > 0 || !client->is_closing)
                return;
        redis_queue_deliver(client);
        void (*on_closed)(void *data) = client->on_closed;
        void *data = client->on_closed_data;
        redis_lookups_free(client);
        redis_target_unref(client->target);
        redis_target_unref(client->place_target);
        redis_cluster_free(client->cluster);
        redis_command_fini(&client->ping);
        redis_command_fini(&client->trial);
        free(client);
        if (on_closed)
                on_closed(data);
}

/* --- Time ------------------------------------------------------------------------------------------------ */

static bool is_waiting(const struct redis *client)
{
        return client->held_count > 0 || client->in_flight_count > 0 || client->opening || client->draining ||
               client->leaving || (client->wants_write && client->away_since_ms > 0) ||
               (client->active && client->active->hold_until_ms > 0);
}

/* Where nothing waits, nobody is left who could show by an answer that Redis is back. */
static void look_whether_it_is_back(struct redis *client)
{
        if (client->away_since_ms == 0 || client->held_count > 0 || !redis_is_usable(client))
                return;
        if (client->wants_write && redis_now_ms(client) < client->trial_after_ms)
                return;
        if (client->wants_write && redis_try_write(client)) {
                redis_write_held(client);
                return;
        }
        client->wants_write = false; /* there is no way to try */
        if (!is_waiting(client))
                client->away_since_ms = 0;
}

static void on_tick(uv_timer_t *timer)
{
        struct redis *client = CONTAINER_OF(timer, struct redis, tick);
        int64_t now = redis_now_ms(client);
        redis_enter(client);
        redis_queue_expire(client, now);
        if (client->active)
                redis_conn_tick(client->active, now);
        if (client->opening)
                redis_conn_tick(client->opening, now);
        for (struct conn *conn = client->draining, *next; conn; conn = next) {
                next = conn->next;
                redis_conn_tick(conn, now);
        }
        redis_queue_deliver(client);
        redis_write_held(client); /* a flush that was left out costs no more than a tick */
        look_whether_it_is_back(client);
        if (!client->is_closing && !is_waiting(client))
                (void)uv_timer_stop(timer); /* cannot fail */
        redis_leave(client);
}

void redis_wake(struct redis *client)
{
        if (!client->is_closing && !uv_is_active((uv_handle_t *)&client->tick))
                (void)uv_timer_start(&client->tick, on_tick, REDIS_TICK_MS,
                                     REDIS_TICK_MS); /* not closed: cannot fail */
}

/* --- The caller's side ----------------------------------------------------------------------------------- */

static void fill_options(struct redis *client, const struct redis_options *given)
{
        struct redis_options *o = &client->options;
        *o = *given;
        o->hold_ms = o->hold_ms > 0 ? o->hold_ms : 30000;
        o->connect_timeout_ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms : 3000;
        o->stall_ms = o->stall_ms > 0 ? o->stall_ms : 5000;
        o->backoff_min_ms = o->backoff_min_ms > 0 ? o->backoff_min_ms : 50;
        o->backoff_max_ms = o->backoff_max_ms > 0 ? o->backoff_max_ms : 1000;
        o->idle_ping_ms = o->idle_ping_ms > 0 ? o->idle_ping_ms : 30000;
        o->reply_max_bytes = o->reply_max_bytes > 0 ? o->reply_max_bytes : (size_t)256 << 20;
        o->budget = o->budget ? o->budget : &client->own_budget;
}

int redis_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target, unsigned generation,
               struct redis **out, struct err *err)
{
        struct redis *client = calloc(1, sizeof(*client));
        if (!client)
                return err_set(err, ERR_NOMEM, "redis");
        client->loop = loop;
        fill_options(client, options);
        client->target = redis_target_ref(target);
        client->generation = client->generation_in_use = generation;
        redis_place_set(client, target, generation, target->cluster);
        list_init(&client->held);
        list_init(&client->failed);
        list_init(&client->aside);
        list_init(&client->later);
        redis_command_init(&client->trial, NULL);
        if (getrandom(&client->random, sizeof(client->random), 0) != sizeof(client->random) || client->random == 0)
                client->random = (uint64_t)clock_monotonic_us() | 1;
        uv_update_time(loop);
        client->away_since_ms = redis_now_ms(client);
        (void)redis_target_known(target, &client->last_error); /* what is told until it is */
        (void)uv_timer_init(loop, &client->tick);              /* always 0                 */
        (void)uv_timer_init(loop, &client->retry);
        redis_upkeep_init(client);
        client->holds = 3;
        redis_retry_after(client, 0);
        *out = client;
        return 0;
}

static void drop_opening(struct redis *client)
{
        if (client->opening)
                redis_conn_close(client->opening);
        client->opening = NULL;
}

void redis_set_target(struct redis *client, struct redis_target *target, unsigned generation)
{
        redis_enter(client);
        drop_opening(client);
        struct redis_target *old = client->target;
        client->target = redis_target_ref(target);
        redis_target_unref(old);
        client->generation = generation;
        client->epoch++;
        client->failures = 0;
        client->second_first = false;
        redis_retry_after(client, 0);
        redis_leave(client);
}

void redis_flush(struct redis *client)
{
        redis_enter(client);
        redis_queue_deliver(client); /* first, for what is sent in answer */
        redis_write_held(client);
        redis_queue_deliver(client);
        redis_leave(client);
}

static void close_connection(struct redis *client, struct conn *conn)
{
        if (!conn)
                return;
        redis_queue_rescue(client, conn);
        redis_conn_close(conn);
}

static void on_timer_closed(uv_handle_t *handle)
{
        struct redis *client = handle->data;
        redis_release(client);
}

static void close_timer(struct redis *client, uv_timer_t *timer)
{
        timer->data = client;
        uv_close((uv_handle_t *)timer, on_timer_closed);
}

void redis_close(struct redis *client, void (*on_closed)(void *data), void *data)
{
        if (!client)
                return;
        redis_enter(client);
        client->is_closing = true;
        client->on_closed = on_closed;
        client->on_closed_data = data;
        drop_opening(client);
        redis_nodes_close(client);
        close_connection(client, client->active);
        client->active = NULL;
        while (client->draining) {
                struct conn *conn = client->draining;
                client->draining = conn->next;
                close_connection(client, conn);
        }
        redis_queue_release(client);
        redis_queue_rejoin(client);
        while (!list_is_empty(&client->held))
                redis_queue_fail(client, redis_link_command(client->held.next), REASON_CLOSED);
        redis_lookups_cancel(client);
        redis_sentinel_watch_close(client->watch);
        client->watch = NULL;
        close_timer(client, &client->tick);
        close_timer(client, &client->retry);
        close_timer(client, &client->upkeep);
        redis_queue_deliver(client);
        redis_leave(client);
}

enum redis_state redis_state(const struct redis *client)
{
        bool is_ready = client->cluster ? redis_cluster_is_ready(client) : redis_is_usable(client);
        return is_ready ? REDIS_READY : REDIS_CONNECTING;
}

bool redis_is_nowhere(const struct redis *client)
{
        return client->target->is_nowhere;
}

unsigned redis_generation(const struct redis *client)
{
        return client->generation_in_use;
}

int64_t redis_away_ms(const struct redis *client)
{
        if (client->cluster)
                return redis_cluster_away_ms(client);
        return client->away_since_ms ? redis_now_ms(client) - client->away_since_ms : 0;
}

size_t redis_in_flight(const struct redis *client)
{
        return client->in_flight_count + redis_nodes_in_flight(client);
}

size_t redis_descriptors(const struct redis *client)
{
        size_t nodes = 0;
        for (const struct redis_cluster_node *node = client->nodes; node; node = node->next)
                nodes++;
        if (client->target->cluster_node_count > nodes)
                nodes = client->target->cluster_node_count;
        for (const struct redis_cluster_node *node = client->leaving; node; node = node->next)
                nodes++;
        /* 1: the client's own, which fetches the map; twice: the one that comes, or that drains */
        return 2 * (1 + nodes) + client->target->sentinel_count;
}

size_t redis_held(const struct redis *client)
{
        return client->held_count + redis_nodes_held(client);
}

struct redis_counters redis_counters(const struct redis *client)
{
        return redis_nodes_counters(client);
}

void redis_on_batch(struct redis *client, void (*on_batch)(size_t commands, void *data), void *data)
{
        client->on_batch = on_batch;
        client->on_batch_data = data;
        redis_nodes_observe(client);
}

void redis_on_round_trip(struct redis *client, void (*on_round_trip)(int64_t us, void *data), void *data)
{
        client->on_round_trip = on_round_trip;
        client->on_round_trip_data = data;
        redis_nodes_observe(client);
}
