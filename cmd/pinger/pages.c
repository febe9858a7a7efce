/* pages: the report answers every path and method that no other page handles, as in the old program. The other pages
 * have the names and the behaviour of those in podinfo and whoami. This file has only the HTTP part; longer pages get
 * their facts from facts.h or report.h. */
#include "pages.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "base/clock.h"
#include "base/redact.h"
#include "delay.h"
#include "facts.h"
#include "overview_answer.h"
#include "page/page.h"
#include "pinger.h"

enum { METRICS_MAX_BYTES = 4 << 20 };

/* --- The report ----------------------------------------------------------------------------------- */

static void fill_visit(struct worker *worker, struct http_request *request, const struct answer_headers *headers,
                       struct report_visit *visit)
{
        struct uuid random;
        uint16_t port;
        *visit = (struct report_visit){ .now_ms = clock_realtime_ms(),
                                        .correlation_id = http_request_correlation_id(request),
                                        .target = http_request_target(request),
                                        .remote_address = http_request_remote(request, &port),
                                        .headers = headers->fields,
                                        .header_count = headers->count };
        uuid_v4(&worker->uuids, &random);
        memcpy(visit->random, random.bytes, sizeof(visit->random)); /* the version bits are in a later byte */
}

static void on_report(struct http_request *request, void *context)
{
        struct worker *worker = context;
        const struct report_source *source = &worker->pinger->report;
        struct answer_headers headers;
        struct report_visit visit;
        answer_arrived(worker, request);
        enum report_piece piece = report_piece_named(http_request_query(request, "type"));
        if (piece != REPORT_NONE && report_piece_needs_admin(piece) && !source->is_admin) {
                answer_problem(worker, request, 403,
                               "this piece shows internals of the machine: start Pinger with PINGER_ADMIN=true to see "
                               "it");
                return;
        }
        answer_headers_read(request, &headers);
        fill_visit(worker, request, &headers, &visit);
        answer_json(worker, request, 200,
                    piece == REPORT_NONE ? report_full(source, &visit) : report_piece_value(source, &visit, piece));
}

/* --- Probes ---------------------------------------------------------------------------------------- */

static void on_healthz(struct http_request *request, void *context)
{
        answer_arrived(context, request);
        answer_json(context, request, 200, json_pack("{s:s}", "status", "ok"));
}

/* A failing delivery is reported but does not make Pinger unready, since its responses do not depend on it. */
static json_t *delivery_value(struct worker *worker)
{
        static const char *const states[] = { [DELIVERY_NOWHERE] = "Collector's address is not known",
                                              [DELIVERY_WORKING] = "working",
                                              [DELIVERY_RETRYING] = "retrying" };
        struct delivery_status status;
        delivery_get_status(worker->pinger->delivery, &status);
        return json_pack("{s:s, s:o, s:I, s:I, s:I, s:o}", "state", states[status.state], "collector",
                         facts_text(status.collector[0] ? status.collector : NULL), "delivered",
                         (json_int_t)status.delivered, "waiting", (json_int_t)status.waiting, "dropped",
                         (json_int_t)status.dropped, "error", facts_text(status.error[0] ? status.error : NULL));
}

static void on_readyz(struct http_request *request, void *context)
{
        struct worker *worker = context;
        bool draining = atomic_load(&worker->base.service->is_draining);
        answer_arrived(worker, request);
        answer_json(
                worker, request, draining ? 503 : 200,
                json_pack("{s:s, s:o}", "status", draining ? "stopping" : "ready", "delivery", delivery_value(worker)));
}

static void on_version(struct http_request *request, void *context)
{
        struct worker *worker = context;
        answer_arrived(worker, request);
        answer_json(worker, request, 200,
                    json_pack("{s:s, s:s, s:o}", "program", "pinger", "version", VERSION, "APIVersion",
                              facts_text(worker->pinger->report.api_version)));
}

static void on_metrics(struct http_request *request, void *context)
{
        struct worker *worker = context;
        struct buf text;
        size_t length;
        answer_arrived(worker, request);
        buf_init(&text, METRICS_MAX_BYTES);
        if (metrics_print(worker->pinger->metrics, &text) < 0 || metrics_print_process(&text) < 0 ||
            log_print_metrics(worker->pinger->log, &text) < 0) {
                buf_fini(&text);
                answer_problem(worker, request, 500, "out of memory");
                return;
        }
        char *bytes = buf_take(&text, &length);
        answer_with(worker, request,
                    &(struct http_answer){ .status = 200,
                                           .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                           .body = bytes,
                                           .body_length = length,
                                           .body_kind = HTTP_BODY_TAKE });
}

/* --- Looking at requests --------------------------------------------------------------------------- */

/* Adds a value to the array for its name, spelled as in the first field of that name. */
static int add_field(json_t *all, const struct http_header *fields, size_t index)
{
        const char *name = fields[index].name;
        for (size_t i = 0; i < index; i++) {
                if (strcasecmp(fields[i].name, name) == 0) {
                        name = fields[i].name;
                        break;
                }
        }
        json_t *list = json_object_get(all, name);
        if (!list) {
                list = json_array();
                if (json_object_set_new(all, name, list) < 0)
                        return list ? 0 : -1; /* a name that is not UTF-8 is omitted */
        }
        return json_array_append_new(list, facts_field(name, fields[index].value));
}

