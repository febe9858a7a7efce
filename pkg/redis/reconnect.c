/* reconnect: which connection takes commands. At most one is active, one is opening, and retired ones drain. A
 * connection to the newest target replaces the active one when it is ready. The client replaces a lost connection at
 * once the first time, then with backoff and full jitter. All attempts start in `retry`, so redis_open and
 * redis_set_target never call back from inside. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "redis/internal.h"

enum { BACKOFF_DOUBLINGS_MAX = 16 };

void redis_emit(struct redis *client, struct redis_event event)
{
        event.held = redis_held(client);
        event.attempt = client->failures;
        if (client->options.on_event && !client->is_closing)
                client->options.on_event(client, &event, client->options.data);
}

static void set_away(struct redis *client, const struct err *why)
{
        if (client->away_since_ms == 0)
                client->away_since_ms = redis_now_ms(client);
        client->last_error = *why;
}

/* --- Attempts -------------------------------------------------------------------------------------------- */

/* xorshift64: spreads clients that were lost together; nothing secret hangs on it. */
uint64_t redis_random(struct redis *client)
{
        uint64_t x = client->random;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        return client->random = x;
}

/* The next wait: anything from 1 ms up to a bound that doubles. The first after a success is none at all. */
static int64_t next_backoff_ms(struct redis *client, bool may_be_at_once)
{
        unsigned n = client->failures++;
        if (n == 0 && may_be_at_once)
                return 0;
        int64_t bound = client->options.backoff_min_ms << (n < BACKOFF_DOUBLINGS_MAX ? n : BACKOFF_DOUBLINGS_MAX);
        if (bound > client->options.backoff_max_ms)
                bound = client->options.backoff_max_ms;
        return 1 + (int64_t)(redis_random(client) % (uint64_t)bound);
}

static void on_retry(uv_timer_t *timer);

void redis_retry_after(struct redis *client, int64_t wait_ms)
{
        if (client->is_closing || (uv_is_active((uv_handle_t *)&client->retry) && wait_ms > 0))
                return;
        (void)uv_timer_start(&client->retry, on_retry, (uint64_t)wait_ms, 0); /* fails only on a closed timer */
}

static void open_connection(struct redis *client)
{
        struct err err;
        struct redis_target *target = redis_cluster_seed(client);
        struct conn *conn = target ? redis_conn_new(client, target, &err) : NULL;
        redis_target_unref(target);
        if (!conn) {
                redis_retry_after(client, client->options.backoff_max_ms);
                return;
        }
        client->opening = conn;
        redis_wake(client);
        redis_conn_start(conn);
}

static bool wants_connection(const struct redis *client)
{
        const struct conn *active = client->active;
        if (client->target->is_nowhere)
                return false;
        if (client->cluster)
                return redis_cluster_wants_connection(client);
        return !active || active->epoch != client->epoch || active->is_suspect || active->is_old;
}

static void on_retry(uv_timer_t *timer)
{
        struct redis *client = CONTAINER_OF(timer, struct redis, retry);
        struct conn *active = client->active;
        redis_enter(client);
        if (active && active->pause == FAILURE_WAIT && list_is_empty(&active->in_flight)) {
                active->pause = FAILURE_NONE;
                redis_conn_write(active);
        }
        if (!client->opening && wants_connection(client))
                open_connection(client);
        redis_queue_deliver(client);
        redis_leave(client);
}

/* --- What connections tell ------------------------------------------------------------------------------- */

/* Commands go elsewhere from now on; it stays until what is in flight has been answered. */
static void retire(struct redis *client, struct conn *conn)
{
        conn->is_retired = true;
        redis_suspects_forget_turn(client);
        client->window = 0;
        conn->drain_deadline_ms = redis_now_ms(client) + client->options.stall_ms;
        conn->next = client->draining;
        client->draining = conn;
}

static void remove_draining(struct redis *client, struct conn *conn)
{
        struct conn **at = &client->draining;
        while (*at != conn)
                at = &(*at)->next;
        *at = conn->next;
}

static void finish_draining(struct redis *client, struct conn *conn, const struct err *err, size_t in_flight)
{
        struct redis_event event = { .kind = REDIS_EVENT_DRAINED,
                                     .address = conn->target->address,
                                     .err = err,
                                     .in_flight = in_flight,
                                     .generation = conn->generation,
                                     .is_renewal = conn->is_old };
        remove_draining(client, conn);
        redis_conn_close(conn);
        redis_emit(client, event);
}

