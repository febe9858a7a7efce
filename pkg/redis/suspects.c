/* suspects: finds the command that makes Redis close connections: a document that is larger than a server or a proxy
 * accepts (client-query-buffer-limit, maxmemory-clients), or a reply that is larger than the server sends
 * (client-output-buffer-limit) or this client reads. All commands that were in flight with it are repeated, and would
 * be lost again.
 *
 * If the same command is lost twice, the window shrinks to a quarter of the number of lost commands. So the culprit is
 * soon alone, and replies that are too large only in combination arrive one by one. As replies arrive, the window grows
 * again. A command that is lost alone for the second time becomes a suspect; so does one that was partly written, and a
 * long one that is lost twice. It is deferred while the others continue, and is retried from time to time with nothing
 * else in flight. A loss counts as a strike only if commands of the same kind have been answered since the last loss
 * (for a SET, only other SETs that succeed). So no command gets a strike because a server is down or rejects writes. If
 * there is no other command, the client sends a command of its own in between, called the trial. A command with
 * STRIKES_MAX strikes fails. */
#include "redis/suspects.h"

enum {
        STRIKES_MAX = 6,
        ALONE_MIN_MS = 20,      /* pause before it is sent alone again; doubles with each strike */
        NARROWS_BY = 4,         /* divides the window after each loss */
        WINDOW_MAX = 1024,      /* a larger window means no limit */
        WINDOW_TURNS = 4,       /* doubles after this many windows of replies */
        LARGE_BYTES = 64 << 10, /* large enough to exceed a limit */
};

/* --- The trial ------------------------------------------------------------------------------------------- */

static void on_tried(struct redis_command *command, const struct redis_reply *reply, const struct err *err UNUSED)
{
        struct suspects *suspects = CONTAINER_OF(command, struct suspects, trial);
        suspects->trial_failed = !reply;
        if (!reply) /* reads that arrive meanwhile must not wait for another trial */
                suspects->trial_after_ms = redis_queue_now_ms(suspects->queue) + suspects->stall_ms;
}

void redis_suspects_init(struct suspects *suspects)
{
        redis_command_init(&suspects->trial, on_tried);
}

void redis_suspects_fini(struct suspects *suspects)
{
        redis_command_fini(&suspects->trial);
}

static bool format(struct suspects *suspects, enum redis_kind kind)
{
        struct redis_command *trial = &suspects->trial;
        if (kind == REDIS_KIND_READ)
                return redis_command_args(trial, 1, (const char *[]){ "PING" }, (size_t[]){ 4 }, NULL) == 0;
        return suspects->format_trial && suspects->format_trial(trial, suspects->data) == 0;
}

/* True: a trial is in progress. */
static bool try_kind(struct suspects *suspects, enum redis_kind kind)
{
        struct redis_command *trial = &suspects->trial;
        if (inside(trial)->state != COMMAND_IDLE)
                return true;
        if (suspects->queue->is_closing)
                return false;
        redis_command_fini(trial);
        redis_command_init(trial, on_tried);
        inside(trial)->is_own = true;
        if (!format(suspects, kind))
                return false;
        trial->must_not_hold = true;
        redis_queue_send(suspects->queue, trial, true);
        return true;
}

bool redis_suspects_try_write(struct suspects *suspects)
{
        return try_kind(suspects, REDIS_KIND_SET);
}

/* --- Sending suspects alone -------------------------------------------------------------------------------------- */

/* Makes the command that was to be sent alone wait again. */
static void forget_turn(struct queue *queue)
{
        struct redis_command *command = queue->alone;
        struct list *at = queue->aside.next;
        queue->alone = NULL;
        if (!command || inside(command)->state != COMMAND_HELD)
                return;
        while (at != &queue->aside && inside(redis_link_command(at))->deadline_ms <= inside(command)->deadline_ms)
                at = at->next;
        list_remove(&inside(command)->link);
        list_insert_before(at, &inside(command)->link);
}

void redis_suspects_start_over(struct suspects *suspects)
{
        forget_turn(suspects->queue);
        suspects->window = 0;
}

/* The next command to be sent alone, or NULL. */
static struct redis_command *find_due(const struct queue *queue)
{
        int64_t now_ms = redis_queue_now_ms(queue);
        for (struct list *at = queue->aside.next; at != &queue->aside; at = at->next) {
                struct redis_command *command = redis_link_command(at);
                if (inside(command)->suspicion.alone_ms <= now_ms)
                        return command;
        }
        return NULL;
}

