/* service: the life of a program, from its arguments to its exit status. */
#include "service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/request_command.h"
#include "service/reading.h"

enum { START_FLUSH_MS = 1000 }; /* for logging a failed start */

const char *const service_access_log_words[] = { "off", "errors", "on", NULL };
const char *const service_log_level_words[] = { "debug", "info", "warn", "error", "off", NULL };

const void *service_settings(const struct service *service)
{
        return service->first.settings;
}

const void *service_inputs(const struct service *service)
{
        return service->first.inputs;
}

void *service_worker_at(const struct service *service, unsigned index)
{
        return service->workers + index * service->program->crew->worker_size;
}

/* --- Signals ----------------------------------------------------------------------------------------------------- */

static void on_stop(void *data)
{
        struct service *service = data;
        atomic_store(&service->is_draining, true);
        http_server_drain(service->server);
        if (service->program->drain)
                service->program->drain(service);
}

static int follow(struct service *service, struct err *err)
{
        const struct service_program *program = service->program;
        struct service_reading fresh;
        int rc = reading_settings(&fresh, program, &service->arguments, err);
        if (rc == CONFIG_READY)
                rc = reading_inputs(&fresh, program, &service->arguments, err);
        if (rc == 0 && program->follow)
                rc = program->follow(service, fresh.inputs, err);
        if (rc < 0) {
                reading_fini(&fresh, program);
                return rc;
        }
        log_set_level(service->log, (enum log_level)reading_common(&fresh, program)->log_level);
        reading_fini(&service->followed, program);
        service->followed = fresh;
        return 0;
}

static void on_reload(void *data)
{
        struct service *service = data;
        struct err err;
        if (follow(service, &err) < 0)
                log_error(service->log, "config.reload_failed", "Keeping the current settings", log_err(&err));
        else
                log_info(service->log, "config.reloaded", service->program->reloaded);
}

/* --- Workers ----------------------------------------------------------------------------------------------------- */

static int start_workers(struct service *service, struct err *err)
{
        const struct service_crew *crew = service->program->crew;
        service->workers = calloc(service->worker_count, crew->worker_size);
        if (!service->workers)
                return err_set(err, ERR_NOMEM, "workers");
        for (unsigned i = 0; i < service->worker_count; i++) {
                int rc = crew->start(service_worker_at(service, i), service, i, err);
                if (rc < 0)
                        return rc;
                service->running++;
        }
        return 0;
}

static void stop_workers(struct service *service, int64_t deadline_ms)
{
        const struct service_crew *crew = service->program->crew;
        for (unsigned i = 0; i < service->running; i++)
                crew->stop(service_worker_at(service, i), deadline_ms);
        for (unsigned i = 0; i < service->running; i++)
                crew->join(service_worker_at(service, i));
        service->running = 0;
}

/* --- Starting ---------------------------------------------------------------------------------------------------- */

static int open_log(struct service *service, struct err *err)
{
        const struct log_options options = { .fd = STDOUT_FILENO,
                                             .level = (enum log_level)service->settings->log_level,
                                             .program = service->program->config->name,
                                             .recent = service->program->recent };
        return log_open(&options, &service->log, err);
}

static int open_daemon(struct service *service, struct err *err)
{
        const struct service_settings *settings = service->settings;
        const struct daemon_options options = { .log = service->log,
                                                .drain_delay_ms = settings->drain_delay_ms,
                                                .grace_ms = settings->grace_ms,
                                                .program = service->program->config->name,
                                                .is_forced = true,
                                                .on_stop = on_stop,
                                                .on_reload = on_reload,
                                                .data = service };
        return daemon_init(&service->daemon, &options, err);
}

static int open_bindings(struct service *service, struct err *err)
{
        const struct backing_root_options options = { .log = service->log, .metrics = service->metrics };
        return backing_root_open(&service->daemon.loop, &options, &service->bindings, err);
}

static int open_server(struct service *service, struct err *err)
{
        const struct service_program *program = service->program;
        const struct service_settings *settings = service->settings;
        bool has_address = settings->listen.host[0] != '\0' || settings->listen.port > 0;
        const struct http_options options = { .address = settings->listen.host[0] ? settings->listen.host : NULL,
                                              .port = has_address ? settings->listen.port : settings->port,
                                              .routes = program->routes,
                                              .route_count = program->route_count,
                                              .workers = service->worker_count,
                                              .body_max_bytes = (size_t)settings->body_max_bytes,
                                              .transfer_max_bytes = (size_t)settings->transfer_max_bytes,
                                              .header_max_bytes = (size_t)settings->header_max_bytes,
                                              .connections_max = (unsigned)settings->connections_max,
                                              .header_timeout_ms = settings->header_timeout_ms,
                                              .body_timeout_ms = settings->body_timeout_ms,
                                              .idle_timeout_ms = settings->idle_timeout_ms,
                                              .own_correlation_ids = program->own_correlation_ids,
                                              .metrics = service->metrics,
                                              .on_answered = program->on_answered };
        return http_server_open(&options, &service->server, err);
}

static int open_program(struct service *service, struct err *err)
{
        int rc = reading_inputs(&service->first, service->program, &service->arguments, err);
        if (rc == 0 && service->program->open)
                rc = service->program->open(service, err);
        service->is_open = rc == 0;
        return rc;
}

