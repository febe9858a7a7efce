/* conn: tries the addresses in turn, each with its share of the remaining time, and sends the handshake as soon as the
 * socket is connected. Then flow.c moves commands and replies. There is no timer: the client calls redis_conn_tick. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "redis/conn.h"
#include "redis/target_private.h"
#include "redis/tls.h"

static void try_next_address(struct conn *c, const struct err *why);
static void on_event(void *data, int status, int events);

static struct conn *conn_of(struct flow *flow)
{
        return CONTAINER_OF(flow, struct conn, flow);
}

static void on_greeted(struct flow *flow, const struct redis_reply *reply);

static void on_replied(struct flow *flow, struct redis_command *command, const struct redis_reply *reply)
{
        flow->server->events->replied(conn_of(flow), command, reply);
}

static void on_broken(struct flow *flow, const struct err *why)
{
        redis_conn_broken(conn_of(flow), why);
}

static const struct flow_events flow_events = { .greeted = on_greeted, .replied = on_replied, .broken = on_broken };

struct conn *redis_conn_new(struct server *server, struct redis_target *target, unsigned generation, struct err *err)
{
        struct conn *c = calloc(1, sizeof(*c));
        if (!c) {
                (void)err_set(err, ERR_NOMEM, "connect"); /* the caller returns it */
                return NULL;
        }
        c->server = server;
        c->target = redis_target_ref(target);
        c->generation = generation;
        c->epoch = server->epoch;
        c->flow = (struct flow){ .server = server,
                                 .events = &flow_events,
                                 .is_greeting = true,
                                 .number = ++server->numbers->connections,
                                 .generation = generation };
        redis_flight_init(&c->flow.flight);
        return c;
}

void redis_conn_free(struct conn *c)
{
        redis_reader_free(c->flow.reader);
        redis_handshake_fini(&c->handshake);
        redis_target_unref(c->target);
        free(c);
}

static void hang_up(struct conn *c)
{
        redis_channel_close(c->flow.channel);
        c->flow.channel = NULL;
        redis_handshake_fini(&c->handshake);
        redis_reader_free(c->flow.reader);
        c->flow.reader = NULL;
}

void redis_conn_close(struct conn *c)
{
        assert(c->state != CONN_CLOSED && redis_flight_is_empty(&c->flow.flight) &&
               list_is_empty(&c->flow.flight.refused));
        redis_locate_cancel(c->locate);
        c->locate = NULL;
        redis_channel_close(c->flow.channel);
        c->flow.channel = NULL;
        c->flow.is_active = false;
        c->state = CONN_CLOSED; /* the reader may still be in use further up the stack */
}

/* --- Opening --------------------------------------------------------------------------------------------- */

/* The extra time for a look-up. Querying Sentinels may take as long as the timeout of the clients that query them. */
static int64_t patience_ms(const struct conn *c)
{
        return c->target->sentinel_master ? REDIS_PATIENCE_MS : c->server->options.look_up_ms;
}

static void on_located(struct redis_target *at, const struct redis_addresses *found, const struct err *err, void *data)
{
        struct conn *c = data;
        c->locate = NULL;
        if (!at) {
                c->server->events->failed(c, err->code == ERR_DENIED ? FAILURE_DENIED : FAILURE_NONE, err);
                return;
        }
        struct redis_target *asked = c->target;
        if (patience_ms(c) > 0)
                c->deadline_ms = redis_now_ms(c->server) + c->server->options.connect_timeout_ms;
        c->target = redis_target_ref(at);
        redis_target_unref(asked);
        c->looked_ms = redis_now_ms(c->server);
        c->addresses = *found;
        c->server->events->located(c);
        try_next_address(c, NULL);
}

void redis_conn_start(struct conn *c)
{
        struct err err;
        c->deadline_ms = redis_now_ms(c->server) + c->server->options.connect_timeout_ms;
        c->state = CONN_LOCATING;
        int rc = redis_locate(&c->server->locator, c->target, &c->addresses, on_located, c, &c->locate, &err);
        if (rc < 0)
                c->server->events->failed(c, FAILURE_NONE, &err);
        if (rc <= 0)
                return;
        c->server->events->located(c);
        try_next_address(c, NULL);
}

static struct redis_channel_options channel_options(struct conn *c)
{
        return (struct redis_channel_options){
                .loop = c->server->loop,
                .life = &c->server->life,
                .transport = c->target->tls ? &redis_transport_tls : &redis_transport_plain,
                .target = c->target,
                .stall_ms = c->server->options.stall_ms,
                .on_event = on_event,
                .data = c,
        };
}

