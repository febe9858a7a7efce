/* lanes: the command WAIT must not be held and not be repeated by pkg/redis: on another connection it would mean
 * something else. So whatever happens to its connection fails it, and all documents of the lane are written again.
 *
 * It is sent when Redis has answered the documents, not behind them in the same write: WAITAOF then finds the file
 * synced where `appendfsync` is `always` and is answered at once, where a server that has just blocked a client looks
 * at it again only at its next event, up to 100 ms later. Its own time-out is short, so that a silent connection is
 * noticed by the stall time as ever. */
#include "lanes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

enum { WAIT_MAX_MS = 1000 };

/* --- Tickets ------------------------------------------------------------------------------------------------ */

static void push(struct lane_queue *queue, struct lane_ticket *ticket)
{
        ticket->next = NULL;
        if (queue->first)
                queue->last->next = ticket;
        else
                queue->first = ticket;
        queue->last = ticket;
}

static struct lane_ticket *pop(struct lane_queue *queue)
{
        struct lane_ticket *ticket = queue->first;
        if (ticket)
                queue->first = ticket->next;
        return ticket;
}

static void count(struct lanes *lanes, const struct lane_ticket *ticket, bool waits)
{
        struct redis_budget *waiting = lanes->options.waiting;
        if (waits) {
                atomic_fetch_add_explicit(&waiting->commands, 1, memory_order_relaxed);
                atomic_fetch_add_explicit(&waiting->bytes, ticket->bytes, memory_order_relaxed);
        } else {
                atomic_fetch_sub_explicit(&waiting->commands, 1, memory_order_relaxed);
                atomic_fetch_sub_explicit(&waiting->bytes, ticket->bytes, memory_order_relaxed);
        }
}

bool lanes_are_full(const struct lanes *lanes)
{
        struct redis_budget *waiting = lanes->options.waiting;
        return atomic_load_explicit(&waiting->commands, memory_order_relaxed) >= waiting->commands_max ||
               atomic_load_explicit(&waiting->bytes, memory_order_relaxed) >= waiting->bytes_max;
}

void lane_await(struct lane *lane, struct lane_ticket *ticket)
{
        count(lane->lanes, ticket, true);
        push(&lane->tickets, ticket);
}

void lanes_refuse(struct lanes *lanes, struct lane_ticket *ticket)
{
        push(&lanes->refused, ticket);
}

static void finish(struct lane *lane, struct lane_ticket *ticket, enum lane_outcome outcome, const struct err *err)
{
        count(lane->lanes, ticket, false);
        ticket->on_done(ticket, outcome, err);
}

/* Takes all tickets off the lane first: one that is written again may come back to it meanwhile. */
static void finish_all(struct lane *lane, enum lane_outcome outcome, const struct err *err)
{
        struct lane_queue now = lane->tickets;
        struct lane_ticket *ticket;
        lane->tickets = (struct lane_queue){ NULL, NULL };
        while ((ticket = pop(&now)))
                finish(lane, ticket, outcome, err);
}

/* --- Replies ------------------------------------------------------------------------------------------------ */

static int64_t reached(const struct lanes *lanes, const struct redis_reply *reply)
{
        if (lanes->options.level.kind == ACK_REPLICA)
                return redis_reply_integer(reply);
        /* WAITAOF: [1 when this server's file is synced, replicas whose file is] */
        return redis_reply_count(reply) > 0 ? redis_reply_integer(redis_reply_at(reply, 0)) : 0;
}

static int64_t wanted(const struct lanes *lanes)
{
        return lanes->options.level.kind == ACK_REPLICA ? (int64_t)lanes->options.level.replicas : 1;
}

static void say_short(const struct lanes *lanes, int64_t count, struct err *err)
{
        long long hold_ms = (long long)lanes->options.redis.hold_ms;
        if (lanes->options.level.kind == ACK_REPLICA)
                (void)err_set(err, ERR_TIMEOUT, "%" PRId64 " of %" PRId64 " replicas had it within %lld ms", count,
                              wanted(lanes), hold_ms);
        else
                (void)err_set(err, ERR_TIMEOUT, "Redis had not synced its append-only file within %lld ms", hold_ms);
}

/* What was answered on `connection` is safe, or as short of it as `count` says. */
static void settle(struct lane *lane, unsigned connection, int64_t count)
{
        struct lane_queue now = lane->tickets;
        struct lane_ticket *ticket;
        struct err err;
        int64_t now_ms = clock_monotonic_ms();
        bool is_safe = count >= wanted(lane->lanes);
        if (!is_safe) {
                say_short(lane->lanes, count, &err);
                metric_add(lane->lanes->options.short_total, 1);
        }
        lane->tickets = (struct lane_queue){ NULL, NULL };
        while ((ticket = pop(&now))) {
                if (ticket->connection != connection)
                        finish(lane, ticket, LANE_REWRITE, NULL);
                else if (is_safe)
                        finish(lane, ticket, LANE_SAFE, NULL);
                else if (now_ms >= ticket->deadline_ms)
                        finish(lane, ticket, LANE_UNSAFE, &err);
                else
                        push(&lane->tickets, ticket);
        }
}

static void on_error(struct lane *lane, const struct redis_reply *reply)
{
        struct err err;
        (void)redis_reply_error(reply, &err);
        if (strstr(err.text, "with replica")) { /* it has become one: the next SET looks for the primary */
                finish_all(lane, LANE_REWRITE, NULL);
                return;
        }
        (void)err_wrap(&err,
                       lane->lanes->options.level.kind == ACK_FSYNC ? "Redis refuses WAITAOF" : "Redis refuses WAIT");
        finish_all(lane, LANE_UNSAFE, &err);
}

