/* question: each question has its own client, so look-up, TLS, AUTH and limits work as on any connection. The first
 * failure ends the question just as a reply does, because the caller can query another Sentinel or query again. */
#include <string.h>

#include "redis/locate.h"
#include "redis/question.h"
#include "redis/target_private.h"

enum { ANSWER_MAX_BYTES = 16 << 10 };

static void on_client_closed(void *data)
{
        struct redis_question *question = data;
        redis_command_fini(&question->command);
        question->closed(question);
}

void redis_question_end(struct redis_question *question)
{
        if (question->is_over)
                return;
        question->is_over = true;
        redis_client_close(question->client, on_client_closed, question);
}

static void finish(struct redis_question *question, const struct redis_reply *reply, const struct err *err)
{
        if (question->is_over)
                return;
        redis_question_end(question);
        question->done(question, reply, err);
}

static void on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        finish(CONTAINER_OF(command, struct redis_question, command), reply, err);
}

static void on_event(void *owner, const struct redis_event *event)
{
        struct redis_question *question = owner;
        if (event->err)
                finish(question, NULL, event->err);
        else if (event->kind == REDIS_EVENT_CONNECTED && question->connected && !question->is_over)
                question->connected(question);
}

static const struct client_ops ops = { .event = on_event };

int redis_question_ask(struct redis_question *question, uv_loop_t *loop, struct redis_target *origin, size_t index,
                       int64_t limit_ms, size_t argc, const char *const argv[], struct err *err)
{
        size_t lengths[REDIS_QUESTION_ARGUMENTS_MAX];
        const struct redis_options options = { .hold_ms = limit_ms + REDIS_PATIENCE_MS,
                                               .connect_timeout_ms = limit_ms,
                                               .look_up_ms = REDIS_PATIENCE_MS,
                                               .stall_ms = limit_ms,
                                               .reply_max_bytes = ANSWER_MAX_BYTES };
        question->is_over = false;
        redis_command_init(&question->command, on_reply);
        for (size_t i = 0; i < argc; i++)
                lengths[i] = strlen(argv[i]);
        int rc = redis_command_args(&question->command, argc, argv, lengths, err);
        struct redis_target *target = rc == 0 ? redis_target_sentinel(origin, index) : NULL;
        if (rc == 0)
                rc = target ? redis_client_open(loop, &options, target, 0, &ops, question, &question->client, err)
                            : err_set(err, ERR_NOMEM, "Sentinel");
        redis_target_unref(target);
        if (rc == 0) {
                redis_client_send(question->client, &question->command);
                return 0;
        }
        question->is_over = true;
        redis_command_fini(&question->command);
        return rc;
}
