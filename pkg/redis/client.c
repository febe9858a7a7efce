/* client: opens and closes the client, and uses one coarse tick to check everything that waits. connections.c decides
 * which connection takes commands. */
#include "redis/client.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "redis/failover.h"
#include "redis/target_private.h"

enum { TICK_MS = 50, TIMERS = 4 }; /* tick, retry, ping, renewal */

/* --- Time ------------------------------------------------------------------------------------------------ */

static bool is_waiting(const struct client *client)
{
        const struct server *server = &client->server;
        return server->queue.held_count > 0 || server->queue.in_flight_count > 0 || client->opening ||
               client->draining || (server->health.wants_write && server->health.away_since_ms > 0) ||
               (client->active && client->active->flow.hold_until_ms > 0) ||
               (client->ops->is_waiting && client->ops->is_waiting(client->owner));
}

/* Finds out whether the server is back when nothing waits, since no reply can show it then. */
static void look_whether_it_is_back(struct client *client)
{
        struct redis_health *health = &client->server.health;
        if (health->away_since_ms == 0 || client->server.queue.held_count > 0 || !redis_connections_are_usable(client))
                return;
        if (health->wants_write && redis_now_ms(&client->server) < client->server.suspects.trial_after_ms)
                return;
        if (health->wants_write && redis_suspects_try_write(&client->server.suspects)) {
                redis_connections_write(client);
                return;
        }
        health->wants_write = false; /* there is no command that could show it */
        if (!is_waiting(client))
                health->away_since_ms = 0;
}

/* Prolongs a hold by the time during which this loop did not run, because a message that extends the hold may have
 * arrived without having been read. */
static void prolong_hold(struct client *client, int64_t now_ms)
{
        int64_t late_ms = now_ms - client->ticked_ms - TICK_MS;
        client->ticked_ms = now_ms;
        if (client->active && client->active->flow.hold_until_ms > 0 && late_ms > TICK_MS)
                client->active->flow.hold_until_ms += late_ms;
}

static void tick_conn(struct conn *conn, int64_t now_ms)
{
        if (now_ms >= conn->flow.hold_until_ms)
                conn->flow.hold_until_ms = 0; /* this tick writes held commands */
        redis_failover_tick(conn, now_ms);
        if (conn->state != CONN_CLOSED)
                redis_conn_tick(conn, now_ms);
}

static void on_tick(uv_timer_t *timer)
{
        struct client *client = CONTAINER_OF(timer, struct client, tick);
        int64_t now_ms = redis_now_ms(&client->server);
        redis_enter(&client->server.life);
        redis_queue_expire(&client->server.queue, now_ms);
        prolong_hold(client, now_ms);
        if (client->active)
                tick_conn(client->active, now_ms);
        if (client->opening)
                tick_conn(client->opening, now_ms);
        for (struct conn *conn = client->draining, *next; conn; conn = next) {
                next = conn->next;
                tick_conn(conn, now_ms);
        }
        redis_queue_deliver(&client->server.queue);
        redis_connections_write(client); /* so a caller that forgot to flush waits only for one tick */
        look_whether_it_is_back(client);
        if (!client->server.life.is_closing && !is_waiting(client))
                (void)uv_timer_stop(timer); /* cannot fail */
        redis_leave(&client->server.life);
}

void redis_client_wake(struct client *client)
{
        if (client->server.life.is_closing || uv_is_active((uv_handle_t *)&client->tick))
                return;
        client->ticked_ms = redis_now_ms(&client->server);
        (void)uv_timer_start(&client->tick, on_tick, TICK_MS, TICK_MS); /* fails only on a closed timer */
}

static void on_wake(struct queue *queue)
{
        redis_client_wake(CONTAINER_OF(queue, struct client, server.queue));
}

/* --- Calls by the owner ------------------------------------------------------------------------------------ */

static void on_left(struct redis_life *life)
{
        redis_connections_free_dead(CONTAINER_OF(life, struct client, server.life));
}

static void on_ended(struct redis_life *life)
{
        struct client *client = CONTAINER_OF(life, struct client, server.life);
        redis_queue_deliver(&client->server.queue);
        void (*on_closed)(void *data) = client->on_closed;
        void *data = client->on_closed_data;
        redis_locator_fini(&client->server.locator);
        redis_target_unref(client->target);
        redis_queue_fini(&client->server.queue);
        redis_ping_fini(&client->ping);
        redis_suspects_fini(&client->server.suspects);
        free(client);
        if (on_closed)
                on_closed(data);
}