/* Returns an array of values for each name, as podinfo does. */
static void on_headers(struct http_request *request, void *context)
{
        struct answer_headers headers;
        answer_arrived(context, request);
        answer_headers_read(request, &headers);
        json_t *all = json_object();
        for (size_t i = 0; all && i < headers.count; i++) {
                if (add_field(all, headers.fields, i) < 0) {
                        json_decref(all);
                        all = NULL;
                }
        }
        answer_json(context, request, 200, all);
}

/* Returns the body with its own media type, and tells browsers not to guess another. */
static void on_echo(struct http_request *request, void *context)
{
        static const struct http_header no_guess = { "x-content-type-options", "nosniff" };
        char type[256];
        size_t length;
        answer_arrived(context, request);
        const char *sent = http_request_header(request, "content-type");
        bool fits = sent && strlen(sent) < sizeof(type);
        memcpy(type, fits ? sent : "application/octet-stream", strlen(fits ? sent : "application/octet-stream") + 1);
        char *body = http_request_take_body(request, &length);
        answer_with(context, request,
                    &(struct http_answer){ .status = 200,
                                           .content_type = body ? type : NULL,
                                           .body = body,
                                           .body_length = body ? length : 0,
                                           .body_kind = HTTP_BODY_TAKE,
                                           .headers = &no_guess,
                                           .header_count = 1 });
}

static void on_status(struct http_request *request, void *context)
{
        int64_t status;
        const char *text = http_request_param(request, "code");
        answer_arrived(context, request);
        if (strlen(text) != 3 || !config_parse_int(text, 3, &status))
                status = 0;
        if (status < 200 || status > 599)
                answer_problem(context, request, 400, "expected a status from 200 to 599");
        else if (status == 204 || status == 304) /* without a body (RFC 9110, sections 15.3.5 and 15.4.5) */
                answer_with(context, request, &(struct http_answer){ .status = (int)status });
        else
                answer_json(context, request, (int)status, json_pack("{s:I}", "status", (json_int_t)status));
}

static void on_delay(struct http_request *request, void *context)
{
        struct worker *worker = context;
        int64_t ms, max_ms = worker->pinger->settings->delay_max_ms;
        answer_arrived(worker, request);
        if (!delay_parse(http_request_param(request, "time"), &ms))
                answer_problem(worker, request, 400, "expected a time such as 150ms, 2s or 2 (seconds)");
        else if (ms > max_ms)
                answer_problem(worker, request, 400, "the delay is longer than %g seconds (--delay-max)",
                               (double)max_ms / 1000);
        else
                delay_start(worker, request, ms);
}

/* --- Facts about the pod ---------------------------------------------------------------------------- */

static void on_pod(struct http_request *request, void *context)
{
        struct worker *worker = context;
        const struct pinger *pinger = worker->pinger;
        answer_arrived(worker, request);
        struct servicebinding_set *set = backing_root_bindings(pinger->service->bindings);
        json_t *pod = facts_pod(pinger->report.environment, pinger->settings->podinfo);
        json_t *more = json_pack("{s:o, s:i, s:o, s:o}", "hostname", facts_text(pinger->records.hostname), "workers",
                                 (int)pinger->service->worker_count, "limits", facts_limits(), "bindings",
                                 facts_bindings(set));
        servicebinding_set_unref(set);
        if (!pod || !more || json_object_update(pod, more) < 0) {
                json_decref(pod);
                pod = NULL;
        }
        json_decref(more);
        answer_json(worker, request, 200, pod);
}

/* Every path supports every method, since the report answers every request that no other page handles. */
static void on_options(struct http_request *request, void *context)
{
        static const struct http_header allow = { "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" };
        answer_arrived(context, request);
        answer_with(context, request, &(struct http_answer){ .status = 204, .headers = &allow, .header_count = 1 });
}

/* --- The web page ---------------------------------------------------------------------------- */

static void on_page(struct http_request *request, void *context)
{
        const struct worker *worker = context;
        page_get(request, worker->pinger->page);
}

static void on_page_redirect(struct http_request *request, void *context UNUSED)
{
        page_redirect(request, 308);
}

const struct http_route pages_routes[] = {
        { .method = "GET", .path = "/healthz", .name = "healthz", .handle = on_healthz },
        { .method = "GET", .path = "/readyz", .name = "readyz", .handle = on_readyz },
        { .method = "GET", .path = "/version", .name = "version", .handle = on_version },
        { .method = "GET", .path = "/metrics", .name = "metrics", .handle = on_metrics },
        { .method = "GET", .path = "/headers", .name = "headers", .handle = on_headers },
        { .method = "GET", .path = "/pod", .name = "pod", .handle = on_pod },
        { .method = "GET", .path = "/v1/status", .name = "overview", .handle = overview_get },
        { .method = "GET", .path = "/ui", .name = "page", .handle = on_page_redirect },
        { .method = "GET", .path = "/ui/*", .name = "page", .handle = on_page },
        { .method = "POST", .path = "/echo", .name = "echo", .handle = on_echo, .body = true },
        { .method = "PUT", .path = "/echo", .name = "echo", .handle = on_echo, .body = true },
        { .method = "OPTIONS", .path = "/status/{code}", .name = "options", .handle = on_options },
        { .path = "/status/{code}", .name = "status", .handle = on_status },
        { .method = "OPTIONS", .path = "/delay/{time}", .name = "options", .handle = on_options },
        { .path = "/delay/{time}", .name = "delay", .handle = on_delay },
        { .method = "OPTIONS", .path = "/*", .name = "options", .handle = on_options },
        { .path = "/*", .name = "report", .handle = on_report },
};
const size_t pages_route_count = COUNT_OF(pages_routes);
