/* ack_pool: pkg/redis must neither hold nor repeat a WAIT, because a WAIT covers only the connection it is sent on. So
 * when the connection fails, the WAIT fails too, and Collector writes all documents of that client again.
 *
 * A WAIT is sent once Redis has answered the documents, not in the same write. With `appendfsync always` the file is
 * then already synced, so WAITAOF returns at once. A server that has just blocked a client checks that client again
 * only at the server's next event, up to 100 ms later. The WAIT's own timeout is short, so that the stall time still
 * reveals a silent connection. */
#include "ack_pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"

enum { WAIT_MAX_MS = 1000 };

/* --- Tickets ------------------------------------------------------------------------------------------------ */

static void push(struct ack_queue *queue, struct ack_ticket *ticket)
{
        ticket->next = NULL;
        if (queue->first)
                queue->last->next = ticket;
        else
                queue->first = ticket;
        queue->last = ticket;
}

static struct ack_ticket *pop(struct ack_queue *queue)
{
        struct ack_ticket *ticket = queue->first;
        if (ticket)
                queue->first = ticket->next;
        return ticket;
}

static void count(struct ack_pool *pool, const struct ack_ticket *ticket, bool waits)
{
        struct redis_budget *waiting = pool->options.waiting;
        if (waits) {
                atomic_fetch_add_explicit(&waiting->commands, 1, memory_order_relaxed);
                atomic_fetch_add_explicit(&waiting->bytes, ticket->bytes, memory_order_relaxed);
        } else {
                atomic_fetch_sub_explicit(&waiting->commands, 1, memory_order_relaxed);
                atomic_fetch_sub_explicit(&waiting->bytes, ticket->bytes, memory_order_relaxed);
        }
}

bool ack_pool_is_full(const struct ack_pool *pool)
{
        struct redis_budget *waiting = pool->options.waiting;
        return atomic_load_explicit(&waiting->commands, memory_order_relaxed) >= waiting->commands_max ||
               atomic_load_explicit(&waiting->bytes, memory_order_relaxed) >= waiting->bytes_max;
}

void ack_client_await(struct ack_client *client, struct ack_ticket *ticket)
{
        count(client->pool, ticket, true);
        push(&client->tickets, ticket);
}

void ack_pool_refuse(struct ack_pool *pool, struct ack_ticket *ticket)
{
        push(&pool->refused, ticket);
}

static void finish(struct ack_client *client, struct ack_ticket *ticket, enum ack_outcome outcome,
                   const struct err *err)
{
        count(client->pool, ticket, false);
        ticket->on_done(ticket, outcome, err);
}

static void finish_all(struct ack_client *client, struct ack_queue *queue, const struct err *err)
{
        struct ack_ticket *ticket;
        while ((ticket = pop(queue)))
                finish(client, ticket, ACK_UNSAFE, err);
}

/* --- Replies ------------------------------------------------------------------------------------------------ */

static int64_t reached(const struct ack_pool *pool, const struct redis_reply *reply)
{
        if (pool->options.level.kind == ACK_REPLICA)
                return redis_reply_integer(reply);
        /* WAITAOF: [1 if this server's file is synced, number of replicas whose file is synced] */
        return redis_reply_count(reply) > 0 ? redis_reply_integer(redis_reply_at(reply, 0)) : 0;
}

static int64_t wanted(const struct ack_pool *pool)
{
        return pool->options.level.kind == ACK_REPLICA ? (int64_t)pool->options.level.replicas : 1;
}

static void say_short(const struct ack_pool *pool, int64_t count, struct err *err)
{
        long long hold_ms = (long long)pool->options.redis.hold_ms;
        if (pool->options.level.kind == ACK_REPLICA)
                (void)err_set(err, ERR_TIMEOUT, "%" PRId64 " of %" PRId64 " replicas had it within %lld ms", count,
                              wanted(pool), hold_ms);
        else
                (void)err_set(err, ERR_TIMEOUT, "Redis had not synced its append-only file within %lld ms", hold_ms);
}