void redis_write_held(struct redis *client)
{
        if (client->cluster || client->leaving)
                redis_cluster_flush(client);
        if (redis_is_usable(client))
                redis_conn_write(client->active);
}

/* Nothing is in flight on it any more, and it is retired or has refused commands. */
static void on_idle(struct redis *client, struct conn *conn)
{
        redis_queue_hold_again(client, &conn->refused);
        if (conn->is_retired) {
                finish_draining(client, conn, NULL, 0);
                redis_write_held(client);
                return;
        }
        struct err why = client->last_error;
        struct redis_event event = { .kind = REDIS_EVENT_NOT_WRITABLE,
                                     .address = conn->target->address,
                                     .err = &why,
                                     .generation = conn->generation };
        event.retry_ms = next_backoff_ms(client, false);
        if (conn->pause != FAILURE_WAIT) {
                client->active = NULL;
                redis_conn_close(conn);
        }
        redis_queue_drop_impatient(client);
        redis_retry_after(client, event.retry_ms);
        redis_emit(client, event);
}

/* What a former primary still acknowledges is lost: it is asked of the new one, again. */
static void leave_former(struct conn *old, const struct conn *now)
{
        struct err err;
        if (strcmp(old->target->address, now->target->address) == 0)
                return;
        (void)err_set(&err, ERR_UNAVAILABLE, "%s: no longer the primary, which is now %s", old->target->address,
                      now->target->address); /* told by the event */
        redis_conn_lost(old, &err);
}

void redis_cluster_entered(struct redis *client)
{
        struct conn *old = client->active;
        bool is_switch = client->counters.connects > 0 && client->cluster->generation != client->generation_in_use;
        struct redis_event event = { .kind = REDIS_EVENT_SWITCHED,
                                     .address = client->cluster->target->address,
                                     .generation = client->cluster->generation };
        client->generation_in_use = event.generation;
        client->counters.connects++;
        client->active = NULL;
        redis_queue_rejoin(client);
        redis_queue_release(client);
        if (old)
                retire(client, old);
        redis_sentinel_watch_follow(client, NULL);
        if (is_switch)
                redis_emit(client, event);
        if (old && old->state == CONN_READY && list_is_empty(&old->in_flight))
                on_idle(client, old);
}

void redis_conn_is_ready(struct conn *conn)
{
        struct redis *client = conn->client;
        if (redis_cluster_takes(conn))
                return;
        struct conn *old = client->active;
        bool is_switch = client->counters.connects > 0 && conn->generation != client->generation_in_use;
        struct redis_event event = { .kind = REDIS_EVENT_CONNECTED,
                                     .address = conn->target->address,
                                     .sentinel = conn->target->told_by,
                                     .waited_ms = redis_away_ms(client),
                                     .generation = conn->generation };
        event.is_renewal = old && old->is_old;
        if (conn->handshake.is_fallback)
                event.password_now = conn->handshake.uses_second ? 2 : 1;
        client->second_first = conn->handshake.uses_second;
        client->opening = NULL;
        client->active = conn;
        redis_upkeep_start(client);
        client->generation_in_use = conn->generation;
        redis_place_set(client, conn->target, conn->generation, client->node != NULL);
        redis_queue_release(client);
        client->counters.connects++;
        client->is_denied = false;
        if (client->held_count == 0 && !client->wants_write) /* else the first answer tells */
                client->away_since_ms = 0;
        redis_wake(client); /* or one that it asks for */
        if (old)
                retire(client, old);
        redis_sentinel_watch_follow(client, conn);
        redis_emit(client, event);
        event.kind = REDIS_EVENT_SWITCHED;
        if (is_switch)
                redis_emit(client, event);
        if (old && old->state == CONN_READY && list_is_empty(&old->in_flight))
                on_idle(client, old);
        else if (old && old->state == CONN_READY && old->is_suspect)
                leave_former(old, conn);
        redis_write_held(client);
}

