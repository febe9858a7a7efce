/* sentinel: queries each Sentinel separately (question.c). It starts with the Sentinel that was right last time, and
 * goes on to the next one after a failure or 250 ms without a reply. The first Sentinel that names a primary ends the
 * round. Its reply is verified: the handshake asks the server for its role, and if the role is wrong, the next round
 * starts with another Sentinel (redis.io, "Guidelines for Redis clients with support for Redis Sentinel"). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "redis/question.h"
#include "redis/sentinel.h"
#include "redis/target_private.h"

enum { STAGGER_MS = 250, PRIMARY_HOST_MAX = 253 };

/* Ranks errors by how informative they are: the most informative one is reported. */
enum worth { WORTH_AWAY, WORTH_ANSWER, WORTH_DENIED };

struct asked {
        struct redis_sentinels *all;
        size_t index;
        struct redis_question question;
};

struct redis_sentinels {
        struct redis_locator *locator; /* the search that sends the queries */
        struct redis_target *target;
        redis_primary_fn *done; /* NULL once it is over */
        void *data;
        uv_timer_t timer;
        size_t first, started, over;
        unsigned open; /* clients and the timer that are not closed yet */
        struct err err;
        enum worth worth;
        struct asked asks[];
};

/* --- Its end --------------------------------------------------------------------------------------------- */

/* Called from the loop when a client or the timer is closed. */
static void release(struct redis_sentinels *s)
{
        struct redis_life *life = s->locator->life;
        if (--s->open > 0)
                return;
        redis_target_unref(s->target);
        free(s);
        redis_release(life);
}

static struct asked *ask_of(struct redis_question *question)
{
        return CONTAINER_OF(question, struct asked, question);
}

static void on_ask_closed(struct redis_question *question)
{
        release(ask_of(question)->all);
}

static void on_timer_closed(uv_handle_t *handle)
{
        release(CONTAINER_OF((uv_timer_t *)handle, struct redis_sentinels, timer));
}

