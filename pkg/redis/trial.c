/* trial: a program that probes a Redis provides the commands (struct redis_trial), so the probe sends the same commands
 * as the program will. Each master gets the commands in one write, with separate keys. Then come the commands on the
 * program's own keys, which the client sends to the masters of those keys. This file evaluates the replies. If the user
 * is not allowed to send a command, the trial continues, so that the result names all missing permissions. Temporary
 * refusals do not arrive here: the client reports them as events, which end the probe. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "redis/random.h"
#include "redis/slots.h"
#include "redis/trial.h"

enum { LABEL_MAX = 160, KEYS_TRIED_MAX = 8 * REDIS_SLOTS };

struct redis_trial_step {
        struct redis_trial_step *next;
        struct redis_trial_plan *plan;
        struct redis_command command;
        const char *step, *expects;
        char label[LABEL_MAX]; /* the command's name, and its key unless that is the trial's own */
        bool is_optional, is_answered;
        size_t group; /* the master that gets it */
};

/* --- Words --------------------------------------------------------------------------------------------------------- */

/* Adds ", name" unless the list has it; omits names that do not fit. */
static void add_name(char *list, size_t size, const char *name, size_t name_length)
{
        size_t length = strlen(list);
        for (const char *at = list; *at; at += strspn(at, ", ")) {
                size_t word = strcspn(at, ",");
                if (word == name_length && strncmp(at, name, word) == 0)
                        return;
                at += word;
        }
        if (length + name_length + 3 <= size)
                (void)snprintf(list + length, size - length, "%s%.*s", length ? ", " : "", (int)name_length, name);
}

static size_t name_length(const struct redis_trial_step *step)
{
        return strcspn(step->label, " ");
}

/* --- The plan ------------------------------------------------------------------------------------------------------ */

void redis_trial_init(struct redis_trial_plan *plan, redis_trial_done_fn *done, void *data)
{
        *plan = (struct redis_trial_plan){ .done = done, .data = data };
        plan->end = &plan->steps;
}

void redis_trial_fini(struct redis_trial_plan *plan)
{
        while (plan->steps) {
                struct redis_trial_step *step = plan->steps;
                plan->steps = step->next;
                redis_command_fini(&step->command);
                free(step);
        }
        plan->end = &plan->steps;
}

static void on_step(struct redis_command *command, const struct redis_reply *reply, const struct err *err);

static size_t measure(const char *const argv[], size_t lengths[])
{
        size_t argc = 0;
        for (; argc < REDIS_TRIAL_ARGS && argv[argc]; argc++)
                lengths[argc] = strlen(argv[argc]);
        return argc;
}

int redis_trial_add(struct redis_trial_plan *plan, const struct redis_trial_command *command, struct err *err)
{
        size_t lengths[REDIS_TRIAL_ARGS];
        size_t argc = measure(command->argv, lengths);
        bool is_foreign =
                argc > 1 && !command->has_no_key && strncmp(command->argv[1], plan->key, plan->key_length) != 0;
        struct redis_trial_step *step = calloc(1, sizeof(*step));
        if (!step)
                return err_set(err, ERR_NOMEM, "probe");
        step->plan = plan;
        step->step = command->step;
        step->expects = command->expects;
        step->is_optional = command->is_optional;
        step->group = plan->group;
        (void)snprintf(step->label, sizeof(step->label), "%s%s%.100s", command->argv[0], is_foreign ? " " : "",
                       is_foreign ? command->argv[1] : ""); /* may be truncated */
        redis_command_init(&step->command, on_step);
        int rc = redis_command_args(&step->command, argc, command->argv, lengths, err);
        if (rc < 0) {
                free(step);
                return rc;
        }
        if (command->has_no_key && plan->first)
                redis_command_go_with(&step->command, &plan->first->command);
        if (!plan->first)
                plan->first = step;
        *plan->end = step;
        plan->end = &step->next;
        plan->waiting++;
        add_name(plan->tried, sizeof(plan->tried), step->label, name_length(step));
        return 0;
}

/* The hash tag has its own braces, so all keys that begin with this one are on the same master. */
static int name_keys(struct redis_trial_plan *plan, const struct redis_trial *trial, const char *prefix,
                     unsigned number, struct err *err)
{
        int length = snprintf(plan->key, sizeof(plan->key), "%s%s:{%016" PRIx64 "-%u}", prefix, trial->key, plan->id,
                              number);
        if (length < 0 || (size_t)length >= sizeof(plan->key))
                return err_set(err, ERR_INVALID, "probe: the key prefix is too long");
        plan->key_length = (size_t)length;
        return 0;
}

static int plan_one(struct redis_trial_plan *plan, const struct redis_trial *trial, const char *prefix, struct err *err)
{
        plan->group++;
        plan->first = NULL;
        return trial->plan(plan, prefix, plan->key, trial->data, err);
}

static bool is_among(struct redis_cluster_node *const *nodes, size_t count, const struct redis_cluster_node *node)
{
        while (count > 0 && nodes[count - 1] != node)
                count--;
        return count > 0;
}

static bool has_tag(const char *prefix)
{
        const char *open = strchr(prefix, '{');
        const char *close = open ? strchr(open, '}') : NULL;
        return close && close > open + 1; /* an empty tag is ignored */
}

/* Tries numbers until each master has a key. If the prefix has a hash tag, all keys are on one master, including the
 * program's own. */
