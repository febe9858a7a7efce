/* health: the bodies are small and most are constant. */
#include "health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/attr.h"
#include "worker.h"

enum { METRICS_MAX_BYTES = 4 << 20 };

static void answer_json(struct http_request *request, int status, const char *body, int length)
{
        http_respond(request, &(struct http_answer){ .status = status, .body = body, .body_length = (size_t)length });
}

void status_healthz(struct http_request *request, UNUSED void *context)
{
        static const char body[] = "{\"status\":\"ok\"}";
        http_respond(request, &(struct http_answer){ .status = 200,
                                                     .body = body,
                                                     .body_length = sizeof(body) - 1,
                                                     .body_kind = HTTP_BODY_STATIC });
}

void status_readyz(struct http_request *request, void *context)
{
        struct worker *worker = context;
        struct collector *collector = worker->collector;
        const char *why = NULL;
        int64_t away_ms = worker_away_ms(worker);
        bool reached = atomic_load(&collector->reached);
        char body[160];

        if (atomic_load(&collector->draining))
                why = "stopping";
        else if (!reached && redis_state(worker->redis) != REDIS_READY)
                why = redis_is_nowhere(worker->redis) ? "There is no binding yet" : "Redis has not been reached yet";
        else if (away_ms > collector->settings->hold_time_ms)
                why = "Redis has been unreachable for longer than the hold time";
        bool ready =
                !why || (collector->settings->readiness == READINESS_DEGRADED && !atomic_load(&collector->draining));
        const char *status = !why ? "ready" : ready ? "degraded" : "not ready";
        int length =
                why ? snprintf(body, sizeof(body), "{\"status\":\"%s\",\"reason\":\"%s\",\"redisAwayMs\":%" PRId64 "}",
                               status, why, away_ms)
                    : snprintf(body, sizeof(body), "{\"status\":\"%s\"}", status);
        answer_json(request, ready ? 200 : 503, body, length);
}

void status_version(struct http_request *request, UNUSED void *context)
{
        char body[256];
        int length = snprintf(body, sizeof(body), "{\"program\":\"collector\",\"version\":\"%s\",\"libuv\":\"%s\"}",
                              VERSION, uv_version_string());
        answer_json(request, 200, body, length);
}

void status_metrics(struct http_request *request, void *context)
{
        struct worker *worker = context;
        struct buf text;
        worker_update_instruments(worker);
        buf_init(&text, METRICS_MAX_BYTES);
        if (metrics_print(worker->collector->metrics, &text) < 0 || metrics_print_process(&text) < 0 ||
            log_print_metrics(worker->collector->log, &text) < 0) {
                buf_fini(&text);
                http_problem_no_memory(request);
                return;
        }
        size_t length;
        char *body = buf_take(&text, &length);
        http_respond(request, &(struct http_answer){ .status = 200,
                                                     .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                                     .body = body,
                                                     .body_length = length,
                                                     .body_kind = HTTP_BODY_TAKE });
}

void status_index(struct http_request *request, UNUSED void *context)
{
        static const char body[] =
                "{\"program\":\"collector\",\"version\":\"" VERSION "\",\"endpoints\":{"
                "\"POST /\":\"store a JSON object or a form; answers {\\\"result\\\":\\\"OK\\\",\\\"key\\\":...}\","
                "\"GET /?key=\":\"a stored object with its key\","
                "\"POST /v1/documents\":\"store a JSON object; send Idempotency-Key to repeat it safely\","
                "\"PUT /v1/documents\":\"restore an export\","
                "\"GET /v1/documents?limit=&cursor=&since=&until=&order=\":\"documents in the order Redis received them\","
                "\"GET /v1/documents/stream?cursor=&since=&status=\":\"documents as they are stored, as server-sent events\","
                "\"PUT /v1/documents/{key}\":\"store a JSON object under your own UUID\","
                "\"GET /v1/documents/{key}\":\"a document as it was sent\","
                "\"DELETE /v1/documents/{key}\":\"remove a document\","
                "\"GET /ui/\":\"a page for people\","
                "\"GET /v1/status\":\"the Redis in use, recent events, rates, limits\","
                "\"GET /healthz\":\"is the process alive?\",\"GET /readyz\":\"can it store?\","
                "\"GET /version\":\"program and build\",\"GET /metrics\":\"Prometheus metrics\","
                "\"GET /openapi.json\":\"this interface, as OpenAPI 3.1\"}}";
        static const struct http_header vary = { "Vary", "Accept" }; /* browsers are redirected to the page */
        http_respond(request, &(struct http_answer){ .status = 200,
                                                     .body = body,
                                                     .body_length = sizeof(body) - 1,
                                                     .body_kind = HTTP_BODY_STATIC,
                                                     .headers = &vary,
                                                     .header_count = 1 });
}