static void cancel(struct redis_sentinels *s)
{
        s->done = NULL;
        for (size_t i = 0; i < s->started; i++)
                redis_question_end(&s->asks[i].question);
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static void finish(struct redis_sentinels *s, struct redis_target *primary, const struct err *err)
{
        redis_primary_fn *done = s->done;
        cancel(s);
        done(primary, err, s->data);
}

/* --- Answers --------------------------------------------------------------------------------------------- */

static const struct redis_sentinel_node *node_of(const struct asked *ask)
{
        return &ask->all->target->sentinels[ask->index];
}

static void start_next(struct redis_sentinels *s);

static void on_failed(struct asked *ask, const struct err *why, enum worth worth)
{
        struct redis_sentinels *s = ask->all;
        if (worth >= s->worth) {
                s->err = *why;
                s->worth = worth;
                (void)err_wrap(&s->err, "Sentinel"); /* it is reported later */
        }
        if (s->started < s->target->sentinel_count)
                start_next(s);
        else if (s->over == s->started)
                finish(s, NULL, &s->err);
}

/* True for a valid name or address, which is then logged and passed to the resolver. */
static bool is_host(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (!isgraph((unsigned char)text[i]))
                        return false;
        return length > 0 && length <= PRIMARY_HOST_MAX;
}

static bool read_port(const char *text, uint16_t *out)
{
        uint64_t port;
        size_t length = strlen(text);
        if (length > 5 || decimal_parse(text, length, UINT16_MAX, &port) < 0 || port == 0)
                return false;
        *out = (uint16_t)port;
        return true;
}

bool redis_sentinel_place(const struct redis_reply *host, const struct redis_reply *port, const char **host_out,
                          uint16_t *port_out)
{
        size_t length = 0;
        const char *name = host ? redis_reply_text(host, &length) : NULL;
        const char *number = port ? redis_reply_text(port, NULL) : NULL;
        *host_out = name;
        return name && is_host(name, length) && number && read_port(number, port_out);
}

/* The reply is host and port, or nil for an unknown name. */
static int read_answer(const struct asked *ask, const struct redis_reply *reply, const char **host, uint16_t *port,
                       struct err *err)
{
        if (redis_reply_type(reply) == REDIS_ERROR) {
                (void)redis_reply_error(reply, err);
                return err_wrap(err, "%s", node_of(ask)->address);
        }
        if (redis_reply_type(reply) == REDIS_NIL)
                return err_set(err, ERR_UNAVAILABLE, "%s: does not know the master %s", node_of(ask)->address,
                               ask->all->target->sentinel_master);
        if (redis_reply_count(reply) == 2 &&
            redis_sentinel_place(redis_reply_at(reply, 0), redis_reply_at(reply, 1), host, port))
                return 0;
        return err_set(err, ERR_PROTOCOL, "%s: did not name a host and a port", node_of(ask)->address);
}

static void on_named(struct asked *ask, const char *host, uint16_t port)
{
        struct redis_sentinels *s = ask->all;
        struct err err;
        struct redis_target *primary = redis_target_view(s->target, host, port);
        if (!primary) {
                (void)err_set(&err, ERR_NOMEM, "Sentinel"); /* handed on */
                finish(s, NULL, &err);
                return;
        }
        primary->named_by = node_of(ask)->address;
        s->locator->sentinel_first = (unsigned)ask->index;
        finish(s, primary, NULL);
        redis_target_unref(primary);
}

static void on_answer(struct redis_question *question, const struct redis_reply *reply, const struct err *why)
{
        struct asked *ask = ask_of(question);
        const char *host = NULL;
        uint16_t port = 0;
        struct err err;
        ask->all->over++;
        if (!reply)
                on_failed(ask, why, why->code == ERR_DENIED ? WORTH_DENIED : WORTH_AWAY);
        else if (read_answer(ask, reply, &host, &port, &err) < 0)
                on_failed(ask, &err, err.code == ERR_DENIED ? WORTH_DENIED : WORTH_ANSWER);
        else
                on_named(ask, host, port);
}

/* --- Asking ---------------------------------------------------------------------------------------------- */

/* Fails only when out of memory; then the timer continues as if that Sentinel had not answered. */
static void start_next(struct redis_sentinels *s)
{
        struct asked *ask = &s->asks[s->started];
        *ask = (struct asked){ .all = s,
                               .index = (s->first + s->started) % s->target->sentinel_count,
                               .question = { .done = on_answer, .closed = on_ask_closed } };
        const char *argv[] = { "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s->target->sentinel_master };
        s->started++;
        if (redis_question_ask(&ask->question, s->locator->loop, s->target, ask->index, s->locator->timeout_ms,
                               COUNT_OF(argv), argv, &s->err) < 0)
                s->over++;
        else
                s->open++;
}

static void on_timer(uv_timer_t *timer)
{
        struct redis_sentinels *s = CONTAINER_OF(timer, struct redis_sentinels, timer);
        if (s->started < s->target->sentinel_count)
                start_next(s);
        else if (s->over == s->started)
                finish(s, NULL, &s->err);
}

static int ask(struct redis_locator *locator, struct redis_target *target, redis_primary_fn *done, void *data,
               struct redis_sentinels **out, struct err *err)
{
        size_t count = target->sentinel_count;
        struct redis_sentinels *s = calloc(1, sizeof(*s) + count * sizeof(s->asks[0]));
        if (!s)
                return err_set(err, ERR_NOMEM, "Sentinel");
        s->locator = locator;
        s->target = redis_target_ref(target);
        s->done = done;
        s->data = data;
        s->first = locator->sentinel_first % count;
        s->open = 1;
        (void)uv_timer_init(locator->loop, &s->timer); /* always 0 */
        (void)uv_timer_start(&s->timer, on_timer, 0, STAGGER_MS);
        redis_hold(locator->life);
        *out = s;
        return 0;
}

const struct redis_sentinel_ops redis_sentinel_ops = { .ask = ask, .cancel = cancel };
