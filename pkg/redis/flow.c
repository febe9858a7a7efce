/* flow: the bytes of a connection. Commands go from the client's held queue to the socket, as many as it takes
 * in one write, and into in_flight; replies take them from its front. What the socket does not take stays held,
 * where it can still be taken back, but for the rest of a command whose first bytes are gone. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "redis/internal.h"

enum { PARTS_MAX = 1024, /* IOV_MAX on Linux */ READS_A_TURN = 16 };

/* --- Reading --------------------------------------------------------------------------------------------- */

/* An error that answers nothing is what Redis says before it closes; anything else, where it is expected, a message. */
static void on_unasked(struct conn *c, const struct redis_reply *reply)
{
        struct err err;
        if (c->client->on_message && redis_reply_type(reply) == REDIS_ARRAY) {
                c->client->on_message(reply, c->client->options.data);
                return;
        }
        if (redis_reply_type(reply) == REDIS_ERROR)
                (void)redis_reply_error(reply, &err);
        else
                (void)err_set(&err, ERR_PROTOCOL, "an unexpected reply");
        redis_conn_broken(c, &err);
}

/* Of a subscription: it may come before the answer to a PING. */
static bool is_message(const struct conn *c, const struct redis_reply *reply)
{
        const struct redis_reply *kind = c->client->on_message ? redis_reply_at(reply, 0) : NULL;
        const char *text = kind ? redis_reply_text(kind, NULL) : NULL;
        return text && strcmp(text, "message") == 0;
}

/* What a command gets that is longer than Redis takes (proto-max-bulk-len), before all of it is written. */
static bool is_refusal(const struct redis_reply *reply)
{
        static const char words[] = "ERR Protocol error";
        return redis_reply_type(reply) == REDIS_ERROR &&
               strncmp(redis_reply_text(reply, NULL), words, sizeof(words) - 1) == 0;
}

static void on_refusal(struct conn *c, struct redis_command *command, const struct redis_reply *reply)
{
        struct err err;
        (void)redis_reply_error(reply, &err); /* told by redis_conn_broken */
        c->partial = NULL;
        if (inside(command)->state == COMMAND_ABANDONED)
                redis_queue_free_stand_in(command);
        else
                redis_queue_answer(c->client, command, reply);
        if (c->state == CONN_READY)
                redis_conn_broken(c, &err);
}

static void on_reply(struct conn *c, const struct redis_reply *reply)
{
        if (c->state == CONN_HANDSHAKE) {
                redis_conn_handshake_reply(c, reply);
                return;
        }
        c->answered_ms = redis_now_ms(c->client);
        struct redis_command *first = redis_link_command(c->in_flight.next);
        bool is_asked = !list_is_empty(&c->in_flight);
        if (is_asked && inside(first)->has_asked)
                inside(first)->has_asked = false; /* the answer to ASKING: that to the command tells */
        else if (is_asked && first == c->partial && is_refusal(reply))
                on_refusal(c, first, reply);
        else if (!is_asked || first == c->partial || is_message(c, reply))
                on_unasked(c, reply);
        else
                redis_conn_replied(c, first, reply);
}

static void take_bytes(struct conn *c, size_t count)
{
        struct err err;
        const struct redis_reply *reply;
        int rc = redis_reader_feed(c->reader, c->client->read_buffer, count, &err);
        while (rc == 0 && (rc = redis_reader_next(c->reader, &reply, &err)) > 0) {
                struct redis_reader *reader = c->reader;
                on_reply(c, reply);
                if (c->state == CONN_CLOSED || c->reader != reader)
                        return;
                rc = 0;
        }
        if (rc < 0)
                redis_conn_broken(c, &err);
}

static void read_all(struct conn *c, struct redis_channel *channel)
{
        struct err err;
        for (int i = 0; i < READS_A_TURN && c->channel == channel; i++) {
                ssize_t n = channel->transport->recv(channel, c->client->read_buffer, REDIS_READ_BYTES);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        if (n < 0)
                                (void)redis_channel_problem(channel, errno, "read",
                                                            &err); /* told by redis_conn_broken */
                        else
                                (void)err_set(&err, ERR_UNAVAILABLE, "closed by the peer");
                        redis_conn_broken(c, &err);
                        return;
                }
                c->heard_ms = redis_now_ms(c->client);
                c->client->counters.bytes_in += (uint64_t)n;
                take_bytes(c, (size_t)n);
                if (n < REDIS_READ_BYTES && channel->transport->short_read_is_last && !channel->has_unread)
                        return;
        }
}

void redis_conn_read(struct conn *c)
{
        struct redis_channel *channel = c->channel;
        c->is_reading = true;
        read_all(c, channel);
        c->is_reading = false;
        if (c->channel == channel)
                redis_channel_wait(channel, channel->events); /* has_unread, has_pending: the rest in another turn */
}

/* --- Writing --------------------------------------------------------------------------------------------- */

/* What is to be written next: the rest of a command that is partly written, then those that are held. */
static size_t collect_rest(struct conn *c, struct iovec *parts)
{
        if (!c->partial)
                return 0;
        *parts = (struct iovec){ inside(c->partial)->bytes + c->partial_written,
                                 inside(c->partial)->length - c->partial_written };
        return 1;
}

