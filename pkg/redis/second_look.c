/* second_look: while a primary that a Sentinel named stays silent, the Sentinels are asked once more a second, since
 * a failover may be over long before the stall time is. Where they name another one, the connection is given
 * up at once; where they do not, stall_ms and connect_timeout_ms decide, as for any other. Subscribing to
 * +switch-master would tell it a little earlier, for a connection to watch and to renew on each loop. */
#include <string.h>

#include "redis/internal.h"

enum { SILENCE_MS = 1000 };

static bool is_silent(const struct conn *c, int64_t now_ms, int64_t wait_ms)
{
        if (now_ms - c->looked_ms < wait_ms)
                return false;
        if (c->state != CONN_READY)
                return c->state >= CONN_CONNECTING && c->state <= CONN_HANDSHAKE;
        return !redis_link_empty(&c->in_flight) && now_ms - c->heard_ms >= wait_ms;
}

static void on_looked(struct redis_target *at, const struct redis_addresses *found UNUSED, const struct err *why UNUSED,
                      void *data)
{
        struct conn *c = data;
        struct err err;
        c->locate = NULL;
        if (!at || strcmp(at->address, c->target->address) == 0)
                return;
        (void)err_set(&err, ERR_UNAVAILABLE, "%s: silent, and the Sentinel %s names another primary: %s",
                      c->target->address, at->told_by, at->address); /* it is why the connection ends */
        if (c->state == CONN_READY)
                redis_conn_lost(c, &err);
        else
                redis_conn_failed(c, FAILURE_NONE, &err);
}

void redis_second_look(struct conn *c, int64_t now_ms)
{
        int64_t half_ms = c->client->options.stall_ms / 2;
        int64_t wait_ms = half_ms < SILENCE_MS ? half_ms : SILENCE_MS;
        struct redis_addresses unused;
        struct err err;
        if (!c->target->told_by || c->locate || c->is_retired || !is_silent(c, now_ms, wait_ms))
                return;
        c->looked_ms = now_ms;
        if (redis_locate(c->client, redis_target_origin(c->target), &unused, on_looked, c, &c->locate, &err) < 0)
                c->locate = NULL; /* asked again in a second */
}
