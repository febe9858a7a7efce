/* sentinel_watch: learns of a failover from the Sentinels as it happens. When an operator starts one with SENTINEL
 * FAILOVER, the old primary still accepts writes for about 10 s, until a Sentinel makes it a replica, and all of these
 * writes are lost. So we do not wait for the primary itself to notice. A separate client subscribes to each Sentinel.
 * The leader of a failover announces that it is about to choose a replica (+failover-state-select-slave) and, one cycle
 * (50 to 100 ms) later, that it is about to promote the replica (+failover-state-send-slaveof-noone); the promotion
 * follows in the next cycle. We hold commands from the first event on, so that acknowledged writes have time to be
 * replicated. The leader names the new primary once it has sent +failover-state-reconf-slaves, and the other Sentinels
 * do so after +switch-master. We then query that Sentinel (failover.c).
 *
 * Sentinels do not replay missed messages. So we rely on a Sentinel only once we have subscribed to it and then queried
 * its state (SENTINEL MASTER). When a primary is first used, a subscription is lost, or a Sentinel returns, we hold
 * commands until each Sentinel is subscribed to, unreachable, or silent for 500 ms. A Sentinel that refuses the
 * subscription is skipped with a warning, and a failover that it leads is noticed late. */
#include <stdlib.h>
#include <string.h>

#include "redis/question.h"
#include "redis/sentinel.h"
#include "redis/sentinel_news.h"
#include "redis/sentinel_watch.h"
#include "redis/target_private.h"

enum {
        WATCHED_MAX = 8,
        LISTEN_MS = 500,     /* how long to hold commands for a Sentinel that makes no progress */
        SELECTION_MS = 1000, /* after this time, we assume that no replica was suitable */
        PROMOTION_MS = 5000, /* after this time, we assume that the promotion has failed */
        RETRY_MIN_MS = 50,
        RETRY_MAX_MS = 1000,
        REFUSED_MS = 10000,
        IDLE_MS = 500,  /* PING a silent subscription after this time ... */
        STALL_MS = 1000 /* ... and give up on it after this: a Sentinel answers immediately */
};

struct subscription {
        struct watcher *watcher;
        struct redis_command command;
};

struct watcher {
        struct redis_sentinel_watch *all;
        unsigned index;
        struct client *client; /* NULL while it is closed */
        struct subscription subscriptions[REDIS_SENTINEL_CHANNELS];
        size_t subscribed;              /* channels                                     */
        bool is_over;                   /* its client is being closed                   */
        bool is_refused;                /* it refuses our subscription                  */
        struct redis_question question; /* queries its state after the subscriptions           */
        bool is_asking;                 /* until the question is closed                         */
        bool is_awaited;                /* it may publish events that we do not receive    */
        int64_t lost_ms;                /* since when we receive nothing; 0: subscribed */
        uv_timer_t timer;
};

struct redis_sentinel_watch {
        struct client *client; /* the connection whose commands it holds */
        struct redis_target *target;
        bool is_closing;
        bool has_reported; /* a refusal has been reported */
        unsigned open;     /* clients, questions and timers that are not closed yet */
        /* The primary that is about to be replaced, and until when to hold. */
        char leaving_host[256];
        uint16_t leaving_port;
        int64_t leaving_until_ms;
        size_t awaited;          /* watchers        */
        int64_t listen_until_ms; /* for these watchers */
        size_t count;
        struct watcher watchers[];
};

static void on_timer(uv_timer_t *timer);

static int64_t now_of(const struct redis_sentinel_watch *watch)
{
        return redis_now_ms(&watch->client->server);
}

/* --- Holding ----------------------------------------------------------------------------------------------- */

static bool is_leaving(const struct redis_sentinel_watch *watch, const struct redis_target *target, int64_t now_ms)
{
        return now_ms < watch->leaving_until_ms && target->port == watch->leaving_port && target->host &&
               strcmp(target->host, watch->leaving_host) == 0;
}

static void set_hold(const struct redis_sentinel_watch *watch, struct conn *conn)
{
        int64_t now_ms = now_of(watch);
        int64_t until_ms = is_leaving(watch, conn->target, now_ms) ? watch->leaving_until_ms : 0;
        if (watch->awaited > 0 && watch->listen_until_ms > now_ms && watch->listen_until_ms > until_ms)
                until_ms = watch->listen_until_ms;
        conn->flow.hold_until_ms = until_ms;
        if (until_ms > 0)
                redis_client_wake(watch->client);
}

