/* client: which connection takes commands. At most one is active, one is opening, and retired ones drain. A connection to
 * the newest target replaces the active one when it is ready. A lost connection is replaced at once the first time, then
 * with backoff. All attempts start in `retry`, so redis_client_open and redis_client_set_target never call back. One
 * coarse tick looks after all that waits. */
#include "redis/client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "redis/backoff.h"
#include "redis/failover.h"
#include "redis/random.h"
#include "redis/replies.h"
#include "redis/target_private.h"

enum { TICK_MS = 50 };

static struct client *client_of(const struct conn *conn)
{
        return CONTAINER_OF(conn->server, struct client, server);
}

bool redis_client_is_usable(const struct client *client)
{
        return client->active && client->active->flow.pause == FAILURE_NONE && !client->server.life.is_closing;
}

void redis_client_emit(struct client *client, struct redis_event event)
{
        event.held = client->server.queue.held_count;
        event.attempt = client->server.health.failures;
        if (client->ops->event && !client->server.life.is_closing)
                client->ops->event(client->owner, &event);
}

void redis_client_write(struct client *client)
{
        if (client->ops->flush)
                client->ops->flush(client->owner);
        if (redis_client_is_usable(client))
                redis_flow_write(&client->active->flow);
}

/* --- Attempts -------------------------------------------------------------------------------------------- */

static void open_connection(struct client *client)
{
        struct err err;
        struct redis_target *target =
                client->ops->seed ? client->ops->seed(client->owner) : redis_target_ref(client->target);
        struct conn *conn = target ? redis_conn_new(&client->server, target, client->generation, &err) : NULL;
        redis_target_unref(target);
        if (!conn) {
                redis_client_retry_after(client, client->server.options.backoff_max_ms);
                return;
        }
        client->opening = conn;
        redis_client_wake(client);
        redis_conn_start(conn);
}

static bool wants_connection(const struct client *client)
{
        const struct conn *active = client->active;
        if (client->target->is_nowhere)
                return false;
        if (client->server.queue.is_pool)
                return client->ops->wants_connection(client->owner);
        return !active || active->epoch != client->server.epoch || active->is_suspect || active->is_old;
}

static void on_retry(uv_timer_t *timer)
{
        struct client *client = CONTAINER_OF(timer, struct client, retry);
        struct conn *active = client->active;
        redis_enter(&client->server.life);
        if (active && active->flow.pause == FAILURE_WAIT && redis_flight_is_empty(&active->flow.flight)) {
                active->flow.pause = FAILURE_NONE;
                redis_flow_write(&active->flow);
        }
        if (!client->opening && wants_connection(client))
                open_connection(client);
        redis_queue_deliver(&client->server.queue);
        redis_leave(&client->server.life);
}

void redis_client_retry_after(struct client *client, int64_t wait_ms)
{
        bool is_planned = uv_is_active((uv_handle_t *)&client->retry) && wait_ms > 0;
        if (!client->server.life.is_closing && !is_planned)
                (void)uv_timer_start(&client->retry, on_retry, (uint64_t)wait_ms, 0); /* fails only on a closed timer */
}

/* The next attempt, and how long until then. */
static int64_t plan_retry(struct client *client, bool may_be_at_once)
{
        int64_t wait_ms = redis_backoff_next_ms(&client->server, &client->random, may_be_at_once);
        redis_client_retry_after(client, wait_ms);
        return wait_ms;
}

/* --- Which connection is in use -------------------------------------------------------------------------- */

static void set_active(struct client *client, struct conn *conn)
{
        if (client->active)
                client->active->flow.is_active = false;
        client->active = conn;
        if (conn)
                conn->flow.is_active = true;
        redis_upkeep_use(&client->upkeep, conn, conn ? redis_random(&client->random) : 0);
}

static void close_conn(struct client *client, struct conn *conn)
{
        redis_conn_close(conn);
        conn->next = client->dead;
        client->dead = conn;
}

/* It takes no more commands, and stays until what is in flight has been answered. */
static void retire(struct client *client, struct conn *conn)
{
        conn->is_retired = true;
        redis_suspects_start_over(&client->server.suspects);
        conn->drain_deadline_ms = redis_now_ms(&client->server) + client->server.options.stall_ms;
        conn->next = client->draining;
        client->draining = conn;
}

