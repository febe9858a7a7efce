/* question: one command to one Sentinel.
 *
 * Threads: loop only. */
#ifndef REDIS_QUESTION_H
#define REDIS_QUESTION_H

#include "redis/client.h"

/* The caller sets the first three members and keeps the struct until `closed` is called. */
struct redis_question {
        /* Called at most once, and not after redis_question_end: with a reply, or NULL and `err`. */
        void (*done)(struct redis_question *question, const struct redis_reply *reply, const struct err *err);
        void (*connected)(struct redis_question *question); /* the Sentinel has been reached; NULL: not reported */
        void (*closed)(struct redis_question *question);    /* it may be freed, or asked again */
        struct client *client;
        struct redis_command command;
        bool is_over;
};

enum { REDIS_QUESTION_ARGUMENTS_MAX = 5 };

/* ERR_NOMEM: nothing was started, and neither callback will be called. */
int redis_question_ask(struct redis_question *question, uv_loop_t *loop, struct redis_target *origin, size_t index,
                       int64_t limit_ms, size_t argc, const char *const argv[], struct err *err) NODISCARD;
void redis_question_end(struct redis_question *question); /* only if redis_question_ask succeeded */

#endif
