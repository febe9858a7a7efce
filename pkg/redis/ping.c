/* ping: the timer fires when the connection in use has been silent for idle_ping_ms. conn.c notices a missing PONG, as
 * for any other command. */
#include "redis/ping.h"

static void on_pong(struct redis_command *command UNUSED, const struct redis_reply *reply UNUSED,
                    const struct err *err UNUSED)
{
        /* conn.c notices if the reply does not arrive. */
}

static void send_ping(struct ping *ping)
{
        struct redis_command *command = &ping->command;
        if (inside(command)->state != COMMAND_IDLE ||
            redis_command_args(command, 1, (const char *[]){ "PING" }, (size_t[]){ 4 }, NULL) < 0)
                return; /* one is in flight, or out of memory: next time */
        inside(command)->is_own = true;
        command->must_not_hold = true;
        redis_queue_send(&ping->server->queue, command, true);
        redis_flow_write(&ping->conn->flow);
}

static bool is_due(const struct ping *ping, int64_t now_ms)
{
        const struct flow *flow = &ping->conn->flow;
        return flow->pause == FAILURE_NONE && redis_flight_is_empty(&flow->flight) &&
               now_ms - flow->heard_ms >= ping->server->options.idle_ping_ms;
}

static void plan(struct ping *ping);

static void on_timer(uv_timer_t *timer)
{
        struct ping *ping = CONTAINER_OF(timer, struct ping, timer);
        struct server *server = ping->server;
        if (!ping->conn)
                return; /* redis_ping_use starts it again */
        redis_enter(&server->life);
        if (is_due(ping, redis_now_ms(server)))
                send_ping(ping);
        redis_queue_deliver(&server->queue);
        plan(ping);
        redis_leave(&server->life);
}

static void plan(struct ping *ping)
{
        int64_t idle_ms = ping->server->options.idle_ping_ms;
        if (!ping->conn || ping->server->life.is_closing)
                return;
        int64_t wait_ms = ping->conn->flow.heard_ms + idle_ms - redis_now_ms(ping->server);
        (void)uv_timer_start(&ping->timer, on_timer, (uint64_t)(wait_ms > 0 ? wait_ms : idle_ms),
                             0); /* fails only on a closed timer */
}

void redis_ping_init(struct ping *ping, struct server *server)
{
        ping->server = server;
        (void)uv_timer_init(server->loop, &ping->timer); /* always 0 */
        redis_command_init(&ping->command, on_pong);
}

void redis_ping_use(struct ping *ping, struct conn *conn)
{
        ping->conn = conn;
        plan(ping);
}

void redis_ping_fini(struct ping *ping)
{
        redis_command_fini(&ping->command);
}
