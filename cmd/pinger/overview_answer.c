/* overview_answer: GET /v1/status as JSON. It produces no log record, because the page polls it every second and would
 * flood the log. */
#include "overview_answer.h"

#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "pinger.h"

enum { STATUS_MAX_BYTES = 1 << 20 };

static int put_delivery(struct buf *out, const struct worker *worker)
{
        static const char *const states[] = {
                [DELIVERY_NOWHERE] = "nowhere", [DELIVERY_WORKING] = "working", [DELIVERY_RETRYING] = "retrying"
        };
        struct delivery_status status;
        delivery_get_status(worker->pinger->delivery, &status);
        int rc = buf_printf(out,
                            "},\"delivery\":{\"state\":\"%s\",\"delivered\":%" PRIu64
                            ",\"waiting\":%zu,\"dropped\":%" PRIu64 ",\"waitingMax\":%" PRId64 ",",
                            states[status.state], status.delivered, status.waiting, status.dropped,
                            worker->pinger->settings->queue_records);
        if (rc == 0)
                rc = standing_text(out, "error", status.error);
        return rc < 0 ? rc : buf_puts(out, ",\"deliveredPerSecond\":");
}

static int put_all(struct buf *out, const struct worker *worker)
{
        struct overview *overview = &worker->pinger->overview;
        int rc = standing_print_program(out, "pinger", VERSION, overview->started_ms);
        if (rc == 0)
                rc = buf_puts(out, "\"collector\":{");
        if (rc == 0)
                rc = standing_print(&overview->collector, out);
        if (rc == 0)
                rc = put_delivery(out, worker);
        if (rc == 0)
                rc = history_print(&overview->delivered, out);
        if (rc == 0)
                rc = buf_puts(out, ",\"droppedPerSecond\":");
        if (rc == 0)
                rc = history_print(&overview->dropped, out);
        if (rc == 0)
                rc = buf_puts(out, "},\"events\":");
        if (rc == 0)
                rc = log_print_recent(worker->pinger->log, out);
        return rc < 0 ? rc : buf_putc(out, '}');
}

void overview_get(struct http_request *request, void *context)
{
        struct worker *worker = context;
        struct buf body;
        buf_init(&body, STATUS_MAX_BYTES);
        if (put_all(&body, worker) < 0) {
                buf_fini(&body);
                answer_problem(worker, request, 503, "not enough memory for the status");
                return;
        }
        struct http_answer answer = { .status = 200, .body_kind = HTTP_BODY_TAKE };
        answer.body = buf_take(&body, &answer.body_length);
        answer_with(worker, request, &answer);
}
