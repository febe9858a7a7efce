/* Collector: takes JSON documents by HTTP POST and stores them in Redis.
 *
 * This file defines what Collector adds to a service (pkg/service): its options and routes, the bindings that it
 * follows, and the state that workers share. It does not handle requests. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "backing/redis.h"
#include "base/clock.h"
#include "check.h"
#include "overview.h"
#include "page/page.h"
#include "redis_input.h"
#include "routes.h"
#include "service/service.h"
#include "settings.h"
#include "tokens.h"
#include "trial.h"
#include "worker.h"

extern const struct page collector_page, collector_description; /* made by tools/embed */

struct process {
        struct service *service;
        struct collector collector;
        struct overview overview;
        struct tokens tokens;
        struct backing_redis_watch *watch;
        struct backing_redis_watch *previous;        /* NULL without --previous-binding */
        struct commands commands, previous_commands; /* the commands to try on each Redis */
        struct redis_trial trial, previous_trial;
        uv_async_t denied; /* a worker was refused: the binding may have changed since then */
        int64_t looked_ms;
};

/* --- The binding ------------------------------------------------------------------------------------------------------ */

static struct worker_place place_of(const struct backing_redis *redis)
{
        return (struct worker_place){ .target = backing_redis_target(redis),
                                      .generation = backing_redis_generation(redis) };
}

static void set_place(struct process *process, enum worker_role role, const struct backing_redis *now)
{
        struct worker_place place = place_of(now);
        for (unsigned i = 0; i < process->service->worker_count; i++)
                worker_set_place(service_worker_at(process->service, i), role, &place);
}

static void on_target(struct backing_redis *now, void *data)
{
        struct process *process = data;
        overview_use(&process->overview, now);
        set_place(process, WORKER_CURRENT, now);
}

static void on_state(const struct backing_change *change, void *data)
{
        standing_on_change(change, &((struct process *)data)->overview.redis);
}

static void on_previous(struct backing_redis *now, void *data)
{
        set_place(data, WORKER_PREVIOUS, now);
}

/* The binding is read at most once a second, no matter how many workers are refused. */
static void on_denied(uv_async_t *async)
{
        struct process *process = async->data;
        int64_t now_ms = clock_monotonic_ms();
        if (atomic_load(&process->collector.draining) || now_ms - process->looked_ms < 1000)
                return;
        process->looked_ms = now_ms;
        backing_redis_watch_look(process->watch);
}

/* A Redis that cannot keep the promise of --ack is refused. One that lacks replicas is accepted, because it may get
 * them. */
static int on_probed(const struct redis_probe_result *found, void *data, struct err *err)
{
        const struct process *process = data;
        const struct ack_level *ack = &process->collector.ack;
        if (ack_is_short(ack, found))
                log_warn(process->collector.log, "ack.lacks_replicas",
                         "Fewer replicas are connected than --ack requires: documents wait for them",
                         log_str("address", found->address), log_int("replicas", found->replicas),
                         log_int("wanted", ack->replicas));
        return ack_fits(ack, found, err);
}

/* Checks the initial Redis if it can be reached now. */
static int try_first(struct process *process, struct err *err)
{
        struct redis_probe_result found;
        struct err why;
        if (process->collector.ack.kind == ACK_MEMORY)
                return 0;
        const struct backing_redis *first = backing_redis_watch_get(process->watch);
        if (trial_run(first, &process->commands, process->collector.settings->connect_timeout_ms, &found, &why) == 0 ||
            found.address[0])
                return on_probed(&found, process, err);
        log_warn(process->collector.log, "ack.unchecked",
                 "Redis cannot be reached yet: the first document will show whether it can keep the promise of --ack",
                 log_str("address", redis_target_address(backing_redis_target(first))), log_err(&why));
        return 0;
}

static int open_watch(struct process *process, struct err *err)
{
        const struct redis_input *input = service_inputs(process->service);
        process->commands = commands_of(process->collector.settings, &process->collector.ack);
        process->trial = commands_trial(&process->commands);
        struct backing_redis_watch_options options = {
                .input = input->input,
                .probe_timeout_ms = process->collector.settings->connect_timeout_ms,
                .metric_names = BACKING_METRICS("collector"),
                .trial = &process->trial,
                .on_target = on_target,
                .accept = on_probed,
                .on_state = on_state,
                .data = process,
        };
        int rc = backing_redis_watch_open(process->service->bindings, &options, &process->watch, err);
        if (rc < 0)
                return rc;
        overview_use(&process->overview, backing_redis_watch_get(process->watch));
        return try_first(process, err);
}

static int open_previous(struct process *process, struct err *err)
{
        const char *name = process->collector.settings->previous_binding;
        if (!name || !*name)
                return 0;
        process->previous_commands = commands_of_previous();
        process->previous_trial = commands_trial(&process->previous_commands);
        struct backing_redis_watch_options options = {
                .input = redis_input_previous(service_inputs(process->service), name),
                .probe_timeout_ms = process->collector.settings->connect_timeout_ms,
                .metric_names = BACKING_METRICS("collector_previous"),
                .trial = &process->previous_trial,
                .on_target = on_previous,
                .data = process,
        };
        int rc = backing_redis_watch_open(process->service->bindings, &options, &process->previous, err);
        return rc < 0 ? err_wrap(err, "--previous-binding") : 0;
}

/* --- Workers ----------------------------------------------------------------------------------------------------------- */