/* Call this last in a callback: it may write held commands and complete them. */
static void hold_or_go_on(const struct redis_sentinel_watch *watch)
{
        struct client *client = watch->client;
        struct conn *conn = client->active;
        if (!conn || redis_target_origin(conn->target) != watch->target)
                return;
        bool was_held = conn->flow.hold_until_ms != 0;
        set_hold(watch, conn);
        if (was_held && conn->flow.hold_until_ms == 0)
                redis_client_flush(client);
}

/* Also called at each step until the Sentinel has reported its state, so that we wait for one that is merely slow: a
 * command that is sent too early could be lost in a failover. */
static void await(struct watcher *w)
{
        w->all->awaited += !w->is_awaited;
        w->is_awaited = true;
        w->all->listen_until_ms = now_of(w->all) + LISTEN_MS;
        hold_or_go_on(w->all);
}

static void await_no_more(struct watcher *w)
{
        if (!w->is_awaited)
                return;
        w->is_awaited = false;
        w->all->awaited--;
        hold_or_go_on(w->all);
}

static void hold_for_promotion(struct redis_sentinel_watch *watch, const char *host, size_t length, uint16_t port,
                               int64_t limit_ms)
{
        if (length >= sizeof(watch->leaving_host))
                return;
        memcpy(watch->leaving_host, host, length);
        watch->leaving_host[length] = '\0';
        watch->leaving_port = port;
        watch->leaving_until_ms = now_of(watch) + limit_ms;
        hold_or_go_on(watch);
}

/* --- Its end ----------------------------------------------------------------------------------------------- */

/* Called from the loop when a client, a question or a timer is closed. */
static void release(struct redis_sentinel_watch *watch)
{
        struct redis_life *life = &watch->client->server.life;
        if (--watch->open > 0)
                return;
        redis_target_unref(watch->target);
        free(watch);
        redis_release(life);
}

static void try_again_after(struct watcher *w, int64_t wait_ms)
{
        if (!w->all->is_closing)
                (void)uv_timer_start(&w->timer, on_timer, (uint64_t)wait_ms, 0); /* not closed: cannot fail */
}

/* The wait is an eighth of the time for which the Sentinel has been unreachable. So we reconnect soon to a Sentinel
 * that returns, while a Sentinel that stays unreachable costs little. */
static int64_t retry_ms(const struct watcher *w)
{
        int64_t wait_ms = (now_of(w->all) - w->lost_ms) / 8;
        if (w->is_refused)
                return REFUSED_MS;
        return wait_ms < RETRY_MIN_MS ? RETRY_MIN_MS : wait_ms > RETRY_MAX_MS ? RETRY_MAX_MS : wait_ms;
}

static void on_client_closed(void *data)
{
        struct watcher *w = data;
        for (size_t i = 0; i < REDIS_SENTINEL_CHANNELS; i++)
                redis_command_fini(&w->subscriptions[i].command);
        w->client = NULL;
        try_again_after(w, w->lost_ms ? retry_ms(w) : 0);
        if (w->lost_ms == 0)
                w->lost_ms = now_of(w->all);
        release(w->all);
}

/* Keeps waiting for a subscription that worked before, but not for a subscription that never did. */
static void end_client(struct watcher *w)
{
        if (!w->client || w->is_over)
                return;
        w->is_over = true;
        if (w->is_asking)
                redis_question_end(&w->question);
        redis_client_close(w->client, on_client_closed, w);
        if (w->all->is_closing)
                return;
        if (w->lost_ms == 0)
                await(w);
        else
                await_no_more(w);
}

/* --- Its state --------------------------------------------------------------------------------------------- */

static const char *field(const struct redis_reply *reply, const char *name, const struct redis_reply **out)
{
        for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2) {
                const char *found = redis_reply_text(redis_reply_at(reply, i), NULL);
                if (!found || strcmp(found, name) != 0)
                        continue;
                *out = redis_reply_at(reply, i + 1);
                return redis_reply_text(*out, NULL);
        }
        *out = NULL;
        return NULL;
}

static bool is_failing_over(const struct redis_reply *reply)
{
        const struct redis_reply *unused;
        const char *flags = field(reply, "flags", &unused);
        return flags && strstr(flags, "failover_in_progress");
}

/* The time for which commands are held. A message follows the earlier states; in the later ones the Sentinel already
 * names another primary. */
static int64_t promoting_ms(const struct redis_reply *reply)
{
        const struct redis_reply *unused;
        const char *state = field(reply, "failover-state", &unused);
        if (!state || strcmp(state, "send_slaveof_noone") == 0 || strcmp(state, "wait_promotion") == 0)
                return PROMOTION_MS;
        return strcmp(state, "select_slave") == 0 ? SELECTION_MS : 0;
}