static const struct ack_wait *answer_for(const struct ack_client *client, unsigned connection)
{
        for (unsigned i = 0; i < client->wait_count; i++)
                if (connection != 0 && client->waits[i].connection == connection)
                        return &client->waits[i];
        return NULL;
}

/* The number of copies that the least replicated write has; -1 if any write is not covered by a reply. */
static int64_t count_of(const struct ack_client *client, const struct ack_ticket *ticket)
{
        int64_t least = INT64_MAX;
        for (size_t i = 0; i < COUNT_OF(ticket->written) && ticket->written[i]; i++) {
                const struct ack_wait *wait = answer_for(client, ticket->written[i]->connection);
                if (!wait || ticket->is_stale)
                        return -1;
                if (wait->count < least)
                        least = wait->count;
        }
        return least;
}

static void settle_asked(struct ack_client *client, struct ack_ticket *ticket, int64_t now_ms)
{
        int64_t count = count_of(client, ticket);
        struct err err;
        if (count >= wanted(client->pool)) {
                finish(client, ticket, ACK_SAFE, NULL);
        } else if (count < 0 && client->refusal.code) {
                finish(client, ticket, ACK_UNSAFE, &client->refusal);
        } else if (count < 0 && !client->ask_again) {
                finish(client, ticket, ACK_REWRITE, NULL);
        } else if (now_ms >= ticket->deadline_ms) {
                say_short(client->pool, count < 0 ? 0 : count, &err);
                finish(client, ticket, ACK_UNSAFE, &err);
        } else {
                push(&client->tickets, ticket);
        }
}

/* Every WAIT has been answered or has failed. */
static void settle(struct ack_client *client)
{
        struct ack_queue asked = client->asked, since = client->tickets;
        struct ack_ticket *ticket;
        int64_t now_ms = clock_monotonic_ms();
        client->is_waiting = false;
        client->asked = client->tickets = (struct ack_queue){ NULL, NULL };
        while ((ticket = pop(&asked)))
                settle_asked(client, ticket, now_ms);
        while ((ticket = pop(&since))) {
                if (count_of(client, ticket) >= wanted(client->pool))
                        finish(client, ticket, ACK_SAFE, NULL);
                else
                        push(&client->tickets, ticket);
        }
        client->wait_count = 0;
}

static void on_error(struct ack_client *client, const struct redis_reply *reply)
{
        struct err err;
        (void)redis_reply_error(reply, &err); /* kept as the reason for the refusal */
        if (strstr(err.text, "with replica"))
                return; /* the server became a replica; the next SET makes the client look for the primary */
        (void)err_wrap(&err,
                       client->pool->options.level.kind == ACK_FSYNC ? "Redis refuses WAITAOF" : "Redis refuses WAIT");
        client->refusal = err;
}

static void note_reply(struct ack_wait *wait, const struct redis_reply *reply)
{
        struct ack_client *client = wait->client;
        struct ack_pool_options *options = &client->pool->options;
        metric_observe(options->wait_seconds, (double)(clock_monotonic_us() - client->asked_us) / 1e6);
        if (redis_reply_type(reply) == REDIS_ERROR) {
                on_error(client, reply);
                return;
        }
        wait->connection = wait->command.connection;
        wait->count = reached(client->pool, reply);
        if (wait->count < wanted(client->pool))
                metric_add(options->short_total, 1);
}

static void on_waited(struct redis_command *command, const struct redis_reply *reply, const struct err *why)
{
        struct ack_wait *wait = CONTAINER_OF(command, struct ack_wait, command);
        struct ack_client *client = wait->client;
        redis_command_fini(command);
        if (reply)
                note_reply(wait, reply);
        else if (command->attempts == 0 && redis_state(client->redis) == REDIS_READY && why->code != ERR_DENIED)
                client->ask_again = true;                        /* the budget is used up */
        if (--client->pending == 0 && !client->pool->is_closing) /* otherwise ack_pool_close ends the tickets */
                settle(client);
}