static void finish_draining(struct client *client, struct conn *conn, const struct err *err, size_t in_flight)
{
        struct conn **at = &client->draining;
        struct redis_event event = { .kind = REDIS_EVENT_DRAINED,
                                     .address = conn->target->address,
                                     .err = err,
                                     .in_flight = in_flight,
                                     .generation = conn->generation,
                                     .is_renewal = conn->is_old };
        while (*at != conn)
                at = &(*at)->next;
        *at = conn->next;
        close_conn(client, conn);
        redis_client_emit(client, event);
        redis_client_write(client);
}

/* The active connection refused commands, and all others are answered. */
static void on_paused(struct client *client, struct conn *conn)
{
        struct err why = client->server.health.last_error;
        struct redis_event event = { .kind = REDIS_EVENT_NOT_WRITABLE,
                                     .address = conn->target->address,
                                     .err = &why,
                                     .generation = conn->generation };
        bool is_left = conn->flow.pause != FAILURE_WAIT;
        event.retry_ms = redis_backoff_next_ms(&client->server, &client->random, false);
        if (is_left) {
                set_active(client, NULL);
                close_conn(client, conn);
        }
        redis_queue_drop_impatient(&client->server.queue);
        redis_client_retry_after(client, event.retry_ms);
        redis_client_emit(client, event);
}

/* Nothing is in flight any more on a connection that is retired or has refused commands. */
static void on_idle(struct client *client, struct conn *conn)
{
        redis_queue_hold_again(&client->server.queue, &conn->flow.flight.refused);
        if (conn->is_retired)
                finish_draining(client, conn, NULL, 0);
        else
                on_paused(client, conn);
}

void redis_client_stand_back(struct client *client, unsigned generation, const char *address)
{
        struct conn *old = client->active;
        bool is_switch = client->server.counters.connects > 0 && generation != client->generation_in_use;
        client->generation_in_use = generation;
        client->server.counters.connects++;
        set_active(client, NULL);
        redis_queue_rejoin(&client->server.queue);
        if (old)
                retire(client, old);
        if (client->ops->in_use)
                client->ops->in_use(client->owner, NULL);
        if (is_switch)
                redis_client_emit(client, (struct redis_event){ .kind = REDIS_EVENT_SWITCHED,
                                                                .address = address,
                                                                .generation = generation });
        if (old && redis_conn_is_idle(old))
                on_idle(client, old);
}

void redis_client_served(struct client *client)
{
        close_conn(client, client->opening);
        client->opening = NULL;
        client->server.health.failures = 0;
        client->server.health.is_denied = false;
        redis_client_wake(client);
}

/* --- What connections report ----------------------------------------------------------------------------- */

static void on_lost(struct conn *conn, const struct err *err);

/* Writes that a former primary still acknowledges are lost, so they are sent to the new one again. */
static void leave_former(struct conn *old, const struct conn *now)
{
        struct err err;
        if (strcmp(old->target->address, now->target->address) == 0)
                return;
        (void)err_set(&err, ERR_UNAVAILABLE, "%s: no longer the primary, which is now %s", old->target->address,
                      now->target->address); /* for the event */
        on_lost(old, &err);
}

static struct redis_event connected_event(const struct client *client, const struct conn *conn)
{
        struct redis_event event = { .kind = REDIS_EVENT_CONNECTED,
                                     .address = conn->target->address,
                                     .sentinel = conn->target->told_by,
                                     .waited_ms = redis_client_away_ms(client),
                                     .generation = conn->generation,
                                     .is_renewal = client->active && client->active->is_old };
        if (conn->handshake.is_fallback)
                event.password_now = conn->handshake.uses_second ? 2 : 1;
        return event;
}

static void use(struct client *client, struct conn *conn)
{
        struct redis_health *health = &client->server.health;
        client->server.second_first = conn->handshake.uses_second;
        client->opening = NULL;
        set_active(client, conn);
        client->generation_in_use = conn->generation;
        redis_queue_set_place(&client->server.queue, conn->target, conn->generation, conn->target->is_node);
        client->server.counters.connects++;
        health->is_denied = false;
        if (client->server.queue.held_count == 0 && !health->wants_write) /* else the first answer tells */
                health->away_since_ms = 0;
        redis_client_wake(client); /* or a trial tells */
}

static void on_ready(struct conn *conn)
{
        struct client *client = client_of(conn);
        if (client->ops->takes && client->ops->takes(client->owner, conn))
                return;
        struct conn *old = client->active;
        bool is_switch = client->server.counters.connects > 0 && conn->generation != client->generation_in_use;
        struct redis_event event = connected_event(client, conn);
        use(client, conn);
        if (old)
                retire(client, old);
        if (client->ops->in_use)
                client->ops->in_use(client->owner, conn);
        redis_client_emit(client, event);
        event.kind = REDIS_EVENT_SWITCHED;
        if (is_switch)
                redis_client_emit(client, event);
        if (old && redis_conn_is_idle(old))
                on_idle(client, old);
        else if (old && old->state == CONN_READY && old->is_suspect)
                leave_former(old, conn);
        redis_client_write(client);
}