static void on_waited(struct redis_command *command, const struct redis_reply *reply, const struct err *why)
{
        struct lane *lane = CONTAINER_OF(command, struct lane, wait);
        struct lanes *lanes = lane->lanes;
        lane->is_waiting = false;
        redis_command_fini(command);
        if (lanes->is_closing)
                return; /* lanes_close tells them */
        if (!reply) {
                /* Refused before it was sent, with a connection that stands: for want of memory or of room in the
                 * budget. It is asked again in a later turn. */
                bool is_lost = command->attempts > 0 || redis_state(lane->redis) != REDIS_READY;
                if (is_lost || why->code == ERR_DENIED)
                        finish_all(lane, LANE_REWRITE, NULL);
                return;
        }
        metric_observe(lanes->options.wait_seconds, (double)(clock_monotonic_us() - lane->asked_us) / 1e6);
        if (redis_reply_type(reply) == REDIS_ERROR)
                on_error(lane, reply);
        else
                settle(lane, command->connection, reached(lanes, reply));
}

/* --- Asking ------------------------------------------------------------------------------------------------- */

static int64_t wait_ms(const struct lane *lane)
{
        int64_t left_ms = lane->tickets.first->deadline_ms - clock_monotonic_ms();
        int64_t stall_ms = lane->lanes->options.redis.stall_ms / 2;
        int64_t most_ms = stall_ms < WAIT_MAX_MS ? stall_ms : WAIT_MAX_MS;
        if (left_ms > most_ms)
                left_ms = most_ms;
        return left_ms > 0 ? left_ms : 1; /* 0 would mean for ever */
}

/* On which master a document is, a lane does not know. A Cluster is refused at start; this is one that came later. */
static void refuse_cluster(struct lane *lane)
{
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "this Redis is a Cluster, where only --ack=memory is possible yet");
        finish_all(lane, LANE_UNSAFE, &err);
}

static void ask(struct lane *lane)
{
        const struct ack_level *level = &lane->lanes->options.level;
        char number[24], time[24];
        struct err err;
        size_t time_length = (size_t)snprintf(time, sizeof(time), "%" PRId64, wait_ms(lane));
        size_t number_length = (size_t)snprintf(number, sizeof(number), "%u", level->replicas);
        const char *replica[] = { "WAIT", number, time };
        const char *fsync[] = { "WAITAOF", "1", "0", time };
        redis_command_init(&lane->wait, on_waited);
        lane->wait.once = lane->wait.must_not_hold = true;
        int rc =
                level->kind == ACK_REPLICA
                        ? redis_command_args(&lane->wait, 3, replica, (size_t[]){ 4, number_length, time_length }, &err)
                        : redis_command_args(&lane->wait, 4, fsync, (size_t[]){ 7, 1, 1, time_length }, &err);
        if (rc < 0)
                return; /* without memory: in a later turn */
        lane->is_waiting = true;
        lane->asked_us = clock_monotonic_us();
        redis_send(lane->redis, &lane->wait);
}

static bool another_is_free(const struct lanes *lanes, const struct lane *lane)
{
        for (size_t i = 0; i < LANES; i++)
                if (&lanes->lane[i] != lane && !lanes->lane[i].is_waiting)
                        return true;
        return false;
}

struct lane *lanes_of(struct lanes *lanes, const struct redis *redis)
{
        size_t i = 0;
        while (i < LANES - 1 && lanes->lane[i].redis != redis)
                i++;
        return &lanes->lane[i];
}

struct lane *lanes_pick(struct lanes *lanes)
{
        while (lanes->lane[lanes->writing].is_waiting) /* one does not */
                lanes->writing = (lanes->writing + 1) % LANES;
        return &lanes->lane[lanes->writing];
}

void lanes_turn(struct lanes *lanes)
{
        struct lane_queue refused = lanes->refused;
        struct lane_ticket *ticket;
        struct err err;
        lanes->refused = (struct lane_queue){ NULL, NULL };
        while ((ticket = pop(&refused))) {
                (void)err_set(&err, ERR_UNAVAILABLE, "too many requests wait for Redis");
                ticket->on_done(ticket, LANE_REFUSED, &err);
        }
        for (size_t i = 0; i < LANES; i++) {
                struct lane *lane = &lanes->lane[i];
                if (lane->tickets.first && redis_is_cluster(lane->redis))
                        refuse_cluster(lane);
                if (lane->tickets.first && !lane->is_waiting && another_is_free(lanes, lane))
                        ask(lane);
        }
        for (size_t i = 0; i < LANES; i++)
                redis_flush(lanes->lane[i].redis);
}

/* --- Life cycle --------------------------------------------------------------------------------------------- */

int lanes_open(struct lanes *lanes, uv_loop_t *loop, const struct lanes_options *options, struct redis_target *target,
               const char *key_prefix, unsigned generation, struct err *err)
{
        *lanes = (struct lanes){ .options = *options };
        for (size_t i = 0; i < LANES; i++) {
                lanes->lane[i].lanes = lanes;
                (void)snprintf(lanes->lane[i].prefix, sizeof(lanes->lane[i].prefix), "%s", key_prefix); /* limited */
                int rc = redis_open(loop, &options->redis, target, generation, &lanes->lane[i].redis, err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

void lanes_set_target(struct lanes *lanes, struct redis_target *target, unsigned generation)
{
        for (size_t i = 0; i < LANES; i++)
                redis_set_target(lanes->lane[i].redis, target, generation);
}

void lanes_close(struct lanes *lanes)
{
        struct err err;
        (void)err_set(&err, ERR_TIMEOUT, "Collector stops");
        lanes->is_closing = true;
        for (size_t i = 0; i < LANES; i++) {
                redis_close(lanes->lane[i].redis, NULL, NULL);
                finish_all(&lanes->lane[i], LANE_UNSAFE, &err);
        }
}
