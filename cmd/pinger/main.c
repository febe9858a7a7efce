/* Pinger: reports the environment of a web server at run time, and sends its log to Collector.
 *
 * This file defines what Pinger adds to a service (pkg/service): its options and routes, the delivery of log records,
 * and the binding of Collector, which it follows. It does not handle requests. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#include "backing/collector.h"
#include "base/clock.h"
#include "check.h"
#include "collector_client.h"
#include "collector_input.h"
#include "page/page.h"
#include "pages.h"
#include "settings.h"
#include "worker.h"

extern const struct page pinger_page; /* made by tools/embed */

/* --- Collector ------------------------------------------------------------------------------------ */

static void use(struct pinger *pinger, struct backed *now)
{
        overview_use(&pinger->overview, backing_collector_of(now));
        delivery_set_collector(pinger->delivery, backing_collector_of(now));
}

static void on_collector(struct backed *now, void *data)
{
        use(data, now);
}

static void on_state(const struct backing_change *change, void *data)
{
        standing_on_change(change, &((struct pinger *)data)->overview.collector);
}

static int open_watch(struct pinger *pinger, struct err *err)
{
        const struct collector_input *input = service_inputs(pinger->service);
        const struct backing_watch_options options = { .input = &input->input,
                                                       .metric_names = BACKING_METRICS("pinger"),
                                                       .on_change = on_collector,
                                                       .on_state = on_state,
                                                       .data = pinger };
        return backing_watch_open(pinger->service->bindings, &backing_collector_kind, &options, &pinger->watch, err);
}

static int open_delivery(struct pinger *pinger, struct err *err)
{
        const struct settings *settings = pinger->settings;
        const struct delivery_options options = { .batch_records = (size_t)settings->batch_records,
                                                  .batch_ms = settings->batch_time_ms,
                                                  .records_max = (size_t)settings->queue_records,
                                                  .bytes_max = (size_t)settings->queue_bytes,
                                                  .max_age_ms = settings->collector_max_age_ms,
                                                  .timeout_ms = settings->delivery_timeout_ms,
                                                  .retry_max_ms = settings->retry_max_ms,
                                                  .metrics = pinger->metrics,
                                                  .log = pinger->log };
        return delivery_open(&options, &pinger->delivery, err);
}

/* --- The steps of a service ----------------------------------------------------------------------- */

static int init_input(void *inputs, const void *settings, const struct config_report *report, char *const *environment,
                      struct err *err UNUSED)
{
        collector_input_init(inputs, settings, report, environment);
        return 0;
}

static int open_pinger(struct service *service, struct err *err)
{
        struct pinger *pinger = service->data;
        pinger->service = service;
        pinger->settings = service_settings(service);
        pinger->log = service->log;
        pinger->metrics = service->metrics;
        pinger->page = &pinger_page;
        overview_init(&pinger->overview);
        service->spare_ms = pinger->settings->flush_time_ms;
        int rc = collector_client_global_init(err);
        if (rc == 0)
                rc = open_watch(pinger, err);
        if (rc == 0)
                rc = open_delivery(pinger, err);
        if (rc < 0)
                return rc;
        use(pinger, backing_watch_get(pinger->watch));
        overview_start(&pinger->overview, &service->daemon.loop, pinger->delivery);
        return 0;
}

static int describe(struct service *service, struct err *err UNUSED)
{
        struct pinger *pinger = service->data;
        const struct settings *settings = pinger->settings;
        record_source_init(&pinger->records);
        pinger->report = (struct report_source){ .is_admin = settings->admin,
                                                 .api_version = settings->api_version,
                                                 .environment = environ };
        (void)snprintf(pinger->report.port, sizeof(pinger->report.port), "%u",
                       http_server_port(service->server)); /* it fits */
        return 0;
}

static int follow(struct service *service, const void *inputs, struct err *err)
{
        const struct collector_input *input = inputs;
        const struct pinger *pinger = service->data;
        return backing_watch_reload(pinger->watch, &input->input, err);
}

static const struct backing_report *report(const struct service *service, const char **address)
{
        const struct pinger *pinger = service->data;
        const struct backing_collector *collector = backing_collector_of(backing_watch_get(pinger->watch));
        *address = backing_collector_url(collector);
        if (!*address)
                log_warn(service->log, "collector.unknown",
                         "No setting says where Collector is: log records wait for a binding of type collector");
        return backing_collector_report(collector);
}

/* The workers have ended and produce no more records. Waiting records may still be sent, within the delivery's time or
 * what is left of the grace period. */
static void flush(struct service *service, int64_t deadline_ms)
{
        struct pinger *pinger = service->data;
        int64_t flush_until_ms = clock_monotonic_ms() + pinger->settings->flush_time_ms;
        delivery_close(pinger->delivery, flush_until_ms < deadline_ms ? flush_until_ms : deadline_ms);
        pinger->delivery = NULL;
        overview_fini(&pinger->overview);
        collector_client_global_fini();
}

static void close_watch(struct service *service)
{
        struct pinger *pinger = service->data;
        overview_stop(&pinger->overview);
        backing_watch_close(pinger->watch);
}

static bool check(const void *data, const struct config_report *origins, char *const *environment, int *status)
{
        const struct settings *settings = data;
        if (!settings->check && !settings->check_delivery)
                return false;
        *status = check_run(settings, origins, environment);
        return true;
}

/* The events that /v1/status shows. */
static const char *const remembered[] = { "binding.", "delivery.", "queue.",  "collector.",
                                          "batch.",   "config.",   "server.", NULL };

int main(int argc, char **argv)
{
        const struct service_program program = {
                .config = &settings_program,
                .settings_size = sizeof(struct settings),
                .settings_at = offsetof(struct settings, service),
                .title = "Pinger",
                .reloaded = "Log level and Collector take effect now; other settings need a restart",
                .recent = remembered,
                .routes = pages_routes,
                .route_count = pages_route_count,
                .own_correlation_ids = true, /* the classic contract: a new UUID */
                .on_answered = answer_done,
                .inputs = { .size = sizeof(struct collector_input), .init = init_input },
                .crew = &pinger_crew,
                .open = open_pinger,
                .listening = describe,
                .follow = follow,
                .close = close_watch,
                .stopped = flush,
                .report = report,
                .check = check,
        };
        static struct pinger pinger;
        static struct service service = { .data = &pinger };
        return service_main(&service, &program, argc, argv);
}