static void on_failed(struct conn *conn, enum redis_failure failure, const struct err *err)
{
        struct client *client = client_of(conn);
        struct redis_event event = { .address = conn->target->address, .err = err, .generation = conn->generation };
        event.kind = REDIS_EVENT_CONNECT_FAILED;
        if (failure == FAILURE_DENIED)
                event.kind = REDIS_EVENT_DENIED;
        else if (failure == FAILURE_WAIT || failure == FAILURE_RECONNECT)
                event.kind = REDIS_EVENT_NOT_WRITABLE;
        assert(client->opening == conn);
        client->opening = NULL;
        client->server.locator.sentinel_first++; /* do not ask first who led here */
        client->server.health.is_denied = failure == FAILURE_DENIED;
        client->server.health.last_error = *err;
        close_conn(client, conn);
        event.retry_ms = plan_retry(client, false);
        redis_client_emit(client, event);
}

static void on_lost(struct conn *conn, const struct err *err)
{
        struct client *client = client_of(conn);
        struct flight *flight = &conn->flow.flight;
        struct redis_event event = { .kind = REDIS_EVENT_DISCONNECTED,
                                     .address = conn->target->address,
                                     .err = err,
                                     .generation = conn->generation };
        for (struct list *at = flight->in_flight.next; at != &flight->in_flight; at = at->next)
                event.in_flight++;
        if (!conn->is_retired)
                redis_suspects_lost(&client->server.suspects, flight);
        redis_flight_rescue(flight, &client->server.queue);
        if (conn->is_retired) {
                finish_draining(client, conn, err, event.in_flight);
                return;
        }
        set_active(client, NULL);
        close_conn(client, conn);
        redis_replies_set_away(&client->server, err);
        redis_queue_drop_impatient(&client->server.queue);
        if (!client->opening)
                event.retry_ms = plan_retry(client, true);
        redis_client_emit(client, event);
}

static void on_replied(struct conn *conn, struct redis_command *command, const struct redis_reply *reply)
{
        struct client *client = client_of(conn);
        const struct client_ops *ops = client->ops;
        struct err err;
        if (!redis_expected_fits(&inside(command)->expected, reply)) {
                (void)redis_expected_not(&inside(command)->expected, reply, &err); /* passed on */
                redis_conn_broken(conn, &err);
                return;
        }
        if (inside(command)->state == COMMAND_ABANDONED)
                redis_flight_free_stand_in(command);
        else
                redis_replies_settle(conn, command, reply,
                                     ops->judge ? ops->judge(client->owner, command, reply, conn->target->host)
                                                : redis_failure_of(reply));
        if ((conn->flow.pause || conn->is_retired) && redis_conn_is_idle(conn))
                on_idle(client, conn);
}

static void on_outdated(struct conn *conn)
{
        redis_client_retry_after(client_of(conn), 0);
}

static const struct conn_events conn_events = {
        .ready = on_ready, .failed = on_failed, .lost = on_lost, .replied = on_replied, .outdated = on_outdated
};

void redis_client_look_again(struct client *client, unsigned sentinel)
{
        client->server.locator.sentinel_first = sentinel;
        if (client->active) /* otherwise it is being looked for */
                redis_failover_ask(client->active);
}

/* --- Time ------------------------------------------------------------------------------------------------ */

static bool is_waiting(const struct client *client)
{
        const struct server *server = &client->server;
        return server->queue.held_count > 0 || server->queue.in_flight_count > 0 || client->opening ||
               client->draining || (server->health.wants_write && server->health.away_since_ms > 0) ||
               (client->active && client->active->flow.hold_until_ms > 0) ||
               (client->ops->is_waiting && client->ops->is_waiting(client->owner));
}

/* If nothing waits, no answer can show that the server is back. */
static void look_whether_it_is_back(struct client *client)
{
        struct redis_health *health = &client->server.health;
        if (health->away_since_ms == 0 || client->server.queue.held_count > 0 || !redis_client_is_usable(client))
                return;
        if (health->wants_write && redis_now_ms(&client->server) < client->server.suspects.trial_after_ms)
                return;
        if (health->wants_write && redis_suspects_try_write(&client->server.suspects)) {
                redis_client_write(client);
                return;
        }
        health->wants_write = false; /* there is no way to try */
        if (!is_waiting(client))
                health->away_since_ms = 0;
}

