/* lanes: pkg/redis must neither hold nor repeat a WAIT: on another connection it would mean something else. So any
 * failure of its connection fails the WAIT, and Collector writes all documents of the lane again.
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

static void finish_all(struct lane *lane, struct lane_queue *queue, const struct err *err)
{
        struct lane_ticket *ticket;
        while ((ticket = pop(queue)))
                finish(lane, ticket, LANE_UNSAFE, err);
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

static const struct lane_wait *answer_for(const struct lane *lane, unsigned connection)
{
        for (unsigned i = 0; i < lane->wait_count; i++)
                if (connection != 0 && lane->waits[i].connection == connection)
                        return &lane->waits[i];
        return NULL;
}

/* How often the least safe of what was written is there; -1 where nobody has spoken for it. */
static int64_t count_of(const struct lane *lane, const struct lane_ticket *ticket)
{
        int64_t least = INT64_MAX;
        for (size_t i = 0; i < COUNT_OF(ticket->written) && ticket->written[i]; i++) {
                const struct lane_wait *wait = answer_for(lane, ticket->written[i]->connection);
                if (!wait || ticket->is_stale)
                        return -1;
                if (wait->count < least)
                        least = wait->count;
        }
        return least;
}

static void settle_asked(struct lane *lane, struct lane_ticket *ticket, int64_t now_ms)
{
        int64_t count = count_of(lane, ticket);
        struct err err;
        if (count >= wanted(lane->lanes)) {
                finish(lane, ticket, LANE_SAFE, NULL);
        } else if (count < 0 && lane->refusal.code) {
                finish(lane, ticket, LANE_UNSAFE, &lane->refusal);
        } else if (count < 0 && !lane->ask_again) {
                finish(lane, ticket, LANE_REWRITE, NULL);
        } else if (now_ms >= ticket->deadline_ms) {
                say_short(lane->lanes, count < 0 ? 0 : count, &err);
                finish(lane, ticket, LANE_UNSAFE, &err);
        } else {
                push(&lane->tickets, ticket);
        }
}

/* Every WAIT is answered, or never will be. */
static void settle(struct lane *lane)
{
        struct lane_queue asked = lane->asked, since = lane->tickets;
        struct lane_ticket *ticket;
        int64_t now_ms = clock_monotonic_ms();
        lane->is_waiting = false;
        lane->asked = lane->tickets = (struct lane_queue){ NULL, NULL };
        while ((ticket = pop(&asked)))
                settle_asked(lane, ticket, now_ms);
        while ((ticket = pop(&since))) {
                if (count_of(lane, ticket) >= wanted(lane->lanes))
                        finish(lane, ticket, LANE_SAFE, NULL);
                else
                        push(&lane->tickets, ticket);
        }
        lane->wait_count = 0;
}

static void on_error(struct lane *lane, const struct redis_reply *reply)
{
        struct err err;
        (void)redis_reply_error(reply, &err); /* kept as the refusal */
        if (strstr(err.text, "with replica"))
                return; /* it has become one: the next SET looks for the primary */
        (void)err_wrap(&err,
                       lane->lanes->options.level.kind == ACK_FSYNC ? "Redis refuses WAITAOF" : "Redis refuses WAIT");
        lane->refusal = err;
}

static void note_reply(struct lane_wait *wait, const struct redis_reply *reply)
{
        struct lane *lane = wait->lane;
        struct lanes_options *options = &lane->lanes->options;
        metric_observe(options->wait_seconds, (double)(clock_monotonic_us() - lane->asked_us) / 1e6);
        if (redis_reply_type(reply) == REDIS_ERROR) {
                on_error(lane, reply);
                return;
        }
        wait->connection = wait->command.connection;
        wait->count = reached(lane->lanes, reply);
        if (wait->count < wanted(lane->lanes))
                metric_add(options->short_total, 1);
}

