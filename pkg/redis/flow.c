/* flow: moves commands from the server's queue to the socket, as many as one write takes, and into in_flight. Replies
 * remove commands from the front of in_flight. Commands that the socket does not take stay in the queue, where they can
 * still be cancelled, except for the rest of a partly written command. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "redis/flow.h"

enum { PARTS_MAX = 1024, /* IOV_MAX on Linux */ READS_A_TURN = 16 };

/* --- Reading --------------------------------------------------------------------------------------------- */

/* Handles a reply that belongs to no command: a message of a subscription, an error that Redis sends before it closes,
 * or garbage. */
static void on_unasked(struct flow *f, const struct redis_reply *reply)
{
        struct err err;
        if (f->server->on_message && redis_reply_type(reply) == REDIS_ARRAY) {
                f->server->on_message(reply, f->server->on_message_data);
                return;
        }
        if (redis_reply_type(reply) == REDIS_ERROR)
                (void)redis_reply_error(reply, &err);
        else
                (void)err_set(&err, ERR_PROTOCOL, "an unexpected reply");
        f->events->broken(f, &err);
}

/* True for a message of a subscription, which may precede the reply to a PING. */
static bool is_message(const struct flow *f, const struct redis_reply *reply)
{
        const struct redis_reply *kind = f->server->on_message ? redis_reply_at(reply, 0) : NULL;
        const char *text = kind ? redis_reply_text(kind, NULL) : NULL;
        return text && strcmp(text, "message") == 0;
}

/* True if the reply refuses a command that exceeds proto-max-bulk-len. Redis sends it before all of the command is
 * written. */
static bool is_refusal(const struct redis_reply *reply)
{
        static const char words[] = "ERR Protocol error";
        return redis_reply_type(reply) == REDIS_ERROR &&
               strncmp(redis_reply_text(reply, NULL), words, sizeof(words) - 1) == 0;
}

static void on_refusal(struct flow *f, struct redis_command *command, const struct redis_reply *reply)
{
        struct err err;
        (void)redis_reply_error(reply, &err); /* passed on */
        f->flight.partial = NULL;
        if (inside(command)->state == COMMAND_ABANDONED)
                redis_flight_free_stand_in(command);
        else
                redis_queue_answer(&f->server->queue, command, reply);
        if (f->channel)
                f->events->broken(f, &err);
}

static void on_reply(struct flow *f, const struct redis_reply *reply)
{
        if (f->is_greeting) {
                f->events->greeted(f, reply);
                return;
        }
        f->answered_ms = redis_now_ms(f->server);
        struct redis_command *first = redis_link_command(f->flight.in_flight.next);
        bool is_asked = !list_is_empty(&f->flight.in_flight);
        if (is_asked && inside(first)->has_asked)
                inside(first)->has_asked = false; /* the reply to ASKING; only the one to the command counts */
        else if (is_asked && first == f->flight.partial && is_refusal(reply))
                on_refusal(f, first, reply);
        else if (!is_asked || first == f->flight.partial || is_message(f, reply))
                on_unasked(f, reply);
        else
                f->events->replied(f, first, reply);
}

static void take_bytes(struct flow *f, size_t count)
{
        struct err err;
        const struct redis_reply *reply;
        int rc = redis_reader_feed(f->reader, f->server->read_buffer, count, &err);
        while (rc == 0 && (rc = redis_reader_next(f->reader, &reply, &err)) > 0) {
                const struct redis_channel *channel = f->channel;
                on_reply(f, reply);
                if (f->channel != channel)
                        return;
                rc = 0;
        }
        if (rc < 0)
                f->events->broken(f, &err);
}

static void read_all(struct flow *f, struct redis_channel *channel)
{
        struct err err;
        for (int i = 0; i < READS_A_TURN && f->channel == channel; i++) {
                ssize_t n = channel->options.transport->recv(channel, f->server->read_buffer, REDIS_READ_BYTES);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        if (n < 0)
                                (void)redis_channel_problem(channel, errno, "read", &err); /* passed on */
                        else
                                (void)err_set(&err, ERR_UNAVAILABLE, "closed by the peer");
                        f->events->broken(f, &err);
                        return;
                }
                f->heard_ms = redis_now_ms(f->server);
                f->server->counters.bytes_in += (uint64_t)n;
                take_bytes(f, (size_t)n);
                if (n < REDIS_READ_BYTES && channel->options.transport->short_read_is_last && !channel->has_unread)
                        return;
        }
}

void redis_flow_read(struct flow *f)
{
        struct redis_channel *channel = f->channel;
        f->is_reading = true;
        read_all(f, channel);
        f->is_reading = false;
        if (f->channel == channel)
                redis_channel_wait(channel, channel->events); /* the rest, if any, is sent in another turn */
}

/* --- Writing --------------------------------------------------------------------------------------------- */

/* Collects the rest of a command that is partly written. */
static size_t collect_rest(struct flow *f, struct iovec *parts)
{
        if (!f->flight.partial)
                return 0;
        *parts = (struct iovec){ inside(f->flight.partial)->bytes + f->flight.partial_written,
                                 inside(f->flight.partial)->length - f->flight.partial_written };
        return 1;
}

