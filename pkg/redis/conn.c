/* conn: one connection from the look-up to its end. Addresses are tried in turn, each with its share of the
 * time that is left; the handshake goes out as soon as the socket stands. Once ready, flow.c moves commands and
 * replies. It keeps no timer: the client's coarse tick asks redis_conn_tick. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "redis/internal.h"

static void try_next_address(struct conn *c, const struct err *why);

struct conn *redis_conn_new(struct redis *client, struct redis_target *target, struct err *err)
{
        struct conn *c = calloc(1, sizeof(*c));
        if (!c) {
                (void)err_set(err, ERR_NOMEM, "connect"); /* NULL tells it */
                return NULL;
        }
        c->client = client;
        c->target = redis_target_ref(target);
        c->generation = client->generation;
        c->epoch = client->epoch;
        c->number = ++(client->node ? client->node->router : client)->connections_made;
        list_init(&c->in_flight);
        list_init(&c->refused);
        return c;
}

void redis_conn_free(struct conn *c)
{
        redis_reader_free(c->reader);
        redis_handshake_fini(&c->handshake);
        redis_target_unref(c->target);
        free(c);
}

static void hang_up(struct conn *c)
{
        redis_channel_close(c->channel);
        c->channel = NULL;
        redis_handshake_fini(&c->handshake);
        redis_reader_free(c->reader);
        c->reader = NULL;
}

void redis_conn_close(struct conn *c)
{
        assert(c->state != CONN_CLOSED && list_is_empty(&c->in_flight) && list_is_empty(&c->refused));
        redis_locate_cancel(c->locate);
        c->locate = NULL;
        redis_channel_close(c->channel);
        c->channel = NULL;
        c->state = CONN_CLOSED;
        c->next = c->client->dead; /* the reader may be in use further up the stack */
        c->client->dead = c;
}

/* --- Opening --------------------------------------------------------------------------------------------- */

static void on_located(struct redis_target *at, const struct redis_addresses *found, const struct err *err, void *data)
{
        struct conn *c = data;
        c->locate = NULL;
        if (!at) {
                redis_conn_failed(c, err->code == ERR_DENIED ? FAILURE_DENIED : FAILURE_NONE, err);
                return;
        }
        struct redis_target *asked = c->target;
        c->target = redis_target_ref(at);
        redis_target_unref(asked);
        c->looked_ms = redis_now_ms(c->client);
        c->addresses = *found;
        try_next_address(c, NULL);
}

void redis_conn_start(struct conn *c)
{
        struct err err;
        c->deadline_ms = redis_now_ms(c->client) + c->client->options.connect_timeout_ms;
        c->state = CONN_LOCATING;
        int rc = redis_locate(c->client, c->target, &c->addresses, on_located, c, &c->locate, &err);
        if (rc < 0)
                redis_conn_failed(c, FAILURE_NONE, &err);
        else if (rc > 0)
                try_next_address(c, NULL);
}

/* `why` says what was wrong with the address before; with none left it is what the attempt failed of. */
static void try_next_address(struct conn *c, const struct err *why)
{
        struct err err = { 0 };
        int64_t now_ms = redis_now_ms(c->client);
        if (why)
                err = *why;
        hang_up(c);
        c->state = CONN_CONNECTING;
        while (c->address_next < c->addresses.count && now_ms < c->deadline_ms) {
                int64_t left = (int64_t)(c->addresses.count - c->address_next);
                c->address_deadline_ms = now_ms + (c->deadline_ms - now_ms) / left;
                const struct redis_address *address = &c->addresses.list[c->address_next++];
                if (redis_channel_open(c->client, c, address, &c->channel, &err) == 0)
                        return;
                (void)err_wrap(&err, "%s", c->target->address);
        }
        redis_conn_failed(c, FAILURE_NONE, &err);
}

static int start_handshake(struct conn *c, struct err *err)
{
        c->reader = redis_reader_new(c->client->options.reply_max_bytes);
        if (!c->reader)
                return err_set(err, ERR_NOMEM, "handshake");
        int rc = redis_handshake_init(&c->handshake, c->target, c->client->second_first, err);
        if (rc == 0)
                c->state = CONN_HANDSHAKE;
        return rc;
}

/* 0 also when the rest has to wait for the socket. */
static int write_handshake(struct conn *c, struct err *err)
{
        struct redis_handshake *h = &c->handshake;
        while (h->written < h->out.len || c->channel->has_pending) {
                struct iovec part = { h->out.data + h->written, h->out.len - h->written };
                ssize_t n = c->channel->transport->send(c->channel, &part, part.iov_len > 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        redis_channel_wait(c->channel, UV_READABLE | UV_WRITABLE);
                        return 0;
                }
                if (n < 0)
                        return redis_channel_problem(c->channel, errno, "handshake", err);
                h->written += (size_t)n;
        }
        redis_channel_wait(c->channel, UV_READABLE);
        redis_handshake_wipe(h);
        return 0;
}

