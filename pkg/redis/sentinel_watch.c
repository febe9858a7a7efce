/* sentinel_watch: hears of a failover from the Sentinels as it happens. A primary that was made a replica by an
 * operator's SENTINEL FAILOVER goes on taking writes for some 10 s, all of which are lost, until a Sentinel tells it;
 * so the one in use is not waited for. Each Sentinel is subscribed to, by a client of its own. The leader of a failover
 * says when it is about to promote a replica (+failover-state-send-slaveof-noone): from then on commands are held,
 * so that what was acknowledged has time to be replicated. It names the new primary from +failover-state-reconf-slaves
 * on, the others from +switch-master on; then, and whenever a subscription stands anew, that Sentinel is asked
 * (second_look.c). The messages: redis.io, "High availability with Redis Sentinel", "Pub/Sub messages". Without
 * subscriptions all works, a little later. */
#include <stdlib.h>
#include <string.h>

#include "redis/internal.h"

enum { WATCHED_MAX = 8, START_MS = 250, RETRY_SOON_MS = 1000, RETRY_LATE_MS = 10000 };

#define CHANNEL_BEGIN "+failover-state-send-slaveof-noone"

static const char *const channels[] = { CHANNEL_BEGIN, "+failover-state-reconf-slaves", "+switch-master" };

enum { CHANNELS = COUNT_OF(channels) };

struct subscription {
        struct watcher *watcher;
        struct redis_command command;
};

struct watcher {
        struct redis_sentinel_watch *all;
        unsigned index;
        struct redis *client; /* NULL while it is closed */
        struct subscription subscriptions[CHANNELS];
        size_t subscribed; /* channels                                */
        bool is_over;      /* its client is being closed              */
        uv_timer_t timer;
};

struct redis_sentinel_watch {
        struct redis *client;
        struct redis_target *target;
        bool is_closing;
        unsigned open; /* clients and timers that are not closed yet */
        size_t count;
        struct watcher watchers[];
};

static void on_timer(uv_timer_t *timer);

/* Called by the loop, for a client or a timer that is gone. */
static void release(struct redis_sentinel_watch *watch)
{
        struct redis *client = watch->client;
        if (--watch->open > 0)
                return;
        redis_target_unref(watch->target);
        free(watch);
        redis_release(client);
}

static void on_client_closed(void *data)
{
        struct watcher *w = data;
        for (size_t i = 0; i < CHANNELS; i++)
                redis_command_fini(&w->subscriptions[i].command);
        w->client = NULL;
        if (!w->all->is_closing) /* not closed: cannot fail */
                (void)uv_timer_start(&w->timer, on_timer, w->subscribed == CHANNELS ? RETRY_SOON_MS : RETRY_LATE_MS, 0);
        release(w->all);
}

static void end_client(struct watcher *w)
{
        if (!w->client || w->is_over)
                return;
        w->is_over = true;
        redis_close(w->client, on_client_closed, w);
}

static void on_subscribed(struct redis_command *command, const struct redis_reply *reply, const struct err *err UNUSED)
{
        struct watcher *w = CONTAINER_OF(command, struct subscription, command)->watcher;
        if (w->is_over)
                return;
        if (!reply || redis_reply_type(reply) == REDIS_ERROR)
                end_client(w);
        else if (++w->subscribed == CHANNELS)
                redis_look_again(w->all->client, w->index); /* what happened before is not told */
}

/* "master mymaster 10.0.0.5 6379", "slave 10.0.0.6:6379 10.0.0.6 6379 @ mymaster 10.0.0.5 6379": which master is told
 * of. A Sentinel may look after many. */
static bool names(const char *text, const char *master)
{
        size_t length = strlen(master);
        for (const char *at = text; at && *at; at = strchr(at, ' '), at = at ? at + 1 : NULL)
                if (strncmp(at, master, length) == 0 && (at[length] == ' ' || at[length] == '\0'))
                        return true;
        return false;
}