static size_t collect(struct flow *f, struct iovec parts[PARTS_MAX])
{
        struct list *held = &f->server->queue.held;
        size_t count = collect_rest(f, parts), room = redis_suspects_room(&f->server->suspects);
        size_t most = room < PARTS_MAX - count ? count + room : PARTS_MAX;
        for (struct list *at = held->next, *next; at != held && count < most; at = next) {
                struct redis_command *command = redis_link_command(at);
                next = at->next;
                if (redis_queue_is_misplaced(&f->server->queue, command) &&
                    !redis_queue_remake(&f->server->queue, command))
                        continue;
                parts[count++] = (struct iovec){ inside(command)->bytes, inside(command)->length };
        }
        return count;
}

static void put_in_flight(struct flow *f, struct redis_command *command, int64_t realtime_ms)
{
        struct server *server = f->server;
        if (list_is_empty(&f->flight.in_flight))
                f->heard_ms = f->answered_ms = redis_now_ms(server);
        list_remove(&inside(command)->link);
        list_insert_before(&f->flight.in_flight, &inside(command)->link);
        server->queue.held_count--;
        server->queue.in_flight_count++;
        server->counters.commands++;
        if (inside(command)->doubts > 0)
                server->counters.resent++;
        inside(command)->state = COMMAND_IN_FLIGHT;
        inside(command)->has_asked = inside(command)->is_asking;
        command->attempts++;
        command->order = ++server->numbers->written;
        command->connection = f->number;
        if (command->generation != f->generation)
                redis_suspicion_forget(command); /* it concerned another server */
        command->generation = f->generation;
        inside(command)->batch_us = 0;
        if (command->sent_first_ms == 0)
                command->sent_first_ms = realtime_ms;
}

/* `written` bytes have been written: puts their commands in flight, and returns the number of commands. */
static size_t advance(struct flow *f, size_t written)
{
        struct list *held = &f->server->queue.held;
        int64_t realtime_ms = clock_realtime_ms();
        size_t count = 0;
        if (f->flight.partial) {
                size_t rest = inside(f->flight.partial)->length - f->flight.partial_written;
                f->flight.partial_written += written < rest ? written : rest;
                if (written > 0)
                        f->heard_ms = redis_now_ms(f->server); /* the peer has made room */
                if (written < rest)
                        return 0;
                f->flight.partial = NULL;
                written -= rest;
        }
        while (written > 0 && !list_is_empty(held)) {
                struct redis_command *command = redis_link_command(held->next);
                put_in_flight(f, command, realtime_ms);
                count++;
                if (written < inside(command)->length) {
                        f->flight.partial = command;
                        f->flight.partial_written = written;
                        break;
                }
                written -= inside(command)->length;
        }
        return count;
}

static void note_batch(struct flow *f, struct redis_command *first, size_t count)
{
        struct server *server = f->server;
        if (count == 0)
                return;
        inside(first)->batch_us = server->observers.on_round_trip ? clock_monotonic_us() : 0;
        server->counters.batches++;
        if (count > server->counters.batch_commands_max)
                server->counters.batch_commands_max = count;
        if (server->observers.on_batch)
                server->observers.on_batch(count, server->observers.on_batch_data);
}

/* False for a connection that is retired, has refused a command or is losing its role; it only finishes what it has
 * started. */
static bool is_open(const struct flow *f)
{
        return f->is_active && f->pause == FAILURE_NONE && f->hold_until_ms == 0;
}

static bool takes_more(const struct flow *f)
{
        return f->has_turn && is_open(f) && redis_suspects_room(&f->server->suspects) > 0;
}

static bool has_more(const struct flow *f)
{
        return f->flight.partial || (takes_more(f) && !list_is_empty(&f->server->queue.held));
}

void redis_flow_write(struct flow *f)
{
        struct iovec parts[PARTS_MAX];
        f->has_turn = is_open(f) && redis_suspects_take_turn(&f->server->suspects, &f->flight);
        struct redis_command *first = NULL;
        size_t batch = 0;
        int errnum = 0;
        while (!f->is_blocked && errnum == 0 && (has_more(f) || f->channel->has_pending)) {
                size_t count = takes_more(f) ? collect(f, parts) : collect_rest(f, parts);
                size_t wanted = 0;
                if (!first) /* checked here: commands for another place may have left the queue */
                        first = redis_link_command(f->server->queue.held.next);
                for (size_t i = 0; i < count; i++)
                        wanted += parts[i].iov_len;
                ssize_t n = redis_channel_send(f->channel, parts, count);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        errnum = errno;
                size_t written = n > 0 ? (size_t)n : 0;
                f->server->counters.bytes_out += written;
                batch += advance(f, written);
                bool is_stuck = written < wanted || f->channel->has_pending;
                f->is_blocked = errnum == 0 && is_stuck && !(n < 0 && errno == EINTR);
        }
        redis_channel_wait(f->channel, f->is_blocked ? UV_READABLE | UV_WRITABLE : UV_READABLE);
        note_batch(f, first, batch);
        if (errnum != 0 && !f->is_reading) { /* Redis may have sent the reason before it closed the connection */
                redis_flow_read(f);
                if (!f->channel)
                        return;
        }
        if (errnum != 0) {
                struct err err;
                (void)redis_channel_problem(f->channel, errnum, "write", &err); /* passed on */
                f->events->broken(f, &err);
        }
}
