/* second_look: asks the Sentinels again while a primary that one of them named is in use. That is done once a second
 * while it stays silent, since a failover may be over long before the stall time is, and when a Sentinel tells of
 * one (sentinel_watch.c). A silent connection is given up at once where another primary is named; from one that
 * answers, commands move when the other has said itself that it is the primary, so that a Sentinel that is wrong
 * costs nothing. Where the same one is named, stall_ms and connect_timeout_ms decide, as for any connection. */
#include <string.h>

#include "redis/internal.h"

enum { SILENCE_MS = 1000 };

static bool is_silent(const struct conn *c, int64_t now_ms)
{
        int64_t half_ms = c->client->options.stall_ms / 2;
        int64_t wait_ms = half_ms < SILENCE_MS ? half_ms : SILENCE_MS;
        if (c->state == CONN_READY)
                return !list_is_empty(&c->in_flight) && now_ms - c->heard_ms >= wait_ms;
        return c->state >= CONN_CONNECTING && c->state <= CONN_HANDSHAKE && now_ms - c->looked_ms >= wait_ms;
}

static void leave(struct conn *c, const struct redis_target *at)
{
        struct redis *client = c->client;
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "%s: Sentinel %s names another primary: %s", c->target->address,
                      at->told_by, at->address); /* it is why the connection ends */
        if (c->state != CONN_READY) {
                redis_conn_failed(c, FAILURE_NONE, &err);
        } else if (is_silent(c, redis_now_ms(client))) {
                redis_conn_lost(c, &err);
        } else {
                c->is_suspect = true;
                redis_retry_after(client, 0);
        }
}

static void look(struct conn *c);

static void on_looked(struct redis_target *at, const struct redis_addresses *found UNUSED, const struct err *why UNUSED,
                      void *data)
{
        struct conn *c = data;
        c->locate = NULL;
        if (at && strcmp(at->address, c->target->address) != 0)
                leave(c, at);
        else if (c->look_again)
                look(c);
}

static void look(struct conn *c)
{
        struct redis_addresses unused;
        struct err err;
        c->looked_ms = redis_now_ms(c->client);
        c->look_again = false;
        if (redis_locate(c->client, redis_target_origin(c->target), &unused, on_looked, c, &c->locate, &err) < 0)
                c->locate = NULL; /* no memory: while it is silent, asked again in a second */
}

void redis_second_look(struct conn *c, int64_t now_ms)
{
        if (now_ms >= c->hold_until_ms)
                c->hold_until_ms = 0; /* the tick writes what is held */
        if (c->target->told_by && !c->locate && !c->is_retired && is_silent(c, now_ms) &&
            now_ms - c->looked_ms >= SILENCE_MS)
                look(c);
}

void redis_look_again(struct redis *client, unsigned sentinel)
{
        struct conn *c = client->active;
        client->sentinel_first = sentinel;
        if (!c || !c->target->told_by)
                return; /* it is looked for already */
        c->look_again = c->locate != NULL;
        if (!c->locate)
                look(c);
}