static int plan_masters(struct redis_trial_plan *plan, const struct redis_cluster *cluster,
                        const struct redis_trial *trial, const char *prefix, struct err *err)
{
        struct redis_cluster_node *found[REDIS_NODES_MAX + 1];
        size_t count = 0, masters = redis_cluster_masters(cluster);
        int rc = 0;
        for (unsigned i = 0; i < KEYS_TRIED_MAX && count < masters && rc == 0; i++) {
                rc = name_keys(plan, trial, prefix, i, err);
                struct redis_cluster_node *owner =
                        rc == 0 ? cluster->map->owner[redis_slot_of_key(plan->key, plan->key_length)] : NULL;
                if (!owner || is_among(found, count, owner))
                        continue;
                found[count++] = owner;
                rc = plan_one(plan, trial, prefix, err);
                if (has_tag(prefix))
                        break;
        }
        return rc;
}

int redis_trial_begin(struct redis_trial_plan *plan, struct redis *redis, const struct redis_trial *trial,
                      struct err *err)
{
        const char *prefix = redis_place(redis)->key_prefix;
        int rc;
        if (getrandom(&plan->id, sizeof(plan->id), GRND_NONBLOCK) != sizeof(plan->id))
                plan->id = redis_random(&redis->client->random);
        if (redis->cluster.map) {
                rc = plan_masters(plan, &redis->cluster, trial, prefix, err);
        } else {
                rc = name_keys(plan, trial, prefix, 0, err);
                if (rc == 0)
                        rc = plan_one(plan, trial, prefix, err);
        }
        plan->group++;
        plan->first = NULL;
        if (rc == 0 && trial->plan_own)
                rc = trial->plan_own(plan, redis_place(redis), trial->data, err);
        for (struct redis_trial_step *step = plan->steps; step && rc == 0; step = step->next)
                redis_send(redis, &step->command);
        return rc;
}

/* --- Evaluating replies ------------------------------------------------------------------------------------------ */

static void end(struct redis_trial_plan *plan, const struct err *why)
{
        if (plan->is_over)
                return;
        plan->is_over = true;
        plan->done(why, plan->data);
}

static void end_well(struct redis_trial_plan *plan)
{
        struct err err;
        if (plan->denied.code == 0) {
                end(plan, NULL);
                return;
        }
        (void)err_set(&err, plan->denied.code, "%s (refused: %s)", plan->denied.text, plan->refused); /* passed on */
        end(plan, &err);
}

/* True if an earlier command has no answer because it was refused temporarily. The result of a read then means nothing;
 * an event reports the earlier command. */
static bool stands_alone(const struct redis_trial_step *step)
{
        for (const struct redis_trial_step *other = step->plan->steps; other != step; other = other->next)
                if (other->group == step->group && !other->is_answered)
                        return true;
        return false;
}

static bool is_as_expected(const struct redis_trial_step *step, const struct redis_reply *reply)
{
        const char *text = redis_reply_text(reply, NULL);
        return !step->expects || (text && strcmp(text, step->expects) == 0);
}

/* True: the user is not allowed to send the command; the trial continues. */
static bool note_refusal(struct redis_trial_step *step, const struct redis_reply *reply)
{
        struct redis_trial_plan *plan = step->plan;
        if (!redis_reply_is_error(reply, "NOPERM"))
                return false;
        if (step->is_optional) {
                add_name(plan->lacks, sizeof(plan->lacks), step->label, name_length(step));
                return true;
        }
        if (plan->denied.code == 0) {
                (void)redis_reply_error(reply, &plan->denied); /* reported at the end */
                (void)err_wrap(&plan->denied, "%s", step->step);
        }
        add_name(plan->refused, sizeof(plan->refused), step->label, name_length(step));
        return true;
}

static void on_step(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct redis_trial_step *step = CONTAINER_OF(command, struct redis_trial_step, command);
        struct redis_trial_plan *plan = step->plan;
        struct err why;
        step->is_answered = true;
        plan->waiting--;
        if (!reply) {
                end(plan, err);
        } else if (redis_reply_type(reply) == REDIS_ERROR && !note_refusal(step, reply)) {
                (void)redis_reply_error(reply, &why); /* passed on */
                (void)err_wrap(&why, "%s (%s)", step->step, step->label);
                end(plan, &why);
        } else if (redis_reply_type(reply) != REDIS_ERROR && !is_as_expected(step, reply) && plan->denied.code == 0 &&
                   !stands_alone(step)) {
                (void)err_set(&why, ERR_UNAVAILABLE, "%s (%s): the value just written is missing", step->step,
                              step->label); /* passed on */
                end(plan, &why);
        } else if (plan->waiting == 0) {
                end_well(plan);
        }
}

/* --- The default ----------------------------------------------------------------------------------------------------- */

static int plan_plainly(struct redis_trial_plan *plan, const char *prefix UNUSED, const char *key, void *data UNUSED,
                        struct err *err)
{
        const struct redis_trial_command set = { .step = "write", .argv = { "SET", key, "probe", "PX", "10000" } };
        const struct redis_trial_command get = { .step = "read", .expects = "probe", .argv = { "GET", key } };
        int rc = redis_trial_add(plan, &set, err);
        return rc < 0 ? rc : redis_trial_add(plan, &get, err);
}

const struct redis_trial redis_trial_plain = { .key = "probe", .plan = plan_plainly };