static bool is_in_use(const struct redis_sentinel_watch *watch, const char *host, uint16_t port)
{
        const struct conn *conn = watch->client->active;
        return conn && conn->target->port == port && conn->target->host && strcmp(conn->target->host, host) == 0;
}

/* Reports once per target, no matter how many of its Sentinels refuse, or how often. Call this last in a callback. */
static void report_refusal(const struct watcher *w, const struct err *why)
{
        struct redis_sentinel_watch *watch = w->all;
        struct redis_event event = { .kind = REDIS_EVENT_SENTINEL_REFUSED,
                                     .address = watch->target->address,
                                     .sentinel = watch->target->sentinels[w->index].address,
                                     .err = why,
                                     .generation = watch->client->generation_in_use };
        if (watch->has_reported || watch->is_closing)
                return;
        watch->has_reported = true;
        redis_connections_emit(watch->client, event);
}

static void report_error(const struct watcher *w, const char *what, const struct redis_reply *reply)
{
        struct err why;
        (void)redis_reply_error(reply, &why); /* for the event */
        (void)err_wrap(&why, "%s", what);
        report_refusal(w, &why);
}

/* Reads the reply to SENTINEL MASTER: a flat list of names and values, or an error if the user is not allowed to call
 * it. */
static void on_state(struct redis_question *question, const struct redis_reply *reply, const struct err *err UNUSED)
{
        struct watcher *w = CONTAINER_OF(question, struct watcher, question);
        const struct redis_reply *host_reply, *port_reply;
        const char *host;
        uint16_t port;
        if (!reply) {
                end_client(w);
                return;
        }
        (void)field(reply, "ip", &host_reply);
        (void)field(reply, "port", &port_reply);
        bool is_place = redis_sentinel_place(host_reply, port_reply, &host, &port);
        bool is_moving = is_failing_over(reply);
        w->lost_ms = 0;
        int64_t hold_ms = is_place && is_moving ? promoting_ms(reply) : 0;
        if (hold_ms > 0)
                hold_for_promotion(w->all, host, strlen(host), port, hold_ms);
        if (!is_place || is_moving || !is_in_use(w->all, host, port))
                redis_connections_look_again(w->all->client, w->index);
        await_no_more(w);
        if (redis_reply_type(reply) == REDIS_ERROR)
                report_error(w, "SENTINEL MASTER", reply);
}

static void on_question_connected(struct redis_question *question)
{
        await(CONTAINER_OF(question, struct watcher, question));
}

static void on_question_closed(struct redis_question *question)
{
        struct watcher *w = CONTAINER_OF(question, struct watcher, question);
        w->is_asking = false;
        release(w->all);
}

static void ask(struct watcher *w)
{
        struct redis_sentinel_watch *watch = w->all;
        const char *argv[] = { "SENTINEL", "MASTER", watch->target->sentinel_master };
        struct err err;
        if (redis_question_ask(&w->question, w->timer.loop, watch->target, w->index, STALL_MS, COUNT_OF(argv), argv,
                               &err) < 0) {
                end_client(w); /* no memory: later */
                return;
        }
        w->is_asking = true;
        watch->open++;
}

/* --- Subscribing ------------------------------------------------------------------------------------------- */

static void on_subscribed(struct redis_command *command, const struct redis_reply *reply, const struct err *err UNUSED)
{
        struct watcher *w = CONTAINER_OF(command, struct subscription, command)->watcher;
        if (w->is_over)
                return;
        w->is_refused = reply && redis_reply_type(reply) == REDIS_ERROR;
        if (!reply || w->is_refused)
                end_client(w);
        else
                await(w);
        if (!w->is_over && ++w->subscribed == REDIS_SENTINEL_CHANNELS)
                ask(w);
        if (w->is_refused)
                report_error(w, "SUBSCRIBE", reply);
}

static void on_news(struct watcher *w, const struct redis_sentinel_news *news)
{
        if (news->step == SENTINEL_NAMES)
                redis_connections_look_again(w->all->client, w->index);
        else
                hold_for_promotion(w->all, news->host, news->host_length, news->port,
                                   news->step == SENTINEL_SELECTS ? SELECTION_MS : PROMOTION_MS);
}