static void on_waited(struct redis_command *command, const struct redis_reply *reply, const struct err *why)
{
        struct lane_wait *wait = CONTAINER_OF(command, struct lane_wait, command);
        struct lane *lane = wait->lane;
        redis_command_fini(command);
        if (reply)
                note_reply(wait, reply);
        else if (command->attempts == 0 && redis_state(lane->redis) == REDIS_READY && why->code != ERR_DENIED)
                lane->ask_again = true;                       /* refused for want of room in the budget */
        if (--lane->pending == 0 && !lane->lanes->is_closing) /* else lanes_close tells them */
                settle(lane);
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

static int format(struct lane *lane, struct redis_command *command)
{
        const struct ack_level *level = &lane->lanes->options.level;
        char number[24], time[24];
        struct err err;
        size_t time_length = (size_t)snprintf(time, sizeof(time), "%" PRId64, wait_ms(lane));
        size_t number_length = (size_t)snprintf(number, sizeof(number), "%u", level->replicas);
        const char *replica[] = { "WAIT", number, time };
        const char *fsync[] = { "WAITAOF", "1", "0", time };
        redis_command_init(command, on_waited);
        command->once = command->must_not_hold = true;
        if (level->kind == ACK_REPLICA)
                return redis_command_args(command, 3, replica, (size_t[]){ 4, number_length, time_length }, &err);
        return redis_command_args(command, 4, fsync, (size_t[]){ 7, 1, 1, time_length }, &err);
}

static bool is_asked_for(const struct lane *lane, unsigned connection)
{
        for (unsigned i = 0; i < lane->wait_count; i++)
                if (lane->waits[i].wanted == connection)
                        return true;
        return false;
}

/* False: not in this turn, for want of memory, or since there are too many masters. */
static bool ask_for(struct lane *lane, const struct lane_ticket *ticket)
{
        for (size_t i = 0; i < COUNT_OF(ticket->written) && ticket->written[i]; i++) {
                struct redis_command *written = ticket->written[i];
                struct lane_wait *wait = &lane->waits[lane->wait_count];
                if (is_asked_for(lane, written->connection))
                        continue;
                if (lane->wait_count == LANE_WAITS_MAX || format(lane, &wait->command) < 0)
                        return false;
                redis_command_go_with(&wait->command, written);
                *wait = (struct lane_wait){ .lane = lane, .command = wait->command, .wanted = written->connection };
                lane->wait_count++;
        }
        return true;
}

static void ask(struct lane *lane)
{
        struct lane_queue rest = { NULL, NULL };
        struct lane_ticket *ticket;
        lane->ask_again = false;
        lane->refusal.code = 0;
        lane->asked_us = clock_monotonic_us();
        for (ticket = lane->tickets.first; ticket && ask_for(lane, ticket);)
                ticket = ticket->next;
        while (lane->tickets.first != ticket)
                push(&lane->asked, pop(&lane->tickets));
        while ((ticket = pop(&lane->tickets)))
                push(&rest, ticket);
        lane->tickets = rest;
        lane->pending = lane->wait_count;
        lane->is_waiting = lane->pending > 0;
        for (unsigned i = 0; i < lane->wait_count; i++)
                redis_send(lane->redis, &lane->waits[i].command);
}

/* On one that has not followed a swap yet documents would wait for it (swap.h). */
static bool is_healthy(const struct lane *lane)
{
        const struct swap *swap = lane->lanes->options.swap;
        return redis_state(lane->redis) == REDIS_READY &&
               (!swap || !swap_is_behind(swap, redis_generation(lane->redis)));
}

/* Documents have somewhere to go while `lane` waits: to a lane with a connection; where no other lane has one, behind
 * the WAIT on this lane's connection; without any connection, to a lane that does not wait. */
static bool may_wait(const struct lanes *lanes, const struct lane *lane)
{
        bool is_another_healthy = false, is_another_free = false, are_both = false;
        for (size_t i = 0; i < LANES; i++) {
                const struct lane *other = &lanes->lane[i];
                if (other == lane)
                        continue;
                is_another_healthy = is_another_healthy || is_healthy(other);
                is_another_free = is_another_free || !other->is_waiting;
                are_both = are_both || (is_healthy(other) && !other->is_waiting);
        }
        return is_another_healthy ? are_both : is_healthy(lane) || is_another_free;
}

/* The next one from the one that writes on. NULL: none. */
static struct lane *find_lane(struct lanes *lanes, bool is_healthy_only, bool is_free_only)
{
        for (unsigned i = 0; i < LANES; i++) {
                unsigned at = (lanes->writing + i) % LANES;
                struct lane *lane = &lanes->lane[at];
                if ((is_free_only && lane->is_waiting) || (is_healthy_only && !is_healthy(lane)))
                        continue;
                lanes->writing = at;
                return lane;
        }
        return NULL;
}

struct lane *lanes_pick(struct lanes *lanes)
{
        struct lane *lane = find_lane(lanes, true, true);
        if (!lane) /* behind the WAIT on its connection */
                lane = find_lane(lanes, true, false);
        if (!lane)
                lane = find_lane(lanes, false, true);
        return lane ? lane : &lanes->lane[lanes->writing];
}

void lanes_turn(struct lanes *lanes)
{
        struct lane_queue refused = lanes->refused;
        struct lane_ticket *ticket;
        struct err err;
        lanes->refused = (struct lane_queue){ NULL, NULL };
        while ((ticket = pop(&refused))) {
                (void)err_set(&err, ERR_UNAVAILABLE, "too many requests are waiting for Redis");
                ticket->on_done(ticket, LANE_REFUSED, &err);
        }
        for (size_t i = 0; i < LANES; i++) {
                struct lane *lane = &lanes->lane[i];
                if (lane->tickets.first && !lane->is_waiting && may_wait(lanes, lane))
                        ask(lane);
        }
        for (size_t i = 0; i < LANES; i++)
                redis_flush(lanes->lane[i].redis);
}

/* --- Life cycle --------------------------------------------------------------------------------------------- */

int lanes_open(struct lanes *lanes, uv_loop_t *loop, const struct lanes_options *options, struct redis_target *target,
               unsigned generation, struct err *err)
{
        *lanes = (struct lanes){ .options = *options };
        for (size_t i = 0; i < LANES; i++) {
                lanes->lane[i].lanes = lanes;
                int rc = redis_open(loop, &options->redis, target, generation, &lanes->lane[i].redis, err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

int64_t lanes_away_ms(const struct lanes *lanes)
{
        int64_t least_ms = INT64_MAX;
        for (size_t i = 0; i < LANES; i++) {
                int64_t away_ms = redis_away_ms(lanes->lane[i].redis);
                least_ms = away_ms < least_ms ? away_ms : least_ms;
        }
        return least_ms;
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
                finish_all(&lanes->lane[i], &lanes->lane[i].asked, &err);
                finish_all(&lanes->lane[i], &lanes->lane[i].tickets, &err);
        }
}