/* --- Sending WAITs ----------------------------------------------------------------------------------------------- */

static int64_t wait_ms(const struct ack_client *client)
{
        int64_t left_ms = client->tickets.first->deadline_ms - clock_monotonic_ms();
        int64_t stall_ms = client->pool->options.redis.stall_ms / 2;
        int64_t most_ms = stall_ms < WAIT_MAX_MS ? stall_ms : WAIT_MAX_MS;
        if (left_ms > most_ms)
                left_ms = most_ms;
        return left_ms > 0 ? left_ms : 1; /* to WAIT, 0 means forever */
}

static int format(struct ack_client *client, struct redis_command *command)
{
        const struct ack_level *level = &client->pool->options.level;
        char number[24], time[24];
        struct err err;
        size_t time_length = (size_t)snprintf(time, sizeof(time), "%" PRId64, wait_ms(client));
        size_t number_length = (size_t)snprintf(number, sizeof(number), "%u", level->replicas);
        const char *replica[] = { "WAIT", number, time };
        const char *fsync[] = { "WAITAOF", "1", "0", time };
        redis_command_init(command, on_waited);
        command->once = command->must_not_hold = true;
        if (level->kind == ACK_REPLICA)
                return redis_command_args(command, 3, replica, (size_t[]){ 4, number_length, time_length }, &err);
        return redis_command_args(command, 4, fsync, (size_t[]){ 7, 1, 1, time_length }, &err);
}

static bool is_asked_for(const struct ack_client *client, unsigned connection)
{
        for (unsigned i = 0; i < client->wait_count; i++)
                if (client->waits[i].wanted == connection)
                        return true;
        return false;
}

/* False: out of memory or too many masters; a later turn tries again. */
static bool ask_for(struct ack_client *client, const struct ack_ticket *ticket)
{
        for (size_t i = 0; i < COUNT_OF(ticket->written) && ticket->written[i]; i++) {
                struct redis_command *written = ticket->written[i];
                struct ack_wait *wait = &client->waits[client->wait_count];
                if (is_asked_for(client, written->connection))
                        continue;
                if (client->wait_count == ACK_WAITS_MAX || format(client, &wait->command) < 0)
                        return false;
                redis_command_go_with(&wait->command, written);
                *wait = (struct ack_wait){ .client = client, .command = wait->command, .wanted = written->connection };
                client->wait_count++;
        }
        return true;
}

static void ask(struct ack_client *client)
{
        struct ack_queue rest = { NULL, NULL };
        struct ack_ticket *ticket;
        client->ask_again = false;
        client->refusal.code = 0;
        client->asked_us = clock_monotonic_us();
        for (ticket = client->tickets.first; ticket && ask_for(client, ticket);)
                ticket = ticket->next;
        while (client->tickets.first != ticket)
                push(&client->asked, pop(&client->tickets));
        while ((ticket = pop(&client->tickets)))
                push(&rest, ticket);
        client->tickets = rest;
        client->pending = client->wait_count;
        client->is_waiting = client->pending > 0;
        for (unsigned i = 0; i < client->wait_count; i++)
                redis_send(client->redis, &client->waits[i].command);
}

/* Documents would wait on a client that has not followed the latest swap yet (swap.h). */
static bool is_healthy(const struct ack_client *client)
{
        const struct swap *swap = client->pool->options.swap;
        return redis_state(client->redis) == REDIS_READY &&
               (!swap || !swap_is_behind(swap, redis_generation(client->redis)));
}

/* True if documents can be written while `client` waits: by another free client with a connection; by `client` itself
 * after the WAIT, if no other client has a connection; or by any free client, if no client has a connection. */
