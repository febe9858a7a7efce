/* renewal: 10% of jitter spreads the reconnects of many processes that connected at the same time. */
#include "redis/renewal.h"

static void on_timer(uv_timer_t *timer)
{
        struct renewal *renewal = CONTAINER_OF(timer, struct renewal, timer);
        struct server *server = renewal->server;
        struct conn *conn = renewal->conn;
        redis_enter(&server->life);
        conn->is_old = true;
        server->events->outdated(conn);
        redis_leave(&server->life);
}

void redis_renewal_init(struct renewal *renewal, struct server *server)
{
        renewal->server = server;
        (void)uv_timer_init(server->loop, &renewal->timer); /* always 0 */
}

void redis_renewal_use(struct renewal *renewal, struct conn *conn, uint64_t spread)
{
        int64_t age_ms = renewal->server->options.max_age_ms, tenth_ms = age_ms / 10;
        renewal->conn = conn;
        (void)uv_timer_stop(&renewal->timer); /* always 0 */
        if (!conn || age_ms == 0 || renewal->server->life.is_closing)
                return;
        int64_t wait_ms = age_ms - tenth_ms + (int64_t)(spread % (uint64_t)(2 * tenth_ms + 1));
        (void)uv_timer_start(&renewal->timer, on_timer, (uint64_t)wait_ms, 0); /* fails only on a closed timer */
}