static int start(struct service *service, struct err *err)
{
        service->worker_count = daemon_workers(service->settings->workers);
        service->metrics = metrics_new();
        if (!service->metrics)
                return err_set(err, ERR_NOMEM, "metrics");
        int rc = open_daemon(service, err);
        if (rc == 0)
                rc = open_bindings(service, err);
        if (rc == 0)
                rc = open_program(service, err);
        if (rc == 0)
                rc = open_server(service, err);
        if (rc == 0 && service->program->listening)
                rc = service->program->listening(service, err);
        return rc < 0 ? rc : start_workers(service, err);
}

/* Threads that the program started may still run, so what they use is not freed. */
static int fail(struct service *service, int rc, const struct err *err)
{
        char message[64];
        (void)snprintf(message, sizeof(message), "%s ends", service->program->title); /* fits */
        daemon_complain(service->program->config->name, err->text);
        log_error(service->log, "server.start_failed", message, log_err(err), log_code(err));
        stop_workers(service, clock_monotonic_ms());
        log_flush(service->log, clock_monotonic_ms() + START_FLUSH_MS);
        /* If the settings name something that does not exist, the settings are wrong. */
        bool is_usage = rc == ERR_INVALID || rc == ERR_CONFLICT || (rc == ERR_NOT_FOUND && !service->is_open);
        return is_usage ? DAEMON_USAGE : DAEMON_FAILED;
}

static void log_started(const struct service *service)
{
        static const struct backing_report nothing = { .source = BACKING_FROM_NOWHERE };
        const struct service_program *program = service->program;
        const char *address = NULL;
        const struct backing_report *report = program->report ? program->report(service, &address) : &nothing;
        char message[64];
        uint16_t port = http_server_port(service->server);
        for (size_t i = 0; i < config_warning_count(service->first.report); i++)
                log_warn(service->log, "config.warned", config_warning(service->first.report, i));
        (void)snprintf(message, sizeof(message), "%s listens on port %u", program->title, port); /* fits */
        log_info(service->log, "server.listening", message, log_int("port", port),
                 log_int("workers", service->worker_count), log_int("pid", getpid()),
                 log_str("version", program->config->version), log_str("address", address),
                 log_str("source", backing_source_name(report->source)), log_str("binding", report->binding));
}

/* --- Running ----------------------------------------------------------------------------------------------------- */

static void stop(struct service *service, int64_t deadline_ms)
{
        const struct service_program *program = service->program;
        char message[64];
        int64_t half_ms = service->settings->grace_ms / 2;
        int64_t spare_ms = service->spare_ms < half_ms ? service->spare_ms : half_ms;
        if (program->close)
                program->close(service);
        backing_root_close(service->bindings);
        stop_workers(service, deadline_ms - spare_ms);
        if (program->stopped)
                program->stopped(service, deadline_ms);
        (void)snprintf(message, sizeof(message), "%s has stopped", program->title); /* fits */
        log_info(service->log, "server.stopped", message);
        daemon_fini(&service->daemon);
        http_server_close(service->server);
        metrics_free(service->metrics);
        log_close(service->log, deadline_ms);
        free(service->workers);
        reading_fini(&service->followed, program);
}

static int run(struct service *service)
{
        struct err err;
        if (open_log(service, &err) < 0) {
                daemon_complain(service->program->config->name, err.text);
                return DAEMON_FAILED;
        }
        int rc = start(service, &err);
        if (rc < 0)
                return fail(service, rc, &err);
        log_started(service);
        if (service->program->ready)
                service->program->ready(service);
        stop(service, daemon_run(&service->daemon));
        return DAEMON_STOPPED;
}

static int print(const struct config_program *program, bool is_help)
{
        int rc = is_help ? config_help(program, stdout) : printf("%s %s\n", program->name, program->version);
        return daemon_printed(program->name, rc < 0 ? DAEMON_FAILED : DAEMON_STOPPED);
}

static int run_or_check(struct service *service)
{
        const struct service_program *program = service->program;
        const struct service_reading *first = &service->first;
        int status;
        service->settings = reading_common(first, program);
        if (service->settings->core_dumps)
                daemon_allow_core_dumps();
        if (!program->check || !program->check(first->settings, first->report, service->arguments.environment, &status))
                return run(service);
        return daemon_printed(program->config->name, status);
}

int service_main(struct service *service, const struct service_program *program, int argc, char **argv)
{
        struct err err;
        const char *name = program->config->name;
        if (daemon_prepare() < 0)
                return DAEMON_FAILED;
        if (argc > 1 && strcmp(argv[1], "request") == 0)
                return request_command(name, argc - 2, argv + 2, stdout, stderr);
        service->program = program;
        service->arguments = (struct config_source){ argc, argv, environ };
        int status = DAEMON_USAGE;
        int rc = reading_settings(&service->first, program, &service->arguments, &err);
        if (rc == CONFIG_READY)
                status = run_or_check(service);
        else if (rc > 0)
                status = print(program->config, rc == CONFIG_HELP);
        else
                fprintf(stderr, "%s: %s\nTry '%s --help'.\n", name, err.text, name);
        reading_fini(&service->first, program);
        return status;
}
