/* Pinger: reports the environment of a web server at run time, and sends its log to Collector.
 *
 * This file wires: settings, log, metrics, the delivery of log records, the binding that is watched, the listener,
 * the workers. The main thread then waits for signals and changes of the binding. Nothing of a request passes
 * through it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "backing/collector.h"
#include "base/clock.h"
#include "check.h"
#include "daemon/daemon.h"
#include "daemon/http_client.h"
#include "pages.h"
#include "post.h"
#include "settings.h"
#include "source.h"
#include "worker.h"

enum { START_FLUSH_MS = 1000 }; /* for the log of a start that failed */

/* Settings that were read again on SIGHUP; the watch points into them. */
struct followed {
        struct settings settings;
        struct config_report *report;
        struct source source;
};

struct process {
        struct config_source arguments;
        struct settings settings;
        struct config_report *report;
        struct source source;
        struct followed *followed; /* owned; NULL until the first SIGHUP */
        struct pinger pinger;
        struct backing_collector_watch *watch;
        struct worker *workers;
        unsigned workers_started;
        struct daemon daemon;
};

/* --- Stopping ------------------------------------------------------------------------------------- */

static void on_stop(void *data)
{
        struct process *process = data;
        atomic_store(&process->pinger.draining, true);
        http_server_drain(process->pinger.server);
}

/* Requests may take what is left of the grace period but for the time to flush; then what waits for Collector has
 * that time, or what is left. */
static void stop_all(struct process *process, int64_t deadline_ms)
{
        const struct settings *settings = &process->settings;
        int64_t flush_ms =
                settings->flush_time_ms < settings->grace_ms / 2 ? settings->flush_time_ms : settings->grace_ms / 2;
        for (unsigned i = 0; i < process->workers_started; i++)
                worker_stop(&process->workers[i], deadline_ms - flush_ms);
        for (unsigned i = 0; i < process->workers_started; i++)
                worker_join(&process->workers[i]);
        int64_t flush_until_ms = clock_monotonic_ms() + settings->flush_time_ms;
        delivery_close(process->pinger.delivery, flush_until_ms < deadline_ms ? flush_until_ms : deadline_ms);
        process->pinger.delivery = NULL;
}

/* --- Reading again -------------------------------------------------------------------------------- */

static void followed_free(struct followed *followed)
{
        if (!followed)
                return;
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
                source_init(&fresh->source, &fresh->settings, fresh->report, environ);
                rc = backing_collector_watch_reload(process->watch, &fresh->source.input, err);
        }
        if (rc < 0) {
                followed_free(fresh);
                return rc;
        }
        log_set_level(process->pinger.log, (enum log_level)fresh->settings.log_level);
        followed_free(process->followed);
        process->followed = fresh;
        return 0;
}

static void on_reload(void *data)
{
        struct process *process = data;
        struct err err;
        if (follow(process, &err) < 0)
                log_error(process->pinger.log, "config.reload_failed", "Keeping the current settings", log_err(&err));
        else
                log_info(process->pinger.log, "config.reloaded",
                         "Log level and Collector take effect now; other settings need a restart");
}

/* --- Collector ------------------------------------------------------------------------------------ */

static void on_collector(struct backing_collector *now, void *data)
{
        struct process *process = data;
        delivery_set_collector(process->pinger.delivery, now);
}

static int open_delivery(struct process *process, struct err *err)
{
        const struct settings *settings = &process->settings;
        struct delivery_options delivery = { .batch_records = (size_t)settings->batch_records,
                                             .batch_ms = settings->batch_time_ms,
                                             .records_max = (size_t)settings->queue_records,
                                             .bytes_max = (size_t)settings->queue_bytes,
                                             .max_age_ms = settings->collector_max_age_ms,
                                             .timeout_ms = settings->delivery_timeout_ms,
                                             .retry_max_ms = settings->retry_max_ms,
                                             .metrics = process->pinger.metrics,
                                             .log = process->pinger.log };
        struct backing_collector_watch_options watch = { .input = process->source.input,
                                                         .metric_names = BACKING_METRICS("pinger"),
                                                         .on_change = on_collector,
                                                         .data = process };
        int rc = post_global_init(err);
        if (rc == 0)
                rc = backing_collector_watch_open(process->pinger.bindings, &watch, &process->watch, err);
        if (rc == 0)
                rc = delivery_open(&delivery, &process->pinger.delivery, err);
        if (rc == 0)
                delivery_set_collector(process->pinger.delivery, backing_collector_watch_get(process->watch));
        return rc;
}