/* "message", channel, text; or the answer to SUBSCRIBE. */
static void on_message(const struct redis_reply *message, void *data)
{
        struct watcher *w = data;
        const struct redis_reply *parts[] = { redis_reply_at(message, 1), redis_reply_at(message, 2) };
        const char *channel = parts[0] ? redis_reply_text(parts[0], NULL) : NULL;
        const char *text = parts[1] ? redis_reply_text(parts[1], NULL) : NULL;
        if (w->is_over || !channel || !text || !names(text, w->all->target->sentinel_master))
                return;
        if (strcmp(channel, CHANNEL_BEGIN) == 0)
                redis_hold_for_failover(w->all->client);
        else
                redis_look_again(w->all->client, w->index);
}

static void on_event(struct redis *client UNUSED, const struct redis_event *event, void *data)
{
        if (event->err)
                end_client(data);
}

static int subscribe(struct watcher *w, struct err *err)
{
        const struct redis_options options = { .on_event = on_event, .data = w };
        int rc = 0;
        for (size_t i = 0; i < CHANNELS; i++)
                redis_command_init(&w->subscriptions[i].command, on_subscribed);
        for (size_t i = 0; i < CHANNELS && rc == 0; i++) {
                w->subscriptions[i].watcher = w;
                rc = redis_command_args(&w->subscriptions[i].command, 2, (const char *[]){ "SUBSCRIBE", channels[i] },
                                        (size_t[]){ 9, strlen(channels[i]) }, err);
        }
        struct redis_target *target = redis_sentinel_target(w->all->target, w->index);
        if (rc == 0)
                rc = target ? redis_open(w->timer.loop, &options, target, 0, &w->client, err)
                            : err_set(err, ERR_NOMEM, "Sentinel");
        redis_target_unref(target);
        if (rc == 0)
                w->client->on_message = on_message;
        return rc;
}

static void on_timer(uv_timer_t *timer)
{
        struct watcher *w = CONTAINER_OF(timer, struct watcher, timer);
        struct err err;
        w->subscribed = 0;
        w->is_over = false;
        w->all->open++;
        if (subscribe(w, &err) < 0) {
                on_client_closed(w); /* no memory: later */
                return;
        }
        for (size_t i = 0; i < CHANNELS; i++)
                redis_send(w->client, &w->subscriptions[i].command);
}

static void on_timer_closed(uv_handle_t *handle)
{
        release(CONTAINER_OF((uv_timer_t *)handle, struct watcher, timer)->all);
}

void redis_sentinel_watch_close(struct redis_sentinel_watch *watch)
{
        if (!watch)
                return;
        watch->is_closing = true;
        for (size_t i = 0; i < watch->count; i++) {
                end_client(&watch->watchers[i]);
                uv_close((uv_handle_t *)&watch->watchers[i].timer, on_timer_closed);
        }
}

static struct redis_sentinel_watch *watch_new(struct redis *client, struct redis_target *target)
{
        size_t count = target->sentinel_count < WATCHED_MAX ? target->sentinel_count : WATCHED_MAX;
        struct redis_sentinel_watch *watch = calloc(1, sizeof(*watch) + count * sizeof(watch->watchers[0]));
        if (!watch)
                return NULL; /* tried again with the next connection */
        watch->client = client;
        watch->target = redis_target_ref(target);
        watch->count = count;
        watch->open = (unsigned)count;
        redis_hold(client);
        for (size_t i = 0; i < count; i++) {
                struct watcher *w = &watch->watchers[i];
                w->all = watch;
                w->index = (unsigned)i;
                (void)uv_timer_init(client->loop, &w->timer); /* always 0 */
                /* Not at once: a probe is over by then. */
                (void)uv_timer_start(&w->timer, on_timer, START_MS, 0);
        }
        return watch;
}

void redis_sentinel_watch_follow(struct redis *client, struct redis_target *at)
{
        struct redis_target *origin = redis_target_origin(at);
        if (client->watch && client->watch->target == origin)
                return;
        redis_sentinel_watch_close(client->watch);
        client->watch = at->told_by ? watch_new(client, origin) : NULL;
}