static void on_handshake_writable(struct conn *c)
{
        struct err err;
        int rc = 0;
        if (c->state == CONN_CONNECTING) {
                rc = redis_channel_connected(c->channel, &err);
                if (rc == 0)
                        c->state = CONN_SECURING;
        }
        if (c->state == CONN_SECURING) {
                rc = c->channel->transport->ready(c->channel, &err);
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

void redis_conn_handshake_reply(struct conn *c, const struct redis_reply *reply)
{
        struct err err;
        enum redis_failure failure;
        int rc = redis_handshake_reply(&c->handshake, reply, &failure, &err);
        if (rc < 0) {
                c->client->counters.protocol_errors += err.code == ERR_PROTOCOL;
                (void)err_wrap(&err, "%s", c->target->address);
                redis_conn_failed(c, failure, &err);
        } else if (rc == HANDSHAKE_AGAIN) {
                say_again(c);
        } else if (rc > 0) {
                redis_handshake_wipe(&c->handshake);
                c->state = CONN_READY;
                c->heard_ms = redis_now_ms(c->client);
                redis_conn_is_ready(c);
        }
}

/* --- Events and time ---------------------------------------------------------------------------------------------- */

void redis_conn_broken(struct conn *c, const struct err *why)
{
        struct err err = *why;
        bool is_unheard = c->state == CONN_HANDSHAKE && c->handshake.next == 0;
        c->client->counters.protocol_errors += why->code == ERR_PROTOCOL;
        if (is_unheard && c->target->host && !c->target->tls) /* Redis with TLS says nothing to what is none */
                (void)err_wrap(&err, "%s: handshake (perhaps this port expects TLS)", c->target->address);
        else
                (void)err_wrap(&err, c->state == CONN_HANDSHAKE ? "%s: handshake" : "%s", c->target->address);
        if (c->state == CONN_READY)
                redis_conn_lost(c, &err);
        else
                try_next_address(c, &err);
}

static void on_ready_event(struct conn *c, int status, int events)
{
        if (status == 0 && (events & UV_WRITABLE)) {
                c->blocked = false;
                redis_conn_write(c);
        }
        if (c->state == CONN_READY && (status < 0 || (events & UV_READABLE)))
                redis_conn_read(c);
        if (c->state == CONN_READY && status < 0) { /* libuv has stopped to watch it */
                struct err err;
                if (redis_channel_connected(c->channel, &err) == 0)
                        (void)err_set(&err, ERR_UNAVAILABLE, "connection reset"); /* redis_conn_broken takes it on */
                redis_conn_broken(c, &err);
        }
}

static void on_opening_event(struct conn *c, int status, int events)
{
        const struct redis_channel *channel = c->channel;
        if ((events & UV_WRITABLE) || c->state != CONN_HANDSHAKE)
                on_handshake_writable(c);
        if (c->state == CONN_HANDSHAKE && (status < 0 || (events & UV_READABLE)))
                redis_conn_read(c);
        if (status < 0 && c->channel == channel && c->state != CONN_READY) { /* libuv has stopped to watch it */
                struct err err;
                (void)err_set(&err, ERR_UNAVAILABLE, "%s: handshake: connection reset", c->target->address);
                try_next_address(c, &err);
        }
}

void redis_conn_event(struct conn *c, int status, int events)
{
        struct redis *client = c->client;
        redis_enter(client);
        if (c->channel->has_unread)
                events |= UV_READABLE;
        if (c->state == CONN_READY)
                on_ready_event(c, status, events);
        else
                on_opening_event(c, status, events);
        redis_queue_deliver(client);
        redis_leave(client);
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
        bool is_late = now_ms >= c->deadline_ms;
        bool has_address = c->state == CONN_CONNECTING || c->state == CONN_SECURING;
        if (!is_late && (!has_address || now_ms < c->address_deadline_ms))
                return;
        (void)err_set(&err, ERR_TIMEOUT, "%s: %s: no answer within %lld ms%s", c->target->address, step_of(c),
                      (long long)c->client->options.connect_timeout_ms,
                      c->state == CONN_SECURING ? " (perhaps this port does not speak TLS)" : "");
        if (is_late)
                redis_conn_failed(c, FAILURE_NONE, &err);
        else
                try_next_address(c, &err);
}

void redis_conn_tick(struct conn *c, int64_t now_ms)
{
        int64_t stall_ms = c->client->options.stall_ms;
        struct err err;
        redis_second_look(c, now_ms);
        if (c->state == CONN_CLOSED)
                return;
        if (c->state != CONN_READY) {
                tick_opening(c, now_ms);
                return;
        }
        if (list_is_empty(&c->in_flight))
                return;
        /* When the whole process was stopped, the answer may be waiting in the socket. */
        if (now_ms - c->heard_ms >= stall_ms) {
                redis_conn_read(c);
                if (c->state != CONN_READY || list_is_empty(&c->in_flight))
                        return;
        }
        bool is_stalled = now_ms - c->heard_ms >= stall_ms;
        if (is_stalled || (c->is_retired && now_ms >= c->drain_deadline_ms)) {
                (void)err_set(&err, ERR_TIMEOUT, "no answer within %lld ms", (long long)stall_ms);
                redis_conn_broken(c, &err);
                return;
        }
        /* Bytes come, and no reply ends: what it swallows are the replies to others. Nobody waits any more. */
        if (now_ms - c->answered_ms >= c->client->options.hold_ms + stall_ms) {
                (void)err_set(&err, ERR_PROTOCOL, "an endless reply");
                redis_conn_broken(c, &err);
                return;
        }
        redis_queue_expire_in_flight(c->client, c, now_ms);
}