/* --- Starting ------------------------------------------------------------------------------------- */

static int open_server(struct process *process, struct err *err)
{
        const struct settings *settings = &process->settings;
        bool has_address = settings->listen.host[0] != '\0' || settings->listen.port > 0;
        struct http_options options = { .address = settings->listen.host[0] ? settings->listen.host : NULL,
                                        .port = has_address ? settings->listen.port : settings->port,
                                        .routes = pages_routes,
                                        .route_count = pages_route_count,
                                        .workers = process->pinger.worker_count,
                                        .body_max_bytes = (size_t)settings->body_max_bytes,
                                        .transfer_max_bytes = (size_t)settings->transfer_max_bytes,
                                        .header_max_bytes = (size_t)settings->header_max_bytes,
                                        .connections_max = (unsigned)settings->connections_max,
                                        .header_timeout_ms = settings->header_timeout_ms,
                                        .body_timeout_ms = settings->body_timeout_ms,
                                        .idle_timeout_ms = settings->idle_timeout_ms,
                                        .own_correlation_ids = true, /* the classic contract: a new UUID */
                                        .metrics = process->pinger.metrics,
                                        .on_answered = answer_done };
        return http_server_open(&options, &process->pinger.server, err);
}

static void describe(struct process *process)
{
        struct pinger *pinger = &process->pinger;
        const struct settings *settings = &process->settings;
        record_source_init(&pinger->records);
        pinger->report = (struct report_source){ .is_admin = settings->admin,
                                                 .api_version = settings->api_version,
                                                 .environment = environ };
        (void)snprintf(pinger->report.port, sizeof(pinger->report.port), "%u",
                       http_server_port(pinger->server)); /* it fits */
}

static int start_workers(struct process *process, struct err *err)
{
        process->workers = calloc(process->pinger.worker_count, sizeof(*process->workers));
        if (!process->workers)
                return err_set(err, ERR_NOMEM, "workers");
        for (unsigned i = 0; i < process->pinger.worker_count; i++) {
                int rc = worker_start(&process->workers[i], &process->pinger, err);
                if (rc < 0)
                        return rc;
                process->workers_started++;
        }
        return 0;
}

static int open_daemon(struct process *process, struct err *err)
{
        const struct settings *settings = &process->settings;
        const struct daemon_options options = { .log = process->pinger.log,
                                                .drain_delay_ms = settings->drain_delay_ms,
                                                .grace_ms = settings->grace_ms,
                                                .program = "pinger",
                                                .is_forced = true,
                                                .on_stop = on_stop,
                                                .on_reload = on_reload,
                                                .data = process };
        return daemon_init(&process->daemon, &options, err);
}

static int start(struct process *process, struct err *err)
{
        struct pinger *pinger = &process->pinger;
        pinger->settings = &process->settings;
        pinger->worker_count = daemon_workers(process->settings.workers);
        pinger->metrics = metrics_new();
        if (!pinger->metrics)
                return err_set(err, ERR_NOMEM, "metrics");
        source_init(&process->source, &process->settings, process->report, environ);
        int rc = open_daemon(process, err);
        const struct backing_root_options bindings = { .log = pinger->log, .metrics = pinger->metrics };
        if (rc == 0)
                rc = backing_root_open(&process->daemon.loop, &bindings, &pinger->bindings, err);
        if (rc == 0)
                rc = open_delivery(process, err);
        if (rc == 0)
                rc = open_server(process, err);
        if (rc < 0)
                return rc;
        describe(process);
        return start_workers(process, err);
}

