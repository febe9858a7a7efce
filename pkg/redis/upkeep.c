/* upkeep: sends a PING on a silent connection, so that a dead peer is noticed (within stall_ms) before a request meets
 * it, and no NAT forgets the connection. Replaces a connection at max_age_ms: it retires only when its successor is
 * ready, so nothing is lost; 10 % of jitter spreads the connections of many processes. One timer serves whichever comes
 * first. */
#include "redis/upkeep.h"

static void on_pong(struct redis_command *command UNUSED, const struct redis_reply *reply UNUSED,
                    const struct err *err UNUSED)
{
        /* conn.c notices when it does not come. */
}

static void plan(struct upkeep *upkeep);

static void ping(struct upkeep *upkeep)
{
        struct redis_command *command = &upkeep->ping;
        if (inside(command)->state != COMMAND_IDLE ||
            redis_command_args(command, 1, (const char *[]){ "PING" }, (size_t[]){ 4 }, NULL) < 0)
                return; /* one is under way; or out of memory: next time */
        inside(command)->is_own = true;
        command->must_not_hold = true;
        redis_queue_send(&upkeep->server->queue, command, true);
        redis_flow_write(&upkeep->conn->flow);
}

static bool is_due(const struct upkeep *upkeep, int64_t now_ms)
{
        const struct flow *flow = &upkeep->conn->flow;
        return flow->pause == FAILURE_NONE && !upkeep->server->life.is_closing &&
               redis_flight_is_empty(&flow->flight) && now_ms - flow->heard_ms >= upkeep->server->options.idle_ping_ms;
}

static void on_timer(uv_timer_t *timer)
{
        struct upkeep *upkeep = CONTAINER_OF(timer, struct upkeep, timer);
        struct server *server = upkeep->server;
        struct conn *c = upkeep->conn;
        int64_t now_ms = redis_now_ms(server);
        if (!c)
                return; /* redis_upkeep_use starts it again */
        redis_enter(&server->life);
        if (c->renew_ms > 0 && !c->is_old && now_ms >= c->renew_ms) {
                c->is_old = true;
                server->events->outdated(c);
        }
        if (is_due(upkeep, now_ms))
                ping(upkeep);
        redis_queue_deliver(&server->queue);
        plan(upkeep);
        redis_leave(&server->life);
}

static void plan(struct upkeep *upkeep)
{
        const struct conn *c = upkeep->conn;
        int64_t now_ms = redis_now_ms(upkeep->server), idle_ms = upkeep->server->options.idle_ping_ms;
        if (!c || upkeep->server->life.is_closing)
                return;
        int64_t at_ms = c->flow.heard_ms + idle_ms;
        if (at_ms <= now_ms)
                at_ms = now_ms + idle_ms; /* it was looked at just now */
        if (c->renew_ms > 0 && !c->is_old && c->renew_ms < at_ms)
                at_ms = c->renew_ms;
        (void)uv_timer_start(&upkeep->timer, on_timer, at_ms > now_ms ? (uint64_t)(at_ms - now_ms) : 0,
                             0); /* fails only on a closed timer */
}

void redis_upkeep_init(struct upkeep *upkeep, struct server *server)
{
        upkeep->server = server;
        (void)uv_timer_init(server->loop, &upkeep->timer); /* always 0 */
        redis_command_init(&upkeep->ping, on_pong);
}

void redis_upkeep_use(struct upkeep *upkeep, struct conn *conn, uint64_t spread)
{
        int64_t age_ms = upkeep->server->options.max_age_ms, tenth_ms = age_ms / 10;
        upkeep->conn = conn;
        if (conn && age_ms > 0)
                conn->renew_ms = redis_now_ms(upkeep->server) + age_ms - tenth_ms +
                                 (int64_t)(spread % (uint64_t)(2 * tenth_ms + 1));
        plan(upkeep);
}

void redis_upkeep_fini(struct upkeep *upkeep)
{
        redis_command_fini(&upkeep->ping);
}
