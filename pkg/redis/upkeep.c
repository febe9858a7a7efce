/* upkeep: maintains the active connection. A silent one gets a PING, so that a dead peer is noticed (by the stall time)
 * before a request meets it, and no NAT drops the connection. An old one is retired only when its successor is ready,
 * so that nothing is lost; a tenth of jitter spreads the connections of many processes. One timer, started when a
 * connection is ready, for whichever comes first. */
#include "redis/internal.h"

static void on_pong(struct redis_command *command UNUSED, const struct redis_reply *reply UNUSED,
                    const struct err *err UNUSED)
{
        /* What its absence means is found out by the connection. */
}

static void plan(struct redis *client);

static void ping(struct redis *client)
{
        struct redis_command *command = &client->ping;
        if (inside(command)->state != COMMAND_IDLE ||
            redis_command_args(command, 1, (const char *[]){ "PING" }, (size_t[]){ 4 }, NULL) < 0)
                return; /* one is under way; or without memory, the next time */
        command->must_not_hold = true;
        redis_send(client, command);
        redis_write_held(client);
}

static bool is_due(const struct redis *client, const struct conn *c, int64_t now_ms)
{
        return redis_is_usable(client) && list_is_empty(&c->in_flight) &&
               now_ms - c->heard_ms >= client->options.idle_ping_ms;
}

static void on_upkeep(uv_timer_t *timer)
{
        struct redis *client = CONTAINER_OF(timer, struct redis, upkeep);
        struct conn *c = client->active;
        int64_t now_ms = redis_now_ms(client);
        if (!c)
                return; /* the next one starts it again */
        redis_enter(client);
        if (c->renew_ms > 0 && !c->is_old && now_ms >= c->renew_ms) {
                c->is_old = true;
                redis_retry_after(client, 0);
        }
        if (is_due(client, c, now_ms))
                ping(client);
        redis_queue_deliver(client);
        plan(client);
        redis_leave(client);
}

static void plan(struct redis *client)
{
        const struct conn *c = client->active;
        int64_t now_ms = redis_now_ms(client), idle_ms = client->options.idle_ping_ms;
        if (!c || client->is_closing)
                return;
        int64_t at_ms = c->heard_ms + idle_ms;
        if (at_ms <= now_ms)
                at_ms = now_ms + idle_ms; /* it was looked at just now */
        if (c->renew_ms > 0 && !c->is_old && c->renew_ms < at_ms)
                at_ms = c->renew_ms;
        (void)uv_timer_start(&client->upkeep, on_upkeep, at_ms > now_ms ? (uint64_t)(at_ms - now_ms) : 0,
                             0); /* not closed: cannot fail */
}

void redis_upkeep_init(struct redis *client)
{
        (void)uv_timer_init(client->loop, &client->upkeep); /* always 0 */
        redis_command_init(&client->ping, on_pong);
}

void redis_upkeep_start(struct redis *client)
{
        int64_t age_ms = client->options.max_age_ms, tenth_ms = age_ms / 10;
        if (age_ms > 0)
                client->active->renew_ms = redis_now_ms(client) + age_ms - tenth_ms +
                                           (int64_t)(redis_random(client) % (uint64_t)(2 * tenth_ms + 1));
        plan(client);
}