static size_t collect(struct conn *c, struct iovec parts[PARTS_MAX])
{
        struct list *held = &c->client->held;
        size_t count = collect_rest(c, parts), room = redis_suspects_room(c->client);
        size_t most = room < PARTS_MAX - count ? count + room : PARTS_MAX;
        for (struct list *at = held->next, *next; at != held && count < most; at = next) {
                struct redis_command *command = redis_link_command(at);
                next = at->next;
                if (redis_is_misplaced(c->client, command) && !redis_queue_remake(c->client, command))
                        continue;
                parts[count++] = (struct iovec){ inside(command)->bytes, inside(command)->length };
        }
        return count;
}

static void put_in_flight(struct conn *c, struct redis_command *command, int64_t realtime_ms)
{
        struct redis *client = c->client;
        if (list_is_empty(&c->in_flight))
                c->heard_ms = c->answered_ms = redis_now_ms(client);
        list_remove(&inside(command)->link);
        list_insert_before(&c->in_flight, &inside(command)->link);
        client->held_count--;
        client->in_flight_count++;
        client->counters.commands++;
        if (inside(command)->doubts > 0)
                client->counters.resent++;
        inside(command)->state = COMMAND_IN_FLIGHT;
        inside(command)->has_asked = inside(command)->is_asking;
        command->attempts++;
        command->order = ++(client->node ? client->node->router : client)->written;
        command->connection = c->number;
        if (command->generation != c->generation)
                inside(command)->suspicion.losses = inside(command)->suspicion.strikes =
                        0; /* another server's verdict */
        command->generation = c->generation;
        inside(command)->batch_us = 0;
        if (command->sent_first_ms == 0)
                command->sent_first_ms = realtime_ms;
}

/* `written` bytes are on their way: the commands that they belong to are in flight. Returns how many those are. */
static size_t advance(struct conn *c, size_t written)
{
        struct list *held = &c->client->held;
        int64_t realtime_ms = clock_realtime_ms();
        size_t count = 0;
        if (c->partial) {
                size_t rest = inside(c->partial)->length - c->partial_written;
                c->partial_written += written < rest ? written : rest;
                if (written > 0)
                        c->heard_ms = redis_now_ms(c->client); /* it waited for room, which the peer has made */
                if (written < rest)
                        return 0;
                c->partial = NULL;
                written -= rest;
        }
        while (written > 0 && !list_is_empty(held)) {
                struct redis_command *command = redis_link_command(held->next);
                put_in_flight(c, command, realtime_ms);
                count++;
                if (written < inside(command)->length) {
                        c->partial = command;
                        c->partial_written = written;
                        break;
                }
                written -= inside(command)->length;
        }
        return count;
}

static void note_batch(struct conn *c, struct redis_command *first, size_t count)
{
        struct redis *client = c->client;
        if (count == 0)
                return;
        inside(first)->batch_us = client->on_round_trip ? clock_monotonic_us() : 0;
        client->counters.batches++;
        if (count > client->counters.batch_commands_max)
                client->counters.batch_commands_max = count;
        if (client->on_batch)
                client->on_batch(count, client->on_batch_data);
}

/* A retired connection, or one that has refused a command or is losing its role, only finishes what is begun. */
static bool is_open(const struct conn *c)
{
        return c->client->active == c && c->pause == FAILURE_NONE && c->hold_until_ms == 0;
}

static bool takes_more(const struct conn *c)
{
        return c->has_turn && is_open(c) && redis_suspects_room(c->client) > 0;
}

static bool has_more(const struct conn *c)
{
        return c->partial || (takes_more(c) && !list_is_empty(&c->client->held));
}

void redis_conn_write(struct conn *c)
{
        struct iovec parts[PARTS_MAX];
        c->has_turn = is_open(c) && redis_suspects_take_turn(c);
        struct redis_command *first = NULL;
        size_t batch = 0;
        int errnum = 0;
        while (!c->blocked && errnum == 0 && (has_more(c) || c->channel->has_pending)) {
                size_t count = takes_more(c) ? collect(c, parts) : collect_rest(c, parts);
                size_t wanted = 0;
                if (!first) /* some may have been taken out: they were for another place */
                        first = redis_link_command(c->client->held.next);
                for (size_t i = 0; i < count; i++)
                        wanted += parts[i].iov_len;
                ssize_t n = c->channel->transport->send(c->channel, parts, count);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        errnum = errno;
                size_t written = n > 0 ? (size_t)n : 0;
                c->client->counters.bytes_out += written;
                batch += advance(c, written);
                bool is_stuck = written < wanted || c->channel->has_pending;
                c->blocked = errnum == 0 && is_stuck && !(n < 0 && errno == EINTR);
        }
        redis_channel_wait(c->channel, c->blocked ? UV_READABLE | UV_WRITABLE : UV_READABLE);
        note_batch(c, first, batch);
        if (errnum != 0 && !c->is_reading) { /* what Redis said before it closed */
                redis_conn_read(c);
                if (c->state != CONN_READY)
                        return;
        }
        if (errnum != 0) {
                struct err err;
                (void)redis_channel_problem(c->channel, errnum, "write", &err); /* told by redis_conn_broken */
                redis_conn_broken(c, &err);
        }
}
