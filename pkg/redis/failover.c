/* failover: queries the Sentinels again while a primary that they named is in use. It does so once a second while the
 * primary is silent, because a failover may finish long before stall_ms has passed, and at once when a Sentinel reports
 * a failover (sentinel_watch.c). If they name another primary, a silent connection is closed at once. If the old
 * primary still answers, commands move only when the other server has confirmed that it is the primary, so a mistaken
 * Sentinel causes no harm. If they name the same primary, stall_ms and connect_timeout_ms apply, as for any
 * connection. */
#include <string.h>

#include "redis/failover.h"
#include "redis/target_private.h"

enum { SILENCE_MS = 1000 };

static bool is_silent(const struct conn *c, int64_t now_ms)
{
        int64_t half_ms = c->server->options.stall_ms / 2;
        int64_t wait_ms = half_ms < SILENCE_MS ? half_ms : SILENCE_MS;
        if (c->state == CONN_READY)
                return !redis_flight_is_empty(&c->flow.flight) && now_ms - c->flow.heard_ms >= wait_ms;
        return c->state >= CONN_CONNECTING && c->state <= CONN_HANDSHAKE && now_ms - c->looked_ms >= wait_ms;
}

static void leave(struct conn *c, const struct redis_target *at)
{
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "%s: Sentinel %s names another primary: %s", c->target->address,
                      at->named_by, at->address); /* passed on */
        if (c->state != CONN_READY) {
                c->server->events->failed(c, FAILURE_NONE, &err);
        } else if (is_silent(c, redis_now_ms(c->server))) {
                c->server->events->lost(c, &err);
        } else {
                c->is_suspect = true;
                c->server->events->outdated(c);
        }
}

static void ask(struct conn *c);

static void on_located(struct redis_target *at, const struct redis_addresses *found UNUSED,
                       const struct err *why UNUSED, void *data)
{
        struct conn *c = data;
        c->locate = NULL;
        if (at && strcmp(at->address, c->target->address) != 0)
                leave(c, at);
        else if (c->look_again)
                ask(c);
}

static void ask(struct conn *c)
{
        struct redis_addresses unused;
        struct err err;
        c->looked_ms = redis_now_ms(c->server);
        c->look_again = false;
        if (redis_locate(&c->server->locator, redis_target_origin(c->target), &unused, on_located, c, &c->locate,
                         &err) < 0)
                c->locate = NULL; /* out of memory: queried again in a second while the primary is silent */
}

void redis_failover_tick(struct conn *c, int64_t now_ms)
{
        if (c->target->named_by && !c->locate && !c->is_retired && is_silent(c, now_ms) &&
            now_ms - c->looked_ms >= SILENCE_MS)
                ask(c);
}

void redis_failover_ask(struct conn *c)
{
        if (!c->target->named_by)
                return;
        c->look_again = c->locate != NULL;
        if (!c->locate)
                ask(c);
}
