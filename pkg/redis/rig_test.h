/* rig: runs a client, records its events, and sends commands whose replies it records. */
#ifndef REDIS_RIG_TEST_H
#define REDIS_RIG_TEST_H

#include "redis/fake_redis_test.h"

#include <unistd.h>

#include "redis/probe.h"
#include "redis/router.h"
#include "redis/target_private.h"

struct rig {
        uv_loop_t loop;
        uv_prepare_t prepare;
        uv_timer_t pulse; /* so that a wait checks its condition regularly */
        struct redis *client;
        struct redis_budget budget;
        bool is_closed;
        unsigned events[8]; /* by kind */
        struct err last_error;
        struct redis_event last_event;
        unsigned answered; /* jobs so far */
};

struct job {
        struct redis_command command;
        struct rig *rig;
        bool is_done, closes;
        int code; /* of the error, if there is no reply */
        unsigned resends, order;
        enum redis_reply_type type;
        char text[256];
};

static inline void rig_on_event(struct redis *client UNUSED, const struct redis_event *event, void *data)
{
        struct rig *rig = data;
        rig->events[event->kind]++;
        rig->last_event = *event;
        if (event->err)
                rig->last_error = *event->err;
}

static inline void rig_on_closed(void *data)
{
        struct rig *rig = data;
        rig->is_closed = true;
}

static inline void rig_close_client(struct rig *rig)
{
        struct redis *client = rig->client;
        rig->client = NULL;
        redis_close(client, rig_on_closed, rig);
}

static inline void rig_on_prepare(uv_prepare_t *prepare)
{
        struct rig *rig = CONTAINER_OF(prepare, struct rig, prepare);
        if (rig->client)
                redis_flush(rig->client);
}

static inline void rig_on_pulse(uv_timer_t *timer UNUSED)
{
}

static inline void rig_init(struct rig *rig)
{
        memset(rig, 0, sizeof(*rig));
        assert_int_equal(uv_loop_init(&rig->loop), 0);
        assert_int_equal(uv_prepare_init(&rig->loop, &rig->prepare), 0);
        assert_int_equal(uv_prepare_start(&rig->prepare, rig_on_prepare), 0);
        assert_int_equal(uv_timer_init(&rig->loop, &rig->pulse), 0);
        assert_int_equal(uv_timer_start(&rig->pulse, rig_on_pulse, 5, 5), 0);
}

/* A port where nothing listens. */
static inline uint16_t dead_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        (void)close(fd); /* it only showed a free port */
        return ntohs(address.sin_port);
}

static inline struct redis_target *target_at(uint16_t port)
{
        struct redis_target_options options = { .host = "127.0.0.1", .port = port };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        return target;
}

static inline void rig_open_target(struct rig *rig, struct redis_options options, struct redis_target *target)
{
        assert_non_null(target);
        options.on_event = rig_on_event;
        options.data = rig;
        options.budget = &rig->budget;
        if (!options.stall_ms)
                options.stall_ms = 3000; /* a busy machine may stop the loop for longer than 300 ms */
        if (!options.backoff_min_ms)
                options.backoff_min_ms = 10;
        if (!options.backoff_max_ms)
                options.backoff_max_ms = 40;
        assert_int_equal(redis_open(&rig->loop, &options, target, 1, &rig->client, NULL), 0);
        redis_target_unref(target);
}

static inline void rig_open(struct rig *rig, struct redis_options options, uint16_t port)
{
        rig_open_target(rig, options, target_at(port));
}

/* Runs the loop for a while, to check that something does not happen. */
static inline void rig_run_for(struct rig *rig, int64_t ms)
{
        int64_t until_ms = clock_monotonic_ms() + ms;
        while (clock_monotonic_ms() < until_ms)
                (void)uv_run(&rig->loop, UV_RUN_ONCE);
}

/* Closes everything and checks that no handle, no command and no byte of the budget is left. */
static inline void rig_fini(struct rig *rig)
{
        if (rig->client)
                rig_close_client(rig);
        RUN_UNTIL(rig, rig->is_closed);
        uv_close((uv_handle_t *)&rig->prepare, NULL);
        uv_close((uv_handle_t *)&rig->pulse, NULL);
        (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&rig->loop), 0);
        assert_int_equal(atomic_load(&rig->budget.commands), 0);
        assert_int_equal(atomic_load(&rig->budget.bytes), 0);
}

static inline void job_on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
{
        struct job *job = CONTAINER_OF(command, struct job, command);
        assert_false(job->is_done); /* exactly once */
        job->is_done = true;
        job->order = ++job->rig->answered;
        job->code = reply ? 0 : err->code;
        job->type = reply ? redis_reply_type(reply) : REDIS_NIL;
        const char *text = reply ? redis_reply_text(reply, NULL) : err->text;
        (void)snprintf(job->text, sizeof(job->text), "%s", text ? text : "");
        redis_command_fini(command);
        if (job->closes)
                rig_close_client(job->rig);
}

static inline void job_on_resend(struct redis_command *command)
{
        struct job *job = CONTAINER_OF(command, struct job, command);
        job->resends++;
}

static inline void job_init(struct job *job, struct rig *rig, const char *name, const char *key, const char *value)
{
        const char *argv[] = { name, key, value };
        size_t lengths[] = { strlen(name), key ? strlen(key) : 0, value ? strlen(value) : 0 };
        memset(job, 0, sizeof(*job));
        job->rig = rig;
        redis_command_init(&job->command, job_on_reply);
        job->command.on_resend = job_on_resend;
        assert_int_equal(redis_command_args(&job->command, value ? 3 : key ? 2 : 1, argv, lengths, NULL), 0);
}

static inline void job_send(struct job *job, struct rig *rig, const char *name, const char *key, const char *value)
{
        job_init(job, rig, name, key, value);
        redis_send(rig->client, &job->command);
}

static inline void assert_answer(const struct job *job, const char *text)
{
        assert_int_equal(job->code, 0);
        assert_string_equal(job->text, text);
}

#endif
