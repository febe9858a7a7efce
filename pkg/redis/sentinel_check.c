/* sentinel_check: sends each Sentinel the commands that a client in use sends, one after the other, each on a separate
 * connection, and reports the first that fails. It queries every Sentinel, because Sentinels do not share users or
 * permissions, and queries all of them at once, so that a hanging Sentinel delays nothing. */
#include <stdlib.h>

#include "redis/question.h"
#include "redis/sentinel_check.h"
#include "redis/sentinel_news.h"
#include "redis/target_private.h"

enum { STEPS = 3 };

static const char *const step_names[STEPS] = { "SENTINEL GET-MASTER-ADDR-BY-NAME", "SENTINEL MASTER", "SUBSCRIBE" };

typedef void redis_checked_fn(const struct redis_sentinel_found *found, size_t count, void *data);

struct candidate {
        struct check *all;
        size_t index;
        unsigned step;
        struct redis_question question;
};

struct check {
        uv_loop_t *loop;
        struct redis_target *target;
        int64_t timeout_ms;
        redis_checked_fn *done;
        void *data;
        size_t open; /* candidates that have not finished */
        struct redis_sentinel_found *found;
        struct candidate candidates[];
};

static void free_check(struct check *check)
{
        redis_target_unref(check->target);
        free(check->found);
        free(check);
}

static int ask(struct candidate *c)
{
        struct check *check = c->all;
        const char *master = check->target->sentinel_master;
        const char *const *channels = redis_sentinel_channels;
        const char *const steps[STEPS][1 + REDIS_SENTINEL_CHANNELS] = {
                { "SENTINEL", "GET-MASTER-ADDR-BY-NAME", master },
                { "SENTINEL", "MASTER", master },
                { "SUBSCRIBE", channels[0], channels[1], channels[2], channels[3] },
        };
        size_t argc = steps[c->step][3] ? 1 + REDIS_SENTINEL_CHANNELS : 3;
        return redis_question_ask(&c->question, check->loop, check->target, c->index, check->timeout_ms, argc,
                                  steps[c->step], &check->found[c->index].err);
}

static void on_answer(struct redis_question *question, const struct redis_reply *reply, const struct err *why)
{
        const struct candidate *c = CONTAINER_OF(question, struct candidate, question);
        struct redis_sentinel_found *found = &c->all->found[c->index];
        if (!reply) {
                found->err = *why; /* it names the Sentinel */
                found->is_refusal = why->code == ERR_DENIED;
        } else if (redis_reply_type(reply) == REDIS_ERROR) {
                (void)redis_reply_error(reply, &found->err);
                (void)err_wrap(&found->err, "%s", step_names[c->step]); /* reported by done */
                found->is_refusal = true;
        } else if (c->step == 0 && redis_reply_count(reply) != 2) {
                (void)err_set(&found->err, ERR_UNAVAILABLE, "does not know the master %s",
                              c->all->target->sentinel_master); /* reported by done */
        }
}

static void on_closed(struct redis_question *question)
{
        struct candidate *c = CONTAINER_OF(question, struct candidate, question);
        struct check *check = c->all;
        if (check->found[c->index].err.code == 0 && ++c->step < STEPS && ask(c) == 0)
                return;
        if (--check->open > 0)
                return;
        check->done(check->found, check->target->sentinel_count, check->data);
        free_check(check);
}

int redis_sentinels_check(uv_loop_t *loop, struct redis_target *target, int64_t timeout_ms, redis_checked_fn *done,
                          void *data, struct err *err)
{
        size_t count = target->sentinel_count;
        if (count == 0)
                return err_set(err, ERR_INVALID, "no Sentinels");
        struct check *check = calloc(1, sizeof(*check) + count * sizeof(check->candidates[0]));
        struct redis_sentinel_found *found = calloc(count, sizeof(*found));
        if (!check || !found) {
                free(check);
                free(found);
                return err_set(err, ERR_NOMEM, "Sentinels");
        }
        *check = (struct check){ .loop = loop,
                                 .target = redis_target_ref(target),
                                 .timeout_ms = timeout_ms,
                                 .done = done,
                                 .data = data,
                                 .found = found };
        for (size_t i = 0; i < count; i++) {
                struct candidate *c = &check->candidates[i];
                *c = (struct candidate){ .all = check,
                                         .index = i,
                                         .question = { .done = on_answer, .closed = on_closed } };
                found[i].address = target->sentinels[i].address;
                if (ask(c) == 0)
                        check->open++;
        }
        if (check->open > 0)
                return 0;
        *err = found[0].err; /* out of memory for all of them */
        free_check(check);
        return err->code;
}