void redis_conn_failed(struct conn *conn, enum redis_failure failure, const struct err *err)
{
        struct redis *client = conn->client;
        struct redis_event event = { .address = conn->target->address, .err = err, .generation = conn->generation };
        event.kind = REDIS_EVENT_CONNECT_FAILED;
        if (failure == FAILURE_DENIED)
                event.kind = REDIS_EVENT_DENIED;
        else if (failure == FAILURE_WAIT || failure == FAILURE_RECONNECT)
                event.kind = REDIS_EVENT_NOT_WRITABLE;
        assert(client->opening == conn);
        client->opening = NULL;
        client->sentinel_first++; /* whoever led here: another one is asked next */
        client->is_denied = failure == FAILURE_DENIED;
        client->last_error = *err;
        redis_conn_close(conn);
        event.retry_ms = next_backoff_ms(client, false);
        redis_retry_after(client, event.retry_ms);
        redis_emit(client, event);
}

void redis_conn_lost(struct conn *conn, const struct err *err)
{
        struct redis *client = conn->client;
        struct redis_event event = { .kind = REDIS_EVENT_DISCONNECTED,
                                     .address = conn->target->address,
                                     .err = err,
                                     .generation = conn->generation };
        for (struct list *at = conn->in_flight.next; at != &conn->in_flight; at = at->next)
                event.in_flight++;
        if (!conn->is_retired)
                redis_suspects_lost(client, conn);
        redis_queue_rescue(client, conn);
        if (conn->is_retired) {
                finish_draining(client, conn, err, event.in_flight);
                redis_write_held(client);
                return;
        }
        client->active = NULL;
        redis_conn_close(conn);
        set_away(client, err);
        redis_queue_drop_impatient(client);
        if (!client->opening)
                redis_retry_after(client, event.retry_ms = next_backoff_ms(client, true));
        redis_emit(client, event);
}

static void note_success(struct redis *client, struct conn *conn, struct redis_command *command)
{
        bool is_write = redis_command_kind(command) != REDIS_KIND_READ;
        redis_suspects_answered(client, command);
        if (is_write && !conn->is_retired)
                client->wants_write = false;
        if (conn->epoch == client->epoch && !client->wants_write) /* an old target says nothing of the new one */
                client->failures = 0;
        if (!conn->is_retired && conn->pause == FAILURE_NONE && !client->wants_write)
                client->away_since_ms = 0;
        if (inside(command)->batch_us != 0 && client->on_round_trip)
                client->on_round_trip(clock_monotonic_us() - inside(command)->batch_us, client->on_round_trip_data);
}

static void on_refused(struct redis *client, struct conn *conn, struct redis_command *command,
                       const struct redis_reply *reply, enum redis_failure failure)
{
        struct err err;
        (void)redis_reply_error(reply, &err); /* kept as the last error */
        if (failure == FAILURE_UNKNOWN) {
                redis_queue_doubt(client, command, &conn->refused);
                failure = FAILURE_RECONNECT; /* a server that changes its role unblocks its clients */
        } else {
                redis_queue_refused(client, command, &conn->refused);
        }
        client->wants_write |= redis_command_kind(command) != REDIS_KIND_READ && !conn->is_retired;
        if (conn->pause != FAILURE_RECONNECT)
                conn->pause = failure;
        if (!conn->is_retired)
                set_away(client, &err);
}

void redis_conn_replied(struct conn *conn, struct redis_command *command, const struct redis_reply *reply)
{
        struct redis *client = conn->client;
        enum redis_failure failure = FAILURE_NONE;
        if (!redis_expected_fits(&inside(command)->expected, reply)) {
                struct err err;
                (void)redis_expected_not(&inside(command)->expected, reply, &err); /* told by redis_conn_broken */
                redis_conn_broken(conn, &err);
                return;
        }
        if (inside(command)->state != COMMAND_ABANDONED)
                failure = client->node ? redis_cluster_judge(conn, command, reply) : redis_failure_of(reply);
        if (inside(command)->state == COMMAND_ABANDONED) {
                redis_queue_free_stand_in(command);
        } else if (failure == FAILURE_MOVED) {
                client->failures = 0;
        } else if (failure == FAILURE_NONE) {
                note_success(client, conn, command);
                redis_queue_answer(client, command, reply);
        } else {
                on_refused(client, conn, command, reply, failure);
        }
        if ((conn->pause || conn->is_retired) && conn->state == CONN_READY && list_is_empty(&conn->in_flight))
                on_idle(client, conn);
}
