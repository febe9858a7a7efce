/* answer: the response's record is made in the server's on_answered, which runs within http_respond, so that responses
 * of the server itself get one too. The callback does not know the media type, so worker->answer holds it in the
 * meantime. If that is NULL, the response is not ours and the request has no record yet. */
#include "answer.h"
#include "pinger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct answer {
        const char *content_type; /* NULL: none */
};

static bool add_header(const char *name, const char *value, void *data)
{
        struct answer_headers *headers = data;
        headers->fields[headers->count++] = (struct http_header){ name, value };
        return headers->count < ANSWER_HEADERS_MAX;
}

void answer_headers_read(const struct http_request *request, struct answer_headers *out)
{
        out->count = 0;
        http_request_each_header(request, add_header, out);
}

static bool is_recorded(const struct worker *worker, const char *route)
{
        static const char *const probes[] = { "healthz", "readyz", "metrics", "overview", "page" };
        for (size_t i = 0; i < COUNT_OF(probes); i++) {
                if (strcmp(route, probes[i]) == 0)
                        return worker->pinger->settings->log_probes;
        }
        return true;
}

/* Hands over the contents of the scratch buffer. A record that could not be made is lost: memory ran out, or a head of
 * 64 KiB consisted only of control characters. */
static void deliver(struct worker *worker, int rc)
{
        if (rc == 0)
                delivery_put(worker->pinger->delivery, worker->scratch.data, worker->scratch.len);
        buf_clear(&worker->scratch, 16 * 1024);
}

static void record_of(struct worker *worker, const struct record_request *request)
{
        deliver(worker, record_request(&worker->pinger->records, clock_realtime_ms(), request, &worker->scratch));
}

void answer_arrived(struct worker *worker, struct http_request *request)
{
        struct answer_headers headers;
        if (!is_recorded(worker, http_request_route(request)))
                return;
        answer_headers_read(request, &headers);
        struct record_request record = { .method = http_request_method(request),
                                         .target = http_request_target(request),
                                         .headers = headers.fields,
                                         .header_count = headers.count };
        record.remote_address = http_request_remote(request, &record.remote_port);
        record_of(worker, &record);
}

void answer_with(struct worker *worker, struct http_request *request, const struct http_answer *answer)
{
        worker->answer = &(struct answer){ answer->content_type  ? answer->content_type
                                           : answer->body_length ? "application/json"
                                                                 : NULL };
        http_respond(request, answer);
        worker->answer = NULL;
}

void answer_json(struct worker *worker, struct http_request *request, int status, json_t *value)
{
        char *text = report_print(value);
        if (!text) {
                answer_problem(worker, request, 500, "out of memory");
                return;
        }
        answer_with(worker, request,
                    &(struct http_answer){
                            .status = status, .body = text, .body_length = strlen(text), .body_kind = HTTP_BODY_TAKE });
}

void answer_problem(struct worker *worker, struct http_request *request, int status, const char *format, ...)
{
        char detail[512];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(detail, sizeof(detail), format, arguments); /* a truncated detail is still useful */
        va_end(arguments);
        worker->answer = &(struct answer){ "application/problem+json" };
        http_problem(request, status, NULL, 0, "%s", detail);
        worker->answer = NULL;
}

void answer_later(struct worker *worker, struct http_request *request, const char *detail)
{
        worker->answer = &(struct answer){ "application/problem+json" };
        http_problem(request, 503, &http_retry_soon, 1, "%s", detail);
        worker->answer = NULL;
}

static void record_response_of(struct worker *worker, const struct http_record *record, const char *content_type)
{
        char length[24];
        struct http_header headers[3] = { { "x-correlation-id", record->correlation_id } };
        size_t count = 1;
        if (content_type)
                headers[count++] = (struct http_header){ "content-type", content_type };
        if (strcmp(record->method, "HEAD") != 0 && record->status != 204 && record->status != 304) {
                (void)snprintf(length, sizeof(length), "%zu", record->response_bytes); /* it fits */
                headers[count++] = (struct http_header){ "content-length", length };
        }
        deliver(worker, record_response(&worker->pinger->records, clock_realtime_ms(), record->status, headers, count,
                                        &worker->scratch));
}

void answer_done(const struct http_record *record, void *context)
{
        struct worker *worker = context;
        if (is_recorded(worker, record->route)) {
                if (!worker->answer) {
                        struct record_request request = { .method = record->method, .target = record->target };
                        request.remote_address = http_request_remote(record->request, &request.remote_port);
                        record_of(worker, &request);
                }
                record_response_of(worker, record,
                                   worker->answer ? worker->answer->content_type : "application/problem+json");
        }
        service_log_answer(worker->base.service, record);
}