static void fill_options(struct client *client, const struct redis_options *given)
{
        struct redis_options *o = &client->server.options;
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

static void init_server(struct client *client, uv_loop_t *loop)
{
        struct server *server = &client->server;
        const struct redis_options *options = &server->options;
        server->loop = loop;
        server->life = (struct redis_life){ .holds = TIMERS, .on_left = on_left, .on_ended = on_ended };
        server->queue = (struct queue){ .loop = loop,
                                        .budget = options->budget,
                                        .hold_ms = options->hold_ms,
                                        .health = &server->health,
                                        .wake = on_wake };
        redis_queue_init(&server->queue);
        server->suspects = (struct suspects){ .queue = &server->queue,
                                              .health = &server->health,
                                              .stall_ms = options->stall_ms,
                                              .format_trial = client->ops->format_trial,
                                              .data = client->owner };
        redis_suspects_init(&server->suspects);
        server->locator = (struct redis_locator){ .loop = loop,
                                                  .life = &server->life,
                                                  .sentinel = client->ops->sentinel,
                                                  .timeout_ms = options->connect_timeout_ms,
                                                  .random = client->random };
        server->numbers = &client->own_numbers;
        server->events = &redis_connections_events;
}

int redis_client_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target,
                      unsigned generation, const struct client_ops *ops, void *owner, struct client **out,
                      struct err *err)
{
        struct client *client = calloc(1, sizeof(*client));
        if (!client)
                return err_set(err, ERR_NOMEM, "redis");
        client->ops = ops;
        client->owner = owner;
        fill_options(client, options);
        if (getrandom(&client->random, sizeof(client->random), 0) != sizeof(client->random) || client->random == 0)
                client->random = (uint64_t)clock_monotonic_us() | 1;
        init_server(client, loop);
        client->target = redis_target_ref(target);
        client->generation = client->generation_in_use = generation;
        redis_queue_set_place(&client->server.queue, target, generation, target->cluster || target->is_node);
        uv_update_time(loop);
        client->server.health.away_since_ms = redis_now_ms(&client->server);
        (void)redis_target_known(target, &client->server.health.last_error); /* the error text until it is connected */
        (void)uv_timer_init(loop, &client->tick);                            /* always 0 */
        (void)uv_timer_init(loop, &client->retry);
        redis_ping_init(&client->ping, &client->server);
        redis_renewal_init(&client->renewal, &client->server);
        redis_connections_retry_after(client, 0);
        *out = client;
        return 0;
}

void redis_client_set_target(struct client *client, struct redis_target *target, unsigned generation)
{
        redis_enter(&client->server.life);
        redis_connections_drop_opening(client);
        struct redis_target *old = client->target;
        client->target = redis_target_ref(target);
        redis_target_unref(old);
        client->generation = generation;
        client->server.epoch++;
        client->server.health.failures = 0;
        client->server.second_first = false;
        redis_connections_retry_after(client, 0);
        redis_leave(&client->server.life);
}

void redis_client_send(struct client *client, struct redis_command *command)
{
        redis_queue_send(&client->server.queue, command, redis_connections_are_usable(client));
}

void redis_client_flush(struct client *client)
{
        redis_enter(&client->server.life);
        redis_queue_deliver(&client->server.queue); /* first, because its callbacks may send commands */
        redis_connections_write(client);
        redis_queue_deliver(&client->server.queue);
        redis_leave(&client->server.life);
}

static void on_timer_closed(uv_handle_t *handle)
{
        struct client *client = handle->data;
        redis_release(&client->server.life);
}

static void close_timer(struct client *client, uv_timer_t *timer)
{
        timer->data = client;
        uv_close((uv_handle_t *)timer, on_timer_closed);
}

void redis_client_close(struct client *client, void (*on_closed)(void *data), void *data)
{
        redis_enter(&client->server.life);
        client->server.life.is_closing = client->server.queue.is_closing = true;
        client->on_closed = on_closed;
        client->on_closed_data = data;
        redis_connections_drop_opening(client);
        if (client->ops->close)
                client->ops->close(client->owner);
        redis_connections_close(client);
        redis_queue_fail_all(&client->server.queue, REASON_CLOSED);
        redis_locator_close(&client->server.locator);
        close_timer(client, &client->tick);
        close_timer(client, &client->retry);
        close_timer(client, &client->ping.timer);
        close_timer(client, &client->renewal.timer);
        redis_queue_deliver(&client->server.queue);
        redis_leave(&client->server.life);
}

struct redis_counters redis_client_counters(const struct client *client)
{
        struct redis_counters counters = client->server.counters;
        counters.failed = client->server.queue.failed_total;
        return counters;
}