static void tick_conn(struct conn *conn, int64_t now_ms)
{
        if (now_ms >= conn->flow.hold_until_ms)
                conn->flow.hold_until_ms = 0; /* this tick writes what is held */
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
        if (client->active)
                tick_conn(client->active, now_ms);
        if (client->opening)
                tick_conn(client->opening, now_ms);
        for (struct conn *conn = client->draining, *next; conn; conn = next) {
                next = conn->next;
                tick_conn(conn, now_ms);
        }
        redis_queue_deliver(&client->server.queue);
        redis_client_write(client); /* so that a caller that forgot to flush waits for a tick only */
        look_whether_it_is_back(client);
        if (!client->server.life.is_closing && !is_waiting(client))
                (void)uv_timer_stop(timer); /* cannot fail */
        redis_leave(&client->server.life);
}

void redis_client_wake(struct client *client)
{
        if (!client->server.life.is_closing && !uv_is_active((uv_handle_t *)&client->tick))
                (void)uv_timer_start(&client->tick, on_tick, TICK_MS, TICK_MS); /* fails only on a closed timer */
}

static void on_wake(struct queue *queue)
{
        redis_client_wake(CONTAINER_OF(queue, struct client, server.queue));
}

/* --- Its owner's side ------------------------------------------------------------------------------------ */

static void on_left(struct redis_life *life)
{
        struct client *client = CONTAINER_OF(life, struct client, server.life);
        while (client->dead) {
                struct conn *conn = client->dead;
                client->dead = conn->next;
                redis_conn_free(conn);
        }
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
        redis_upkeep_fini(&client->upkeep);
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
        server->life = (struct redis_life){ .holds = 3, .on_left = on_left, .on_ended = on_ended };
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
        server->events = &conn_events;
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
        (void)redis_target_known(target, &client->server.health.last_error); /* what errors say until it is */
        (void)uv_timer_init(loop, &client->tick);                            /* always 0 */
        (void)uv_timer_init(loop, &client->retry);
        redis_upkeep_init(&client->upkeep, &client->server);
        redis_client_retry_after(client, 0);
        *out = client;
        return 0;
}

static void drop_opening(struct client *client)
{
        if (client->opening)
                close_conn(client, client->opening);
        client->opening = NULL;
}

void redis_client_set_target(struct client *client, struct redis_target *target, unsigned generation)
{
        redis_enter(&client->server.life);
        drop_opening(client);
        struct redis_target *old = client->target;
        client->target = redis_target_ref(target);
        redis_target_unref(old);
        client->generation = generation;
        client->server.epoch++;
        client->server.health.failures = 0;
        client->server.second_first = false;
        redis_client_retry_after(client, 0);
        redis_leave(&client->server.life);
}

void redis_client_send(struct client *client, struct redis_command *command)
{
        redis_queue_send(&client->server.queue, command, redis_client_is_usable(client));
}

void redis_client_flush(struct client *client)
{
        redis_enter(&client->server.life);
        redis_queue_deliver(&client->server.queue); /* first, for what its callbacks send */
        redis_client_write(client);
        redis_queue_deliver(&client->server.queue);
        redis_leave(&client->server.life);
}

static void end_connection(struct client *client, struct conn *conn)
{
        redis_flight_rescue(&conn->flow.flight, &client->server.queue);
        close_conn(client, conn);
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
        struct conn *active = client->active;
        redis_enter(&client->server.life);
        client->server.life.is_closing = client->server.queue.is_closing = true;
        client->on_closed = on_closed;
        client->on_closed_data = data;
        drop_opening(client);
        if (client->ops->close)
                client->ops->close(client->owner);
        set_active(client, NULL);
        if (active)
                end_connection(client, active);
        while (client->draining) {
                struct conn *conn = client->draining;
                client->draining = conn->next;
                end_connection(client, conn);
        }
        redis_queue_fail_all(&client->server.queue, REASON_CLOSED);
        redis_locator_close(&client->server.locator);
        close_timer(client, &client->tick);
        close_timer(client, &client->retry);
        close_timer(client, &client->upkeep.timer);
        redis_queue_deliver(&client->server.queue);
        redis_leave(&client->server.life);
}

int64_t redis_client_away_ms(const struct client *client)
{
        int64_t since_ms = client->server.health.away_since_ms;
        return since_ms ? redis_now_ms(&client->server) - since_ms : 0;
}

struct redis_counters redis_client_counters(const struct client *client)
{
        struct redis_counters counters = client->server.counters;
        counters.failed = client->server.queue.failed_total;
        return counters;
}