/* Takes ["message", channel, text] or the reply to a PING. A Sentinel may report on many masters. */
static void on_message(const struct redis_reply *message, void *data)
{
        struct watcher *w = data;
        const char *master = w->all->target->sentinel_master;
        struct redis_sentinel_news news;
        const struct redis_reply *parts[] = { redis_reply_at(message, 1), redis_reply_at(message, 2) };
        const char *channel = parts[0] ? redis_reply_text(parts[0], NULL) : NULL;
        const char *text = parts[1] ? redis_reply_text(parts[1], NULL) : NULL;
        if (w->is_over || !channel || !text || !redis_sentinel_news_read(channel, text, &news))
                return;
        if (news.master_length == strlen(master) && memcmp(news.master, master, news.master_length) == 0)
                on_news(w, &news);
}

static void on_event(void *owner, const struct redis_event *event)
{
        struct watcher *w = owner;
        if (event->kind == REDIS_EVENT_DENIED)
                w->is_refused = true;
        if (event->err)
                end_client(w);
        else if (event->kind == REDIS_EVENT_CONNECTED && !w->is_over)
                await(w); /* it may send events from now on */
        if (event->kind == REDIS_EVENT_DENIED)
                report_refusal(w, event->err);
}

static const struct client_ops ops = { .event = on_event };

static int subscribe(struct watcher *w, struct err *err)
{
        const struct redis_options options = { .idle_ping_ms = IDLE_MS,
                                               .stall_ms = STALL_MS,
                                               .look_up_ms = REDIS_PATIENCE_MS };
        int rc = 0;
        for (size_t i = 0; i < REDIS_SENTINEL_CHANNELS; i++)
                redis_command_init(&w->subscriptions[i].command, on_subscribed);
        for (size_t i = 0; i < REDIS_SENTINEL_CHANNELS && rc == 0; i++) {
                w->subscriptions[i].watcher = w;
                rc = redis_command_args(&w->subscriptions[i].command, 2,
                                        (const char *[]){ "SUBSCRIBE", redis_sentinel_channels[i] },
                                        (size_t[]){ 9, strlen(redis_sentinel_channels[i]) }, err);
        }
        struct redis_target *target = redis_target_sentinel(w->all->target, w->index);
        if (rc == 0)
                rc = target ? redis_client_open(w->timer.loop, &options, target, 0, &ops, w, &w->client, err)
                            : err_set(err, ERR_NOMEM, "Sentinel");
        redis_target_unref(target);
        if (rc == 0) {
                w->client->server.on_message = on_message;
                w->client->server.on_message_data = w;
        }
        return rc;
}

static void on_timer(uv_timer_t *timer)
{
        struct watcher *w = CONTAINER_OF(timer, struct watcher, timer);
        struct err err;
        if (w->is_asking) {
                try_again_after(w, RETRY_MIN_MS); /* the previous question is not closed yet */
                return;
        }
        w->subscribed = 0;
        w->is_over = w->is_refused = false;
        w->all->open++;
        if (subscribe(w, &err) < 0) {
                on_client_closed(w); /* no memory: later */
                return;
        }
        for (size_t i = 0; i < REDIS_SENTINEL_CHANNELS; i++)
                redis_client_send(w->client, &w->subscriptions[i].command);
}

/* --- Life cycle -------------------------------------------------------------------------------------------- */

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

static struct redis_sentinel_watch *watch_new(struct client *client, struct redis_target *target)
{
        size_t count = target->sentinel_count < WATCHED_MAX ? target->sentinel_count : WATCHED_MAX;
        struct redis_sentinel_watch *watch = calloc(1, sizeof(*watch) + count * sizeof(watch->watchers[0]));
        if (!watch)
                return NULL; /* retried with the next connection */
        watch->client = client;
        watch->target = redis_target_ref(target);
        watch->count = watch->awaited = count;
        watch->open = (unsigned)count;
        watch->listen_until_ms = now_of(watch) + LISTEN_MS;
        redis_hold(&client->server.life);
        for (size_t i = 0; i < count; i++) {
                struct watcher *w = &watch->watchers[i];
                w->all = watch;
                w->index = (unsigned)i;
                w->is_awaited = true;
                w->lost_ms = now_of(watch);
                w->question = (struct redis_question){ .done = on_state,
                                                       .connected = on_question_connected,
                                                       .closed = on_question_closed };
                (void)uv_timer_init(client->server.loop, &w->timer); /* always 0 */
                try_again_after(w, 0);
        }
        return watch;
}

void redis_sentinel_watch_follow(struct redis_sentinel_watch **watch, struct client *client, struct conn *conn)
{
        struct redis_target *origin = conn && conn->target->named_by ? redis_target_origin(conn->target) : NULL;
        if (*watch && (*watch)->target != origin) {
                redis_sentinel_watch_close(*watch);
                *watch = NULL;
        }
        if (origin && !*watch)
                *watch = watch_new(client, origin);
        if (conn && *watch)
                set_hold(*watch, conn);
}
