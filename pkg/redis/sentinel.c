/* sentinel: asks the Sentinels of a target who is the primary. Each is asked by a client of its own with one
 * command, so look-up of its name, TLS, AUTH and limits are those of any connection. The one that was right last
 * time is asked first, the next one when it fails or after 250 ms without an answer; the first that names a
 * primary ends it all. What it names is not believed: the handshake asks the server itself for its role, and
 * where that is another, the next look-up begins with another Sentinel (redis.io, "Guidelines for Redis clients
 * with support for Redis Sentinel"). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "redis/internal.h"

enum { STAGGER_MS = 250, SENTINEL_REPLY_MAX = 16 << 10, PRIMARY_HOST_MAX = 253 };

/* How much an error tells: of several Sentinels' the most telling one is reported. */
enum worth { WORTH_AWAY, WORTH_ANSWER, WORTH_DENIED };

struct ask {
        struct redis_sentinels *all;
        size_t index;
        struct redis *client;
        struct redis_command command;
        bool is_over;
};

struct redis_sentinels {
        struct redis *client; /* who wants to know */
        struct redis_target *target;
        redis_primary_fn *done; /* NULL once it is over */
        void *data;
        uv_timer_t timer;
        size_t first, started, over;
        unsigned open; /* clients and the timer that are not closed yet */
        struct err err;
        enum worth worth;
        struct ask asks[];
};

/* --- Its end --------------------------------------------------------------------------------------------- */

/* Called by the loop, for a client or the timer that is gone. */
static void release(struct redis_sentinels *s)
{
        struct redis *client = s->client;
        if (--s->open > 0)
                return;
        redis_target_unref(s->target);
        free(s);
        redis_release(client);
}

static void on_ask_closed(void *data)
{
        struct ask *ask = data;
        redis_command_fini(&ask->command);
        release(ask->all);
}

static void on_timer_closed(uv_handle_t *handle)
{
        release(CONTAINER_OF((uv_timer_t *)handle, struct redis_sentinels, timer));
}

static void end_ask(struct ask *ask)
{
        if (ask->is_over)
                return;
        ask->is_over = true;
        ask->all->over++;
        redis_close(ask->client, on_ask_closed, ask);
}