/* `why`: the failure of the previous address. If no address is left, the attempt fails with this error. */
static void try_next_address(struct conn *c, const struct err *why)
{
        struct err err = { 0 };
        int64_t now_ms = redis_now_ms(c->server);
        if (why)
                err = *why;
        hang_up(c);
        c->state = CONN_CONNECTING;
        const struct redis_channel_options options = channel_options(c);
        while (c->address_next < c->addresses.count && now_ms < c->deadline_ms) {
                int64_t left = (int64_t)(c->addresses.count - c->address_next);
                c->address_deadline_ms = now_ms + (c->deadline_ms - now_ms) / left;
                const struct redis_address *address = &c->addresses.list[c->address_next++];
                if (redis_channel_open(&options, address, &c->flow.channel, &err) == 0)
                        return;
                (void)err_wrap(&err, "%s", c->target->address);
        }
        c->server->events->failed(c, FAILURE_NONE, &err);
}

static int start_handshake(struct conn *c, struct err *err)
{
        c->flow.reader = redis_reader_new(c->server->options.reply_max_bytes);
        if (!c->flow.reader)
                return err_set(err, ERR_NOMEM, "handshake");
        int rc = redis_handshake_init(&c->handshake, c->target, c->server->second_first, err);
        if (rc == 0)
                c->state = CONN_HANDSHAKE;
        return rc;
}

/* Also returns 0 if the rest has to wait for the socket. */
static int write_handshake(struct conn *c, struct err *err)
{
        struct redis_handshake *h = &c->handshake;
        while (h->written < h->out.len || c->flow.channel->has_pending) {
                struct iovec part = { h->out.data + h->written, h->out.len - h->written };
                ssize_t n = redis_channel_send(c->flow.channel, &part, part.iov_len > 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        redis_channel_wait(c->flow.channel, UV_READABLE | UV_WRITABLE);
                        return 0;
                }
                if (n < 0)
                        return redis_channel_problem(c->flow.channel, errno, "handshake", err);
                h->written += (size_t)n;
        }
        redis_channel_wait(c->flow.channel, UV_READABLE);
        redis_handshake_wipe(h);
        return 0;
}

static void on_handshake_writable(struct conn *c)
{
        struct err err;
        int rc = 0;
        if (c->state == CONN_CONNECTING) {
                rc = redis_channel_connected(c->flow.channel, &err);
                if (rc == 0)
                        c->state = CONN_SECURING;
        }
        if (c->state == CONN_SECURING) {
                rc = c->flow.channel->options.transport->ready(c->flow.channel, &err);
                if (rc == 0)
                        return;
                if (rc > 0)
                        rc = start_handshake(c, &err);
        }
        if (rc == 0)
                rc = write_handshake(c, &err);
        if (rc < 0) {
                (void)err_wrap(&err, "%s", c->target->address);
                try_next_address(c, &err);
        }
}

static void say_again(struct conn *c)
{
        struct err err;
        int rc = redis_handshake_again(&c->handshake, c->target, &err);
        if (rc == 0)
                rc = write_handshake(c, &err);
        if (rc < 0) {
                (void)err_wrap(&err, "%s", c->target->address);
                try_next_address(c, &err);
        }
}

static void on_greeted(struct flow *flow, const struct redis_reply *reply)
{
        struct conn *c = conn_of(flow);
        struct err err;
        enum redis_failure failure;
        int rc = redis_handshake_reply(&c->handshake, reply, &failure, &err);
        if (rc < 0) {
                c->server->counters.protocol_errors += err.code == ERR_PROTOCOL;
                (void)err_wrap(&err, "%s", c->target->address);
                c->server->events->failed(c, failure, &err);
        } else if (rc == HANDSHAKE_AGAIN) {
                say_again(c);
        } else if (rc > 0) {
                redis_handshake_wipe(&c->handshake);
                c->state = CONN_READY;
                c->flow.is_greeting = false;
                c->flow.heard_ms = redis_now_ms(c->server);
                c->server->events->ready(c);
        }
}

/* --- Events and time ---------------------------------------------------------------------------------------------- */

void redis_conn_broken(struct conn *c, const struct err *why)
{
        struct err err = *why;
        bool is_unheard = c->state == CONN_HANDSHAKE && c->handshake.next == 0;
        c->server->counters.protocol_errors += why->code == ERR_PROTOCOL;
        if (is_unheard && c->target->host && !c->target->tls) /* Redis with TLS closes without a reply */
                (void)err_wrap(&err, "%s: handshake (perhaps this port expects TLS)", c->target->address);
        else
                (void)err_wrap(&err, c->state == CONN_HANDSHAKE ? "%s: handshake" : "%s", c->target->address);
        if (c->state == CONN_READY)
                c->server->events->lost(c, &err);
        else
                try_next_address(c, &err);
}

