/* suspects: finds the command that ends connections, so that it fails alone: a document that is larger than a server or a
 * proxy takes (client-query-buffer-limit, maxmemory-clients), a reply that is larger than it gives
 * (client-output-buffer-limit), or that we take. All that was in flight with it is sent again, and would be lost again.
 *
 * A command that was lost twice narrows the window: a quarter as many commands in flight as were lost, so that what ends
 * connections is soon alone, and pages whose replies are too much together come in parts. The window opens again as
 * answers come. One that was lost alone, and before, is accused, and so is a long one: it is put aside, the others go on, and from time to
 * time it is sent with nothing else in flight. A strike is such a loss after which commands of its kind were answered:
 * so a server that is down, or does no writes (a SET is only judged by others that succeed), accuses nobody. Where no
 * other command comes, one of our own is sent in between (the trial). STRIKES_MAX strikes are the verdict. */
#include <stdio.h>

#include "redis/internal.h"

enum {
        STRIKES_MAX = 6,
        ALONE_MIN_MS = 20, /* until it is sent alone again; doubles with each strike */
        NARROWS_BY = 4,    /* the window, with each loss                             */
        WINDOW_MAX = 1024, /* more is no limit any more                              */
        WINDOW_TURNS = 4,  /* this often full and answered, it doubles               */
        TAGS_TRIED = 64,
        LARGE_BYTES = 64 << 10, /* so long that it may be over a limit */
};

/* --- The trial ------------------------------------------------------------------------------------------- */

static void on_tried(struct redis_command *command, const struct redis_reply *reply, const struct err *err UNUSED)
{
        struct redis *client = CONTAINER_OF(command, struct redis, trial);
        client->trial_failed = !reply;
        if (!reply) /* what is read meanwhile must not wait behind the next one */
                client->trial_after_ms = redis_now_ms(client) + client->options.stall_ms;
}

/* In a Cluster it has to be in a slot of this node. */
static bool format_trial(struct redis *client)
{
        struct redis_command *trial = &client->trial;
        struct redis *router = client->node ? client->node->router : client;
        const struct redis_options *options = &router->options;
        char tag[16];
        if (!options->format_trial)
                return false;
        if (!client->node)
                return options->format_trial(trial, &client->place, NULL, options->data) == 0;
        for (unsigned i = 0; i < TAGS_TRIED && router->cluster; i++, client->trial_tag++) {
                (void)snprintf(tag, sizeof(tag), "%u", client->trial_tag); /* fits */
                if (options->format_trial(trial, &client->place, tag, options->data) < 0)
                        return false;
                if (router->cluster->owner[redis_command_slot(trial)] == client->node)
                        return true;
        }
        return false;
}

/* True: one is under way. */
static bool try_kind(struct redis *client, enum redis_kind kind)
{
        struct redis_command *trial = &client->trial;
        if (inside(trial)->state != COMMAND_IDLE)
                return true;
        if (client->is_closing || !redis_is_usable(client))
                return false;
        redis_command_fini(trial);
        redis_command_init(trial, on_tried);
        bool is_formatted = kind == REDIS_KIND_READ ? redis_command_args(trial, 1, (const char *[]){ "PING" },
                                                                         (size_t[]){ 4 }, NULL) == 0
                                                    : format_trial(client);
        if (!is_formatted)
                return false;
        trial->must_not_hold = true;
        redis_send(client, trial);
        return true;
}

bool redis_try_write(struct redis *client)
{
        return try_kind(client, REDIS_KIND_SET);
}

/* --- Taking turns ---------------------------------------------------------------------------------------- */

void redis_suspects_forget_turn(struct redis *client)
{
        struct redis_command *command = client->alone;
        struct list *at = client->aside.next;
        client->alone = NULL;
        if (!command || inside(command)->state != COMMAND_HELD)
                return;
        while (at != &client->aside && inside(redis_link_command(at))->deadline_ms <= inside(command)->deadline_ms)
                at = at->next;
        list_remove(&inside(command)->link);
        list_insert_before(at, &inside(command)->link);
}

/* NULL: none is to be sent now. Those that were put aside are few. */
static struct redis_command *find_due(struct redis *client)
{
        int64_t now_ms = redis_now_ms(client);
        for (struct list *at = client->aside.next; at != &client->aside; at = at->next) {
                struct redis_command *command = redis_link_command(at);
                if (!inside(command)->is_parked && inside(command)->suspicion.alone_ms <= now_ms)
                        return command;
        }
        return NULL;
}

