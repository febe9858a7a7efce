/* Collector: takes JSON documents by HTTP POST and stores them in Redis.
 *
 * This file wires: settings, log, metrics, the binding that is watched, the listener, the workers. The main
 * thread then waits for signals and changes of the binding. Nothing of a request passes through it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "backing/redis.h"
#include "base/clock.h"
#include "base/redact.h"
#include "check.h"
#include "daemon/daemon.h"
#include "daemon/http_client.h"
#include "overview.h"
#include "redis_input.h"
#include "routes.h"
#include "settings.h"
#include "tokens.h"
#include "trial.h"
#include "worker.h"

enum { START_FLUSH_MS = 1000 }; /* for the log of a start that failed */

/* Settings that were read again on SIGHUP; the watch points into them. */
struct followed {
        struct settings settings;
        struct config_report *report;
        struct redis_input source;
};

struct process {
        struct config_source arguments;
        struct settings settings;
        struct config_report *report;
        struct redis_input source;
        struct followed *followed; /* owned; NULL until the first SIGHUP */
        struct collector collector;
        struct overview overview;
        struct tokens tokens;
        struct backing_root *bindings;
        struct backing_redis_watch *watch;
        struct backing_redis_watch *previous;        /* NULL without --previous-binding */
        struct commands commands, previous_commands; /* what is tried with each of the two */
        struct redis_trial trial, previous_trial;
        struct worker *workers;
        unsigned worker_count;
        unsigned running; /* of them, the first ones; fewer where the start has failed */

        struct daemon daemon;
        uv_async_t denied; /* a worker was refused: the binding may say something else by now */
        int64_t looked_ms;
};

/* --- Stopping ------------------------------------------------------------------------------------------------------ */

static void on_stop(void *data)
{
        struct process *process = data;
        atomic_store(&process->collector.draining, true);
        http_server_drain(process->collector.server);
}

/* --- Reading again --------------------------------------------------------------------------------------------------- */

static void followed_free(struct followed *followed)
{
        if (!followed)
                return;
        redis_input_fini(&followed->source);
        config_report_free(followed->report);
        config_free(&settings_program, &followed->settings);
        free(followed);
}

static int follow(struct process *process, struct err *err)
{
        struct followed *fresh = calloc(1, sizeof(*fresh));
        if (!fresh)
                return err_set(err, ERR_NOMEM, "settings");
        int rc = config_read(&settings_program, &process->arguments, &fresh->settings, &fresh->report, err);
        if (rc == CONFIG_READY) {
                rc = redis_input_init(&fresh->source, &fresh->settings, fresh->report, environ, err);
                if (rc == 0)
                        rc = backing_redis_watch_reload(process->watch, &fresh->source.input, err);
        }
        if (rc < 0) {
                followed_free(fresh);
                return rc;
        }
        log_set_level(process->collector.log, (enum log_level)fresh->settings.log_level);
        followed_free(process->followed);
        process->followed = fresh;
        return 0;
}

static void on_reload(void *data)
{
        struct process *process = data;
        struct err err;
        if (follow(process, &err) < 0)
                log_error(process->collector.log, "config.reload_failed", "Keeping the current settings",
                          log_err(&err));
        else
                log_info(process->collector.log, "config.reloaded",
                         "Log level and Redis take effect now; other settings need a restart");
}

/* --- The binding ------------------------------------------------------------------------------------------------------ */

static struct worker_place place_of(const struct backing_redis *redis)
{
        return (struct worker_place){ .target = backing_redis_target(redis),
                                      .generation = backing_redis_generation(redis) };
}

