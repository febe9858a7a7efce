/* connections: at most one connection is active, one is opening, and retired ones drain. A connection to the newest
 * target replaces the active one when it is ready. A lost connection is replaced at once the first time, then with
 * backoff. All attempts start in `retry`, so that opening a client or setting its target never invokes a callback
 * before returning. */
#include "redis/connections.h"

#include <assert.h>
#include <string.h>

#include "redis/backoff.h"
#include "redis/failover.h"
#include "redis/random.h"
#include "redis/replies.h"
#include "redis/resend.h"
#include "redis/target_private.h"

static struct client *client_of(const struct conn *conn)
{
        return CONTAINER_OF(conn->server, struct client, server);
}

bool redis_connections_are_usable(const struct client *client)
{
        return client->active && client->active->flow.pause == FAILURE_NONE && !client->server.life.is_closing;
}

void redis_connections_emit(struct client *client, struct redis_event event)
{
        event.held = client->server.queue.held_count;
        event.attempt = client->server.health.failures;
        if (client->ops->event && !client->server.life.is_closing)
                client->ops->event(client->owner, &event);
}

void redis_connections_write(struct client *client)
{
        if (client->ops->flush)
                client->ops->flush(client->owner);
        if (redis_connections_are_usable(client))
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
                redis_connections_retry_after(client, client->server.options.backoff_max_ms);
                return;
        }
        client->opening = conn;
        client->server.queue.wake(&client->server.queue);
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

void redis_connections_retry_after(struct client *client, int64_t wait_ms)
{
        bool is_planned = uv_is_active((uv_handle_t *)&client->retry) && wait_ms > 0;
        if (!client->server.life.is_closing && !is_planned)
                (void)uv_timer_start(&client->retry, on_retry, (uint64_t)wait_ms, 0); /* fails only on a closed timer */
}

/* Plans the next attempt. Returns the time until then. */
static int64_t plan_retry(struct client *client, bool may_be_at_once)
{
        int64_t wait_ms = redis_backoff_next_ms(&client->server, &client->random, may_be_at_once);
        redis_connections_retry_after(client, wait_ms);
        return wait_ms;
}

/* --- The connection in use -------------------------------------------------------------------------- */

static void set_active(struct client *client, struct conn *conn)
{
        if (client->active)
                client->active->flow.is_active = false;
        client->active = conn;
        if (conn)
                conn->flow.is_active = true;
        redis_ping_use(&client->ping, conn);
        redis_renewal_use(&client->renewal, conn, conn ? redis_random(&client->random) : 0);
}

static void close_conn(struct client *client, struct conn *conn)
{
        redis_conn_close(conn);
        conn->next = client->dead;
        client->dead = conn;
}

/* Retires the connection: it takes no more commands, and stays until the commands in flight have been answered. */
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
        redis_connections_emit(client, event);
        redis_connections_write(client);
}

/* Called when the active connection has refused commands and all its other commands have been answered. */
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
        redis_connections_retry_after(client, event.retry_ms);
        redis_connections_emit(client, event);
}

/* Called when a connection that is retired or has refused commands has nothing in flight any more. */
static void on_idle(struct client *client, struct conn *conn)
{
        redis_queue_hold_again(&client->server.queue, &conn->flow.flight.refused);
        if (conn->is_retired)
                finish_draining(client, conn, NULL, 0);
        else
                on_paused(client, conn);
}

void redis_connections_stand_back(struct client *client, unsigned generation, const char *address)
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
                redis_connections_emit(client, (struct redis_event){ .kind = REDIS_EVENT_SWITCHED,
                                                                     .address = address,
                                                                     .generation = generation });
        if (old && redis_conn_is_idle(old))
                on_idle(client, old);
}

void redis_connections_served(struct client *client)
{
        close_conn(client, client->opening);
        client->opening = NULL;
        client->server.health.failures = 0;
        client->server.health.is_denied = false;
        client->server.queue.wake(&client->server.queue);
}

/* --- What connections report ----------------------------------------------------------------------------- */

static void on_lost(struct conn *conn, const struct err *err);

static void on_located(struct conn *conn)
{
        if (conn->addresses.left_out > 0)
                redis_connections_emit(client_of(conn), (struct redis_event){ .kind = REDIS_EVENT_ADDRESSES_LEFT_OUT,
                                                                              .address = conn->target->address,
                                                                              .addresses = conn->addresses.count,
                                                                              .left_out = conn->addresses.left_out,
                                                                              .generation = conn->generation });
}

/* Drops the connection to an old primary. Writes that it still acknowledges would be lost, so they are repeated on the
 * new primary. */
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
                                     .sentinel = conn->target->named_by,
                                     .waited_ms = redis_server_away_ms(&client->server),
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
        if (client->server.queue.held_count == 0 && !health->wants_write) /* otherwise the first reply shows it */
                health->away_since_ms = 0;
        client->server.queue.wake(&client->server.queue); /* or a trial shows it */
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
        redis_connections_emit(client, event);
        event.kind = REDIS_EVENT_SWITCHED;
        if (is_switch)
                redis_connections_emit(client, event);
        if (old && redis_conn_is_idle(old))
                on_idle(client, old);
        else if (old && old->state == CONN_READY && old->is_suspect)
                leave_former(old, conn);
        redis_connections_write(client);
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
        client->server.locator.sentinel_first++; /* do not query the same Sentinel first */
        client->server.health.is_denied = failure == FAILURE_DENIED;
        client->server.health.last_error = *err;
        close_conn(client, conn);
        event.retry_ms = plan_retry(client, false);
        redis_connections_emit(client, event);
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
        redis_resend_lost(flight, &client->server.queue);
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
        redis_connections_emit(client, event);
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
        redis_connections_retry_after(client_of(conn), 0);
}

const struct conn_events redis_connections_events = { .located = on_located,
                                                      .ready = on_ready,
                                                      .failed = on_failed,
                                                      .lost = on_lost,
                                                      .replied = on_replied,
                                                      .outdated = on_outdated };

void redis_connections_look_again(struct client *client, unsigned sentinel)
{
        client->server.locator.sentinel_first = sentinel;
        if (client->active) /* otherwise a search is running */
                redis_failover_ask(client->active);
}

/* --- The end --------------------------------------------------------------------------------------------- */

void redis_connections_drop_opening(struct client *client)
{
        if (client->opening)
                close_conn(client, client->opening);
        client->opening = NULL;
}

static void end_connection(struct client *client, struct conn *conn)
{
        redis_resend_lost(&conn->flow.flight, &client->server.queue);
        close_conn(client, conn);
}

void redis_connections_close(struct client *client)
{
        struct conn *active = client->active;
        set_active(client, NULL);
        if (active)
                end_connection(client, active);
        while (client->draining) {
                struct conn *conn = client->draining;
                client->draining = conn->next;
                end_connection(client, conn);
        }
}

void redis_connections_free_dead(struct client *client)
{
        while (client->dead) {
                struct conn *conn = client->dead;
                client->dead = conn->next;
                redis_conn_free(conn);
        }
}