bool redis_suspects_take_turn(struct conn *conn)
{
        struct redis *client = conn->client;
        struct redis_command *due = client->alone ? NULL : find_due(client);
        if (client->alone)
                return inside(client->alone)->state == COMMAND_HELD;
        if (!due)
                return true;
        enum redis_kind kind = redis_command_kind(due);
        if (client->answered[kind] == inside(due)->suspicion.seen) { /* nothing shows yet that others are served */
                if (!client->trial_failed && try_kind(client, kind))
                        return true;
                if (!list_is_empty(&client->held))
                        return true;
        }
        if (!list_is_empty(&conn->in_flight))
                return false;
        client->trial_failed = false;
        client->alone = due;
        list_remove(&inside(due)->link);
        list_insert_before(client->held.next, &inside(due)->link);
        return true;
}

size_t redis_suspects_room(const struct redis *client)
{
        if (client->alone)
                return inside(client->alone)->state == COMMAND_HELD;
        if (client->window == 0)
                return SIZE_MAX;
        return client->window > client->in_flight_count ? client->window - client->in_flight_count : 0;
}

/* --- Losses ---------------------------------------------------------------------------------------------- */

static void accuse(struct redis *client, struct redis_command *command)
{
        uint64_t answered = client->answered[redis_command_kind(command)];
        if (inside(command)->suspicion.strikes == 0 || answered != inside(command)->suspicion.seen)
                inside(command)->suspicion.strikes++;
        inside(command)->suspicion.seen = answered;
        inside(command)->suspicion.alone_ms =
                redis_now_ms(client) + (ALONE_MIN_MS << inside(command)->suspicion.strikes) / 2;
}

/* Counts what was in flight; *repeated: some of it was lost before. */
static size_t note_losses(struct redis *client, const struct conn *conn, bool *repeated)
{
        size_t count = 0;
        for (struct list *at = conn->in_flight.next; at != &conn->in_flight; at = at->next) {
                struct redis_command *command = redis_link_command(at);
                count++;
                if (inside(command)->state == COMMAND_ABANDONED)
                        continue;
                *repeated |= ++inside(command)->suspicion.losses > 1;
                client->wants_write |= redis_command_kind(command) != REDIS_KIND_READ;
        }
        return count;
}

/* The one that was under way alone, or only half written: a server that finds it too long stops there. */
static bool is_culprit(const struct conn *conn, const struct redis_command *command, size_t count)
{
        if (inside(command)->state == COMMAND_ABANDONED || command->once || command->must_not_hold)
                return false; /* those end with the connection */
        if (command == conn->partial || (count == 1 && inside(command)->suspicion.losses > 1))
                return true;
        return inside(command)->length >= LARGE_BYTES && inside(command)->suspicion.losses > 1 &&
               inside(command)->suspicion.strikes == 0;
}

void redis_suspects_lost(struct redis *client, const struct conn *conn)
{
        bool is_repeated = false, was_alone = client->alone && inside(client->alone)->state == COMMAND_IN_FLIGHT;
        size_t count = note_losses(client, conn, &is_repeated), accused = 0;
        redis_suspects_forget_turn(client);
        client->window_answers = 0;
        for (struct list *at = conn->in_flight.next; at != &conn->in_flight; at = at->next) {
                if (!is_culprit(conn, redis_link_command(at), count))
                        continue;
                accuse(client, redis_link_command(at));
                accused++;
        }
        if (accused > 0 && !was_alone)
                client->window = 0; /* the others are not to blame */
        else if (is_repeated && count > 1)
                client->window = count > NARROWS_BY ? count / NARROWS_BY : 1;
}

bool redis_suspects_is_guilty(const struct redis_command *command)
{
        return inside(command)->suspicion.strikes >= STRIKES_MAX;
}

void redis_suspects_answered(struct redis *client, const struct redis_command *command)
{
        for (int kind = 0; kind <= (int)redis_command_kind(command); kind++)
                client->answered[kind]++;
        if (client->window == 0 || ++client->window_answers < client->window * WINDOW_TURNS)
                return;
        client->window_answers = 0;
        client->window *= 2;
        if (client->window > WINDOW_MAX)
                client->window = 0;
}