bool redis_suspects_take_turn(struct suspects *suspects, const struct flight *flight)
{
        struct queue *queue = suspects->queue;
        struct redis_command *due = queue->alone ? NULL : find_due(queue);
        if (queue->alone)
                return inside(queue->alone)->state == COMMAND_HELD;
        if (!due)
                return true;
        enum redis_kind kind = redis_command_kind(due);
        if (suspects->answered[kind] ==
            inside(due)->suspicion.seen) { /* no reply shows yet that other commands are executed */
                if (!suspects->trial_failed && try_kind(suspects, kind))
                        return true;
                if (!list_is_empty(&queue->held))
                        return true;
        }
        if (!list_is_empty(&flight->in_flight))
                return false;
        suspects->trial_failed = false;
        queue->alone = due;
        list_remove(&inside(due)->link);
        list_insert_before(queue->held.next, &inside(due)->link);
        return true;
}

size_t redis_suspects_room(const struct suspects *suspects)
{
        const struct queue *queue = suspects->queue;
        if (queue->alone)
                return inside(queue->alone)->state == COMMAND_HELD;
        if (suspects->window == 0)
                return SIZE_MAX;
        return suspects->window > queue->in_flight_count ? suspects->window - queue->in_flight_count : 0;
}

/* --- Losses ---------------------------------------------------------------------------------------------- */

static void accuse(struct suspects *suspects, struct redis_command *command)
{
        uint64_t answered = suspects->answered[redis_command_kind(command)];
        if (inside(command)->suspicion.strikes == 0 || answered != inside(command)->suspicion.seen)
                inside(command)->suspicion.strikes++;
        inside(command)->is_guilty = inside(command)->suspicion.strikes >= STRIKES_MAX;
        inside(command)->suspicion.seen = answered;
        inside(command)->suspicion.alone_ms =
                redis_queue_now_ms(suspects->queue) + (ALONE_MIN_MS << inside(command)->suspicion.strikes) / 2;
}

/* Counts the commands that were in flight; *repeated: some had been lost before. */
static size_t note_losses(struct suspects *suspects, const struct flight *flight, bool *repeated)
{
        size_t count = 0;
        for (struct list *at = flight->in_flight.next; at != &flight->in_flight; at = at->next) {
                struct redis_command *command = redis_link_command(at);
                count++;
                if (inside(command)->state == COMMAND_ABANDONED)
                        continue;
                *repeated |= ++inside(command)->suspicion.losses > 1;
                suspects->health->wants_write |= redis_command_kind(command) != REDIS_KIND_READ;
        }
        return count;
}

/* A culprit was the only command in flight, was partly written (a server stops reading a command that is too long), or
 * is long. */
static bool is_culprit(const struct flight *flight, const struct redis_command *command, size_t count)
{
        if (inside(command)->state == COMMAND_ABANDONED || command->once || command->must_not_hold)
                return false; /* they fail with the connection anyway */
        if (command == flight->partial || (count == 1 && inside(command)->suspicion.losses > 1))
                return true;
        return inside(command)->length >= LARGE_BYTES && inside(command)->suspicion.losses > 1 &&
               inside(command)->suspicion.strikes == 0;
}

void redis_suspects_lost(struct suspects *suspects, const struct flight *flight)
{
        const struct redis_command *alone = suspects->queue->alone;
        bool is_repeated = false, was_alone = alone && inside(alone)->state == COMMAND_IN_FLIGHT;
        size_t count = note_losses(suspects, flight, &is_repeated), accused = 0;
        forget_turn(suspects->queue);
        suspects->window_answers = 0;
        for (struct list *at = flight->in_flight.next; at != &flight->in_flight; at = at->next) {
                if (!is_culprit(flight, redis_link_command(at), count))
                        continue;
                accuse(suspects, redis_link_command(at));
                accused++;
        }
        if (accused > 0 && !was_alone)
                suspects->window = 0; /* the others are not to blame */
        else if (is_repeated && count > 1)
                suspects->window = count > NARROWS_BY ? count / NARROWS_BY : 1;
}

void redis_suspects_answered(struct suspects *suspects, const struct redis_command *command)
{
        for (int kind = 0; kind <= (int)redis_command_kind(command); kind++)
                suspects->answered[kind]++;
        if (suspects->window == 0 || ++suspects->window_answers < suspects->window * WINDOW_TURNS)
                return;
        suspects->window_answers = 0;
        suspects->window *= 2;
        if (suspects->window > WINDOW_MAX)
                suspects->window = 0;
}