static void set_place(struct process *process, enum worker_role role, const struct backing_redis *now)
{
        struct worker_place place = place_of(now);
        for (unsigned i = 0; i < process->worker_count; i++)
                worker_set_place(&process->workers[i], role, &place);
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

/* However many workers are refused how often, the binding is looked at once a second. */
static void on_denied(uv_async_t *async)
{
        struct process *process = async->data;
        int64_t now_ms = clock_monotonic_ms();
        if (atomic_load(&process->collector.draining) || now_ms - process->looked_ms < 1000)
                return;
        process->looked_ms = now_ms;
        backing_redis_watch_look(process->watch);
}

/* A Redis that cannot keep what --ack promises is refused; one that lacks replicas now may get them. */
static int on_probed(const struct redis_probe_result *found, void *data, struct err *err)
{
        const struct process *process = data;
        const struct ack_level *ack = &process->collector.ack;
        if (ack_is_short(ack, found))
                log_warn(process->collector.log, "ack.lacks_replicas",
                         "Fewer replicas are connected than --ack asks for: documents wait for them",
                         log_str("address", found->address), log_int("replicas", found->replicas),
                         log_int("wanted", ack->replicas));
        return ack_fits(ack, found, err);
}

/* The Redis of the start is judged if it can be reached now. */
static int try_first(struct process *process, struct err *err)
{
        struct redis_probe_result found;
        struct err why;
        if (process->collector.ack.kind == ACK_MEMORY)
                return 0;
        const struct backing_redis *first = backing_redis_watch_get(process->watch);
        if (trial_run(first, &process->commands, process->settings.connect_timeout_ms, &found, &why) == 0 ||
            found.address[0])
                return on_probed(&found, process, err);
        log_warn(process->collector.log, "ack.unchecked",
                 "Redis cannot be reached yet: the first document will show whether it can keep what --ack promises",
                 log_str("address", redis_target_address(backing_redis_target(first))), log_err(&why));
        return 0;
}

static int open_bindings(struct process *process, struct err *err)
{
        const struct backing_root_options options = { .log = process->collector.log,
                                                      .metrics = process->collector.metrics };
        return backing_root_open(&process->daemon.loop, &options, &process->bindings, err);
}

static int open_watch(struct process *process, struct err *err)
{
        int rc = redis_input_init(&process->source, &process->settings, process->report, environ, err);
        if (rc < 0)
                return rc;
        process->commands = commands_of(&process->settings, &process->collector.ack);
        process->trial = commands_trial(&process->commands);
        struct backing_redis_watch_options options = {
                .input = process->source.input,
                .probe_timeout_ms = process->settings.connect_timeout_ms,
                .metric_names = BACKING_METRICS("collector"),
                .trial = &process->trial,
                .on_target = on_target,
                .accept = on_probed,
                .on_state = on_state,
                .data = process,
        };
        rc = backing_redis_watch_open(process->bindings, &options, &process->watch, err);
        if (rc < 0)
                return rc;
        overview_use(&process->overview, backing_redis_watch_get(process->watch));
        return try_first(process, err);
}

static int open_previous(struct process *process, struct err *err)
{
        const char *name = process->settings.previous_binding;
        if (!name || !*name)
                return 0;
        process->previous_commands = commands_of_previous();
        process->previous_trial = commands_trial(&process->previous_commands);
        struct backing_redis_watch_options options = {
                .input = redis_input_previous(&process->source, name),
                .probe_timeout_ms = process->settings.connect_timeout_ms,
                .metric_names = BACKING_METRICS("collector_previous"),
                .trial = &process->previous_trial,
                .on_target = on_previous,
                .data = process,
        };
        int rc = backing_redis_watch_open(process->bindings, &options, &process->previous, err);
        return rc < 0 ? err_wrap(err, "--previous-binding") : 0;
}

/* --- Starting ---------------------------------------------------------------------------------------------------------- */

/* One line for a request, as --access-log asks. */
static void on_answered(const struct http_record *record, void *context)
{
        const struct worker *worker = context;
        int wanted = worker->collector->settings->access_log;
        if (wanted == ACCESS_LOG_OFF || (wanted == ACCESS_LOG_ERRORS && record->status < 500))
                return;
        if (wanted == ACCESS_LOG_ERRORS && strcmp(record->route, "readyz") == 0)
                return; /* an answer of 503 is what a probe asks for */
        struct buf shown;
        buf_init(&shown, 0);
        const char *path = redact_shown_target(&shown, record->target), *id = record->correlation_id;
        LOG_LINE(worker->collector->log, record->status >= 500 ? LOG_WARN : LOG_INFO, "request.answered", "request",
                 log_str("method", record->method), log_str("path", path), log_str("route", record->route),
                 log_int("status", record->status), log_int("duration_ms", record->duration_us / 1000),
                 log_int("bytes", (int64_t)record->request_bytes),
                 log_str("address", http_request_remote(record->request, NULL)),
                 log_str("client", http_request_token(record->request)),
                 log_str("correlation_id", redact_known_form(id) ? REDACTED : id));
        buf_fini(&shown);
}

static int open_server(struct process *process, struct err *err)
{
        const struct settings *settings = &process->settings;
        bool has_address = settings->listen.host[0] != '\0' || settings->listen.port > 0;
        struct http_options options = {
                .address = settings->listen.host[0] ? settings->listen.host : NULL,
                .port = has_address ? settings->listen.port : settings->port,
                .routes = routes,
                .route_count = route_count,
                .workers = process->worker_count,
                .body_max_bytes = (size_t)settings->body_max_bytes,
                .transfer_max_bytes = (size_t)settings->transfer_max_bytes,
                .header_max_bytes = (size_t)settings->header_max_bytes,
                .connections_max = (unsigned)settings->connections_max,
                .header_timeout_ms = settings->header_timeout_ms,
                .body_timeout_ms = settings->body_timeout_ms,
                .idle_timeout_ms = settings->idle_timeout_ms,
                .metrics = process->collector.metrics,
                .on_answered = settings->access_log == ACCESS_LOG_OFF ? NULL : on_answered,
        };
        return http_server_open(&options, &process->collector.server, err);
}

static int start_workers(struct process *process, struct err *err)
{
        struct worker_place current = place_of(backing_redis_watch_get(process->watch)), previous = { 0 };
        if (process->previous)
                previous = place_of(backing_redis_watch_get(process->previous));
        process->workers = calloc(process->worker_count, sizeof(*process->workers));
        if (!process->workers)
                return err_set(err, ERR_NOMEM, "workers");
        for (unsigned i = 0; i < process->worker_count; i++) {
                int rc = worker_start(&process->workers[i], &process->collector, i, &current, &previous, err);
                if (rc < 0)
                        return rc;
                process->running++;
        }
        overview_start(&process->overview, &process->daemon.loop, process->workers, process->worker_count);
        return 0;
}

static void stop_workers(struct process *process, int64_t deadline_ms)
{
        for (unsigned i = 0; i < process->running; i++)
                worker_stop(&process->workers[i], deadline_ms);
        for (unsigned i = 0; i < process->running; i++)
                worker_join(&process->workers[i]);
        process->running = 0;
}

static int open_daemon(struct process *process, struct err *err)
{
        const struct settings *settings = &process->settings;
        const struct daemon_options options = { .log = process->collector.log,
                                                .drain_delay_ms = settings->drain_delay_ms,
                                                .grace_ms = settings->grace_ms,
                                                .program = "collector",
                                                .is_forced = true,
                                                .on_stop = on_stop,
                                                .on_reload = on_reload,
                                                .data = process };
        return daemon_init(&process->daemon, &options, err);
}

static int open_loop(struct process *process, struct err *err)
{
        int rc = open_daemon(process, err);
        if (rc < 0)
                return rc;
        int failed = uv_async_init(&process->daemon.loop, &process->denied, on_denied);
        if (failed)
                return err_set(err, ERR_LIMIT, "event loop: %s", uv_strerror(failed));
        process->denied.data = process;
        process->collector.denied = &process->denied;
        return 0;
}

static int start(struct process *process, struct err *err)
{
        struct collector *collector = &process->collector;
        const struct settings *settings = &process->settings;
        process->worker_count = collector->worker_count = daemon_workers(settings->workers);
        collector->settings = settings;
        collector->overview = &process->overview;
        collector->facts = &process->overview.facts;
        overview_init(&process->overview);
        collector->budget.commands_max = (size_t)settings->held_max * 2; /* SET and XADD */
        collector->budget.bytes_max = (size_t)settings->held_bytes_max;
        collector->unsafe.commands_max = (size_t)settings->held_max;
        collector->unsafe.bytes_max = (size_t)settings->held_bytes_max;
        collector->metrics = metrics_new();
        if (!collector->metrics)
                return err_set(err, ERR_NOMEM, "metrics");
        int rc = ack_parse(settings->ack, &collector->ack, err);
        if (rc == 0)
                rc = open_loop(process, err);
        if (rc == 0)
                rc = open_bindings(process, err);
        if (rc == 0)
                rc = open_watch(process, err);
        if (rc == 0)
                rc = open_previous(process, err);
        if (rc == 0)
                rc = open_server(process, err);
        if (rc == 0)
                rc = tokens_open(&process->tokens, process->bindings, collector, err);
        return rc < 0 ? rc : start_workers(process, err);
}

static void log_started(const struct process *process)
{
        struct log *log = process->collector.log;
        const struct backing_redis *redis = backing_redis_watch_get(process->watch);
        const struct backing_report *report = backing_redis_report(redis);
        for (size_t i = 0; i < config_warning_count(process->report); i++)
                log_warn(log, "config.warned", config_warning(process->report, i));
        char message[64];
        uint16_t port = http_server_port(process->collector.server);
        (void)snprintf(message, sizeof(message), "Collector listens on port %u", port); /* fits */
        log_info(log, "server.listening", message, log_int("port", port), log_int("workers", process->worker_count),
                 log_int("pid", getpid()), log_str("version", VERSION),
                 log_str("address", redis_target_address(backing_redis_target(redis))),
                 log_str("source", backing_source_name(report->source)), log_str("binding", report->binding));
}

/* --- Running ----------------------------------------------------------------------------------------------------------- */

static void process_free(struct process *process, int64_t deadline_ms)
{
        daemon_fini(&process->daemon);
        http_server_close(process->collector.server);
        metrics_free(process->collector.metrics);
        log_close(process->collector.log, deadline_ms);
        free(process->workers);
        followed_free(process->followed);
        redis_input_fini(&process->source);
        overview_fini(&process->overview);
}

/* What /v1/status remembers of the log. */
static const char *const remembered[] = { "binding.", "redis.",  "sentinel.", "lane.", "ack.", "previous.",
                                          "tokens.",  "config.", "server.",   "feed.", NULL };

static int run(struct process *process)
{
        struct err err;
        struct log_options log_options = { .fd = STDOUT_FILENO,
                                           .level = (enum log_level)process->settings.log_level,
                                           .program = "collector",
                                           .recent = remembered };
        if (log_open(&log_options, &process->collector.log, &err) < 0) {
                daemon_complain("collector", err.text);
                return DAEMON_FAILED;
        }
        int rc = start(process, &err);
        if (rc < 0) {
                daemon_complain("collector", err.text);
                log_error(process->collector.log, "server.start_failed", "Collector ends", log_err(&err),
                          log_code(&err));
                stop_workers(process, clock_monotonic_ms()); /* those that run use the settings */
                log_flush(process->collector.log, clock_monotonic_ms() + START_FLUSH_MS);
                bool usage = rc == ERR_INVALID || rc == ERR_CONFLICT || (rc == ERR_NOT_FOUND && !process->watch);
                return usage ? DAEMON_USAGE : DAEMON_FAILED;
        }
        log_started(process);
        int64_t deadline_ms = daemon_run(&process->daemon);
        backing_redis_watch_close(process->watch);
        backing_redis_watch_close(process->previous);
        tokens_close(&process->tokens);
        backing_root_close(process->bindings);
        stop_workers(process, deadline_ms);
        log_info(process->collector.log, "server.stopped", "Collector has stopped");
        process_free(process, deadline_ms);
        return DAEMON_STOPPED;
}

int main(int argc, char **argv)
{
        static struct process process;
        struct err err;
        if (daemon_prepare() < 0)
                return DAEMON_FAILED;
        if (argc > 1 && strcmp(argv[1], "request") == 0)
                return client_main("collector", argc - 2, argv + 2, stdout, stderr);
        process.arguments = (struct config_source){ argc, argv, environ };
        int rc = config_read(&settings_program, &process.arguments, &process.settings, &process.report, &err);
        if (rc == CONFIG_HELP)
                return daemon_printed("collector",
                                      config_help(&settings_program, stdout) < 0 ? DAEMON_FAILED : DAEMON_STOPPED);
        if (rc == CONFIG_VERSION)
                return daemon_printed("collector",
                                      printf("collector %s\n", VERSION) < 0 ? DAEMON_FAILED : DAEMON_STOPPED);
        if (rc < 0) {
                fprintf(stderr, "collector: %s\nTry 'collector --help'.\n", err.text);
                return DAEMON_USAGE;
        }
        if (process.settings.core_dumps)
                daemon_allow_core_dumps();
        int status = process.settings.check
                             ? daemon_printed("collector", check_run(&process.settings, process.report, environ))
                             : run(&process);
        config_report_free(process.report);
        config_free(&settings_program, &process.settings);
        return status;
}