void redis_sentinels_cancel(struct redis_sentinels *s)
{
        if (!s)
                return;
        s->done = NULL;
        for (size_t i = 0; i < s->started; i++)
                end_ask(&s->asks[i]);
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static void finish(struct redis_sentinels *s, struct redis_target *primary, const struct err *err)
{
        redis_primary_fn *done = s->done;
        redis_sentinels_cancel(s);
        done(primary, err, s->data);
}

/* --- Answers --------------------------------------------------------------------------------------------- */

static const struct redis_sentinel_node *node_of(const struct ask *ask)
{
        return &ask->all->target->sentinels[ask->index];
}

static void start_next(struct redis_sentinels *s);

static void on_failed(struct ask *ask, const struct err *why, enum worth worth)
{
        struct redis_sentinels *s = ask->all;
        if (worth >= s->worth) {
                s->err = *why;
                s->worth = worth;
                (void)err_wrap(&s->err, "Sentinel"); /* it is reported later */
        }
        end_ask(ask);
        if (s->started < s->target->sentinel_count)
                start_next(s);
        else if (s->over == s->started)
                finish(s, NULL, &s->err);
}

/* A name or address as it can stand in a list of them; it is printed, and given to the resolver. */
static bool is_host(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (!isgraph((unsigned char)text[i]))
                        return false;
        return length > 0 && length <= PRIMARY_HOST_MAX;
}

static bool read_port(const char *text, uint16_t *out)
{
        unsigned port = 0;
        for (const char *at = text; *at; at++) {
                if (!isdigit((unsigned char)*at) || at - text >= 5)
                        return false;
                port = port * 10 + (unsigned)(*at - '0');
        }
        *out = (uint16_t)port;
        return port > 0 && port <= UINT16_MAX;
}

/* SENTINEL GET-MASTER-ADDR-BY-NAME answers with host and port, or nil for a name that it doesn't know. */
static int read_answer(const struct ask *ask, const struct redis_reply *reply, const char **host, uint16_t *port,
                       struct err *err)
{
        size_t length = 0;
        if (redis_reply_type(reply) == REDIS_ERROR) {
                (void)redis_reply_error(reply, err);
                return err_wrap(err, "%s", node_of(ask)->address);
        }
        if (redis_reply_type(reply) == REDIS_NIL)
                return err_set(err, ERR_UNAVAILABLE, "%s: does not know the master %s", node_of(ask)->address,
                               ask->all->target->sentinel_master);
        if (redis_reply_count(reply) == 2) {
                const char *port_text = redis_reply_text(redis_reply_at(reply, 1), NULL);
                *host = redis_reply_text(redis_reply_at(reply, 0), &length);
                if (*host && is_host(*host, length) && port_text && read_port(port_text, port))
                        return 0;
        }
        return err_set(err, ERR_PROTOCOL, "%s: named no host and port", node_of(ask)->address);
}

static void on_named(struct ask *ask, const char *host, uint16_t port)
{
        struct redis_sentinels *s = ask->all;
        struct err err;
        struct redis_target *primary = redis_target_view(s->target, host, port);
        if (!primary) {
                (void)err_set(&err, ERR_NOMEM, "Sentinel"); /* handed on */
                finish(s, NULL, &err);
                return;
        }
        primary->told_by = node_of(ask)->address;
        s->client->sentinel_first = (unsigned)ask->index;
        finish(s, primary, NULL);
        redis_target_unref(primary);
}

static void on_answer(struct redis_command *command, const struct redis_reply *reply, const struct err *why)
{
        struct ask *ask = CONTAINER_OF(command, struct ask, command);
        const char *host = NULL;
        uint16_t port = 0;
        struct err err;
        if (ask->is_over)
                return;
        if (!reply)
                on_failed(ask, why, WORTH_AWAY);
        else if (read_answer(ask, reply, &host, &port, &err) < 0)
                on_failed(ask, &err, err.code == ERR_DENIED ? WORTH_DENIED : WORTH_ANSWER);
        else
                on_named(ask, host, port);
}

static void on_event(struct redis *client UNUSED, const struct redis_event *event, void *data)
{
        struct ask *ask = data;
        if (!ask->is_over && event->err)
                on_failed(ask, event->err, event->kind == REDIS_EVENT_DENIED ? WORTH_DENIED : WORTH_AWAY);
}

/* --- Asking ---------------------------------------------------------------------------------------------- */

struct redis_target *redis_sentinel_target(struct redis_target *origin, size_t index)
{
        const struct redis_sentinel_node *node = &origin->sentinels[index];
        struct redis_target *target = redis_target_view(origin, node->host, node->port);
        if (!target)
                return NULL;
        target->is_sentinel = true;
        target->username = origin->sentinel_username; /* lent: a view keeps its origin */
        target->password = origin->sentinel_password;
        target->password_secondary = (struct secret){ 0 };
        target->database = 0;
        return target;
}

static int open_ask(struct ask *ask, struct err *err)
{
        const struct redis_sentinels *s = ask->all;
        int64_t limit_ms = s->client->options.connect_timeout_ms;
        const struct redis_options options = { .hold_ms = limit_ms,
                                               .connect_timeout_ms = limit_ms,
                                               .stall_ms = limit_ms,
                                               .reply_max_bytes = SENTINEL_REPLY_MAX,
                                               .on_event = on_event,
                                               .data = ask };
        const char *master = s->target->sentinel_master;
        redis_command_init(&ask->command, on_answer);
        int rc = redis_command_args(&ask->command, 3, (const char *[]){ "SENTINEL", "GET-MASTER-ADDR-BY-NAME", master },
                                    (size_t[]){ 8, 23, strlen(master) }, err);
        if (rc < 0)
                return rc;
        struct redis_target *target = redis_sentinel_target(s->target, ask->index);
        rc = target ? redis_open(s->client->loop, &options, target, 0, &ask->client, err)
                    : err_set(err, ERR_NOMEM, "Sentinel");
        redis_target_unref(target);
        if (rc < 0)
                redis_command_fini(&ask->command);
        return rc;
}

/* Fails for lack of memory only: then it is as if that one had not answered, and the timer goes on. */
static void start_next(struct redis_sentinels *s)
{
        struct ask *ask = &s->asks[s->started];
        struct err err;
        *ask = (struct ask){ .all = s, .index = (s->first + s->started) % s->target->sentinel_count };
        s->started++;
        if (open_ask(ask, &err) < 0) {
                ask->is_over = true;
                s->over++;
                s->err = err;
                return;
        }
        s->open++;
        redis_send(ask->client, &ask->command);
}

static void on_timer(uv_timer_t *timer)
{
        struct redis_sentinels *s = CONTAINER_OF(timer, struct redis_sentinels, timer);
        if (s->started < s->target->sentinel_count)
                start_next(s);
        else if (s->over == s->started)
                finish(s, NULL, &s->err);
}

int redis_sentinels_ask(struct redis *client, struct redis_target *target, redis_primary_fn *done, void *data,
                        struct redis_sentinels **out, struct err *err)
{
        size_t count = target->sentinel_count;
        struct redis_sentinels *s = calloc(1, sizeof(*s) + count * sizeof(s->asks[0]));
        if (!s)
                return err_set(err, ERR_NOMEM, "Sentinel");
        s->client = client;
        s->target = redis_target_ref(target);
        s->done = done;
        s->data = data;
        s->first = client->sentinel_first % count;
        s->open = 1;
        (void)uv_timer_init(client->loop, &s->timer); /* always 0 */
        (void)uv_timer_start(&s->timer, on_timer, 0, STAGGER_MS);
        redis_hold(client);
        *out = s;
        return 0;
}