static bool may_wait(const struct ack_pool *pool, const struct ack_client *client)
{
        bool is_another_healthy = false, is_another_free = false, are_both = false;
        for (size_t i = 0; i < ACK_CLIENTS; i++) {
                const struct ack_client *other = &pool->clients[i];
                if (other == client)
                        continue;
                is_another_healthy = is_another_healthy || is_healthy(other);
                is_another_free = is_another_free || !other->is_waiting;
                are_both = are_both || (is_healthy(other) && !other->is_waiting);
        }
        return is_another_healthy ? are_both : is_healthy(client) || is_another_free;
}

/* The first suitable client, starting with the one that documents go to now. NULL: none. */
static struct ack_client *find_client(struct ack_pool *pool, bool is_healthy_only, bool is_free_only)
{
        for (unsigned i = 0; i < ACK_CLIENTS; i++) {
                unsigned at = (pool->writing + i) % ACK_CLIENTS;
                struct ack_client *client = &pool->clients[at];
                if ((is_free_only && client->is_waiting) || (is_healthy_only && !is_healthy(client)))
                        continue;
                pool->writing = at;
                return client;
        }
        return NULL;
}

struct ack_client *ack_pool_pick(struct ack_pool *pool)
{
        struct ack_client *client = find_client(pool, true, true);
        if (!client) /* otherwise a client that waits: documents queue behind its WAIT */
                client = find_client(pool, true, false);
        if (!client)
                client = find_client(pool, false, true);
        return client ? client : &pool->clients[pool->writing];
}

void ack_pool_turn(struct ack_pool *pool)
{
        struct ack_queue refused = pool->refused;
        struct ack_ticket *ticket;
        struct err err;
        pool->refused = (struct ack_queue){ NULL, NULL };
        while ((ticket = pop(&refused))) {
                (void)err_set(&err, ERR_UNAVAILABLE, "too many requests are waiting for Redis");
                ticket->on_done(ticket, ACK_REFUSED, &err);
        }
        for (size_t i = 0; i < ACK_CLIENTS; i++) {
                struct ack_client *client = &pool->clients[i];
                if (client->tickets.first && !client->is_waiting && may_wait(pool, client))
                        ask(client);
        }
        for (size_t i = 0; i < ACK_CLIENTS; i++)
                redis_flush(pool->clients[i].redis);
}

/* --- Life cycle --------------------------------------------------------------------------------------------- */

int ack_pool_open(struct ack_pool *pool, uv_loop_t *loop, const struct ack_pool_options *options,
                  struct redis_target *target, unsigned generation, struct err *err)
{
        *pool = (struct ack_pool){ .options = *options };
        for (size_t i = 0; i < ACK_CLIENTS; i++) {
                pool->clients[i].pool = pool;
                int rc = redis_open(loop, &options->redis, target, generation, &pool->clients[i].redis, err);
                if (rc < 0)
                        return rc;
        }
        return 0;
}

int64_t ack_pool_away_ms(const struct ack_pool *pool)
{
        int64_t least_ms = INT64_MAX;
        for (size_t i = 0; i < ACK_CLIENTS; i++) {
                int64_t away_ms = redis_away_ms(pool->clients[i].redis);
                least_ms = away_ms < least_ms ? away_ms : least_ms;
        }
        return least_ms;
}

void ack_pool_set_target(struct ack_pool *pool, struct redis_target *target, unsigned generation)
{
        for (size_t i = 0; i < ACK_CLIENTS; i++)
                redis_set_target(pool->clients[i].redis, target, generation);
}

void ack_pool_close(struct ack_pool *pool)
{
        struct err err;
        (void)err_set(&err, ERR_TIMEOUT, "Collector stops");
        pool->is_closing = true;
        for (size_t i = 0; i < ACK_CLIENTS; i++) {
                redis_close(pool->clients[i].redis, NULL, NULL);
                finish_all(&pool->clients[i], &pool->clients[i].asked, &err);
                finish_all(&pool->clients[i], &pool->clients[i].tickets, &err);
        }
}