static int crew_start(void *worker, struct service *service, unsigned index, struct err *err)
{
        struct process *process = service->data;
        struct worker_place current = place_of(backing_redis_watch_get(process->watch)), previous = { 0 };
        if (process->previous)
                previous = place_of(backing_redis_watch_get(process->previous));
        return worker_start(worker, &process->collector, index, &current, &previous, err);
}

static void crew_stop(void *worker, int64_t deadline_ms)
{
        worker_stop(worker, deadline_ms);
}

static void crew_join(void *worker)
{
        worker_join(worker);
}

static void on_answered(const struct http_record *record, void *context)
{
        const struct worker *worker = context;
        service_log_answer(worker->collector->service, record);
}

/* --- The steps of a service -------------------------------------------------------------------------------------------- */

static int init_input(void *inputs, const void *settings, const struct config_report *report, char *const *environment,
                      struct err *err)
{
        return redis_input_init(inputs, settings, report, environment, err);
}

static void fini_input(void *inputs)
{
        redis_input_fini(inputs);
}

static void fill(struct collector *collector, struct service *service, struct overview *overview)
{
        const struct settings *settings = service_settings(service);
        collector->service = service;
        collector->settings = settings;
        collector->log = service->log;
        collector->metrics = service->metrics;
        collector->worker_count = service->worker_count;
        collector->overview = overview;
        collector->print_status = overview_print;
        collector->facts = &overview->facts;
        collector->page = &collector_page;
        collector->description = &collector_description;
        collector->budget.commands_max = (size_t)settings->held_max; /* for documents, the SET counts, not the XADD */
        collector->budget.bytes_max = (size_t)settings->held_bytes_max;
        collector->unsafe.commands_max = (size_t)settings->held_max;
        collector->highest.ahead_max_ms = settings->hold_time_ms + FEED_CLOCK_SKEW_MS;
        collector->unsafe.bytes_max = (size_t)settings->held_bytes_max;
}

static int open_collector(struct service *service, struct err *err)
{
        struct process *process = service->data;
        process->service = service;
        overview_init(&process->overview);
        fill(&process->collector, service, &process->overview);
        int failed = uv_async_init(&service->daemon.loop, &process->denied, on_denied);
        if (failed)
                return err_set(err, ERR_LIMIT, "event loop: %s", uv_strerror(failed));
        process->denied.data = process;
        process->collector.denied = &process->denied;
        int rc = ack_parse(process->collector.settings->ack, &process->collector.ack, err);
        if (rc == 0)
                rc = open_watch(process, err);
        return rc < 0 ? rc : open_previous(process, err);
}

static int open_tokens(struct service *service, struct err *err)
{
        struct process *process = service->data;
        process->collector.server = service->server;
        return tokens_open(&process->tokens, service->bindings, &process->collector, err);
}

static void start_overview(struct service *service)
{
        struct process *process = service->data;
        overview_start(&process->overview, &service->daemon.loop, service_worker_at(service, 0), service->worker_count);
}

static int follow(struct service *service, const void *inputs, struct err *err)
{
        const struct process *process = service->data;
        const struct redis_input *input = inputs;
        return backing_redis_watch_reload(process->watch, &input->input, err);
}

static void drain(struct service *service)
{
        struct process *process = service->data;
        atomic_store(&process->collector.draining, true);
}

static void close_watches(struct service *service)
{
        struct process *process = service->data;
        backing_redis_watch_close(process->watch);
        backing_redis_watch_close(process->previous);
        tokens_close(&process->tokens);
}

static void stopped(struct service *service, int64_t deadline_ms UNUSED)
{
        struct process *process = service->data;
        overview_fini(&process->overview);
}

static const struct backing_report *report(const struct service *service, const char **address)
{
        const struct process *process = service->data;
        const struct backing_redis *redis = backing_redis_watch_get(process->watch);
        *address = redis_target_address(backing_redis_target(redis));
        return backing_redis_report(redis);
}

static bool check(const void *data, const struct config_report *origins, char *const *environment, int *status)
{
        const struct settings *settings = data;
        if (settings->check)
                *status = check_run(settings, origins, environment);
        return settings->check;
}

/* The events that /v1/status shows. */
static const char *const remembered[] = { "binding.", "redis.",  "sentinel.", "lane.", "ack.", "previous.",
                                          "tokens.",  "config.", "server.",   "feed.", NULL };

static const struct service_crew crew = {
        .worker_size = sizeof(struct worker), .start = crew_start, .stop = crew_stop, .join = crew_join
};

int main(int argc, char **argv)
{
        const struct service_program program = {
                .config = &settings_program,
                .settings_size = sizeof(struct settings),
                .settings_at = offsetof(struct settings, service),
                .title = "Collector",
                .reloaded = "Log level and Redis take effect now; other settings need a restart",
                .recent = remembered,
                .routes = routes,
                .route_count = route_count,
                .on_answered = on_answered,
                .inputs = { .size = sizeof(struct redis_input), .init = init_input, .fini = fini_input },
                .crew = &crew,
                .open = open_collector,
                .listening = open_tokens,
                .ready = start_overview,
                .follow = follow,
                .drain = drain,
                .close = close_watches,
                .stopped = stopped,
                .report = report,
                .check = check,
        };
        static struct process process;
        static struct service service = { .data = &process };
        return service_main(&service, &program, argc, argv);
}
