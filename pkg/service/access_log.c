/* access_log: one line per request, as --access-log requests. */
#include "service/service.h"

#include <string.h>

#include "base/redact.h"

static bool is_wanted(const struct service *service, const struct http_record *record)
{
        switch (service->settings->access_log) {
        case ACCESS_LOG_OFF:
                return false;
        case ACCESS_LOG_ERRORS:
                return (record->status >= 500 && strcmp(record->route, "readyz") != 0) || record->is_broken;
        default:
                return true;
        }
}

void service_log_answer(const struct service *service, const struct http_record *record)
{
        struct buf shown;
        if (!is_wanted(service, record))
                return;
        buf_init(&shown, 0);
        const char *path = redact_shown_target(&shown, record->target), *id = record->correlation_id;
        bool is_warning = record->status >= 500 || record->is_broken;
        LOG_LINE(service->log, is_warning ? LOG_WARN : LOG_INFO, "request.answered", "request",
                 log_str("method", record->method), log_str("path", path), log_str("route", record->route),
                 log_int("status", record->status), log_int("duration_ms", record->duration_us / 1000),
                 log_int("bytes", (int64_t)record->request_bytes),
                 log_int(record->count >= 0 ? "count" : NULL, record->count),
                 log_str(record->is_broken ? "answer" : NULL, "broken off"),
                 log_str("address", http_request_remote(record->request, NULL)),
                 log_str("client", http_request_token(record->request)),
                 log_str("correlation_id", redact_known_form(id) ? REDACTED : id));
        buf_fini(&shown);
}