static void on_ready_event(struct conn *c, int status, int events)
{
        if (status == 0 && (events & UV_WRITABLE)) {
                c->flow.is_blocked = false;
                redis_flow_write(&c->flow);
        }
        if (c->state == CONN_READY && (status < 0 || (events & UV_READABLE)))
                redis_flow_read(&c->flow);
        if (c->state == CONN_READY && status < 0) { /* libuv no longer watches it */
                struct err err;
                if (redis_channel_connected(c->flow.channel, &err) == 0)
                        (void)err_set(&err, ERR_UNAVAILABLE, "connection reset"); /* passed on */
                redis_conn_broken(c, &err);
        }
}

static void on_opening_event(struct conn *c, int status, int events)
{
        const struct redis_channel *channel = c->flow.channel;
        if ((events & UV_WRITABLE) || c->state != CONN_HANDSHAKE)
                on_handshake_writable(c);
        if (c->state == CONN_HANDSHAKE && (status < 0 || (events & UV_READABLE)))
                redis_flow_read(&c->flow);
        if (status < 0 && c->flow.channel == channel && c->state != CONN_READY) { /* libuv no longer watches it */
                struct err err;
                (void)err_set(&err, ERR_UNAVAILABLE, "%s: handshake: connection reset", c->target->address);
                try_next_address(c, &err);
        }
}

static void on_event(void *data, int status, int events)
{
        struct conn *c = data;
        struct server *server = c->server;
        redis_enter(&server->life);
        if (c->flow.channel->has_unread)
                events |= UV_READABLE;
        if (c->state == CONN_READY)
                on_ready_event(c, status, events);
        else
                on_opening_event(c, status, events);
        redis_queue_deliver(&server->queue);
        redis_leave(&server->life);
}

static const char *step_of(const struct conn *c)
{
        switch (c->state) {
        case CONN_LOCATING:
                return "look-up";
        case CONN_CONNECTING:
                return "connect";
        case CONN_SECURING:
                return "TLS handshake";
        default:
                return "handshake";
        }
}

static void tick_opening(struct conn *c, int64_t now_ms)
{
        struct err err;
        int64_t patience = c->state == CONN_LOCATING ? patience_ms(c) : 0;
        int64_t limit_ms = c->server->options.connect_timeout_ms + patience;
        bool is_late = now_ms >= c->deadline_ms + patience;
        bool has_address = c->state == CONN_CONNECTING || c->state == CONN_SECURING;
        if (!is_late && (!has_address || now_ms < c->address_deadline_ms))
                return;
        (void)err_set(&err, ERR_TIMEOUT, "%s: %s: no answer within %lld ms%s", c->target->address, step_of(c),
                      (long long)limit_ms, c->state == CONN_SECURING ? " (perhaps this port does not speak TLS)" : "");
        if (is_late)
                c->server->events->failed(c, FAILURE_NONE, &err);
        else
                try_next_address(c, &err);
}

void redis_conn_tick(struct conn *c, int64_t now_ms)
{
        int64_t stall_ms = c->server->options.stall_ms;
        struct err err;
        if (c->state != CONN_READY) {
                tick_opening(c, now_ms);
                return;
        }
        if (redis_flight_is_empty(&c->flow.flight))
                return;
        /* If the whole process was suspended, the reply may be waiting in the socket. */
        if (now_ms - c->flow.heard_ms >= stall_ms) {
                redis_flow_read(&c->flow);
                if (c->state != CONN_READY || redis_flight_is_empty(&c->flow.flight))
                        return;
        }
        bool is_stalled = now_ms - c->flow.heard_ms >= stall_ms;
        if (is_stalled || (c->is_retired && now_ms >= c->drain_deadline_ms)) {
                (void)err_set(&err, ERR_TIMEOUT, "no answer within %lld ms", (long long)stall_ms);
                redis_conn_broken(c, &err);
                return;
        }
        /* Bytes arrive, but the reply never ends. This reply blocks the replies to other commands, all of which have
         * expired. */
        if (now_ms - c->flow.answered_ms >= c->server->options.hold_ms + stall_ms) {
                (void)err_set(&err, ERR_PROTOCOL, "an endless reply");
                redis_conn_broken(c, &err);
                return;
        }
        redis_flight_expire(&c->flow.flight, &c->server->queue, now_ms);
}