static void log_started(const struct process *process)
{
        struct log *log = process->pinger.log;
        const struct backing_collector *collector = backing_collector_watch_get(process->watch);
        const struct backing_report *report = backing_collector_report(collector);
        const char *url = backing_collector_url(collector);
        char message[64];
        uint16_t port = http_server_port(process->pinger.server);
        for (size_t i = 0; i < config_warning_count(process->report); i++)
                log_warn(log, "config.warned", config_warning(process->report, i));
        if (!url)
                log_warn(log, "collector.unknown",
                         "No setting says where Collector is: log records wait for a binding of type collector");
        (void)snprintf(message, sizeof(message), "Pinger listens on port %u", port); /* fits */
        log_info(log, "server.listening", message, log_int("port", port),
                 log_int("workers", process->pinger.worker_count), log_int("pid", getpid()),
                 log_str("version", VERSION), log_str("address", url),
                 log_str("source", backing_source_name(report->source)), log_str("binding", report->binding));
}

/* --- Running -------------------------------------------------------------------------------------- */

static void process_free(struct process *process, int64_t deadline_ms)
{
        backing_collector_watch_close(process->watch);
        backing_root_close(process->pinger.bindings);
        daemon_fini(&process->daemon);
        http_server_close(process->pinger.server);
        metrics_free(process->pinger.metrics);
        log_close(process->pinger.log, deadline_ms);
        post_global_fini();
        free(process->workers);
        followed_free(process->followed);
}

/* The settings are to blame, not the machine. */
static bool is_usage(const struct process *process, int rc)
{
        return rc == ERR_INVALID || rc == ERR_CONFLICT || (rc == ERR_NOT_FOUND && !process->watch);
}

static int run(struct process *process)
{
        struct err err;
        struct log_options log_options = { .fd = STDOUT_FILENO,
                                           .level = (enum log_level)process->settings.log_level,
                                           .program = "pinger" };
        if (log_open(&log_options, &process->pinger.log, &err) < 0) {
                daemon_complain("pinger", err.text);
                return DAEMON_FAILED;
        }
        int rc = start(process, &err);
        if (rc < 0) {
                daemon_complain("pinger", err.text);
                log_error(process->pinger.log, "server.start_failed", "Pinger ends", log_err(&err), log_code(&err));
                log_flush(process->pinger.log, clock_monotonic_ms() + START_FLUSH_MS);
                return is_usage(process, rc) ? DAEMON_USAGE : DAEMON_FAILED;
        }
        log_started(process);
        int64_t deadline_ms = daemon_run(&process->daemon);
        stop_all(process, deadline_ms);
        log_info(process->pinger.log, "server.stopped", "Pinger has stopped");
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
                return client_main("pinger", argc - 2, argv + 2, stdout, stderr);
        process.arguments = (struct config_source){ argc, argv, environ };
        int rc = config_read(&settings_program, &process.arguments, &process.settings, &process.report, &err);
        if (rc == CONFIG_HELP)
                return daemon_printed("pinger",
                                      config_help(&settings_program, stdout) < 0 ? DAEMON_FAILED : DAEMON_STOPPED);
        if (rc == CONFIG_VERSION)
                return daemon_printed("pinger", printf("pinger %s\n", VERSION) < 0 ? DAEMON_FAILED : DAEMON_STOPPED);
        if (rc < 0) {
                fprintf(stderr, "pinger: %s\nTry 'pinger --help'.\n", err.text);
                return DAEMON_USAGE;
        }
        if (process.settings.core_dumps)
                daemon_allow_core_dumps();
        int status = process.settings.check || process.settings.check_delivery
                             ? daemon_printed("pinger", check_run(&process.settings, process.report, environ))
                             : run(&process);
        config_report_free(process.report);
        config_free(&settings_program, &process.settings);
        return status;
}
