/* overview_answer: GET /v1/status as JSON. It never waits for Redis, so it answers even while Redis is unreachable. */
#include <inttypes.h>
#include <string.h>

#include "overview.h"
#include "worker.h"

enum { STATUS_MAX_BYTES = 1 << 20 };

static const char *state_of(const struct worker *worker)
{
        if (redis_is_nowhere(worker->redis))
                return "nowhere";
        if (worker_away_ms(worker) == 0)
                return "ready";
        return atomic_load(&worker->collector->reached) ? "away" : "connecting";
}

static int put_server(struct buf *out, struct overview *overview)
{
        const struct redis_fact server = redis_facts_get(&overview->facts);
        const struct {
                const char *name, *text;
        } rows[] = { { "server", server.address },
                     { "version", server.version },
                     { "role", server.role },
                     { "mode", server.mode } };
        int rc = 0;
        for (size_t i = 0; i < COUNT_OF(rows) && rc == 0; i++) {
                rc = buf_putc(out, ',');
                if (rc == 0)
                        rc = standing_text(out, rows[i].name, rows[i].text);
        }
        return rc;
}

static int put_redis(struct buf *out, const struct worker *worker)
{
        struct overview *overview = worker->collector->overview;
        int rc = buf_printf(out, "\"redis\":{\"state\":\"%s\",\"awayMs\":%" PRId64 ",", state_of(worker),
                            redis_is_nowhere(worker->redis) ? 0 : worker_away_ms(worker));
        if (rc == 0)
                rc = standing_print(&overview->redis, out);
        if (rc == 0)
                rc = put_server(out, overview);
        return rc < 0 ? rc : buf_puts(out, "},");
}

static int put_documents(struct buf *out, struct overview *overview)
{
        static const char *const names[] = { [DOCUMENT_STORED] = "stored",
                                             [DOCUMENT_REPLAYED] = "replayed",
                                             [DOCUMENT_CONFLICT] = "conflict",
                                             [DOCUMENT_REJECTED] = "rejected",
                                             [DOCUMENT_FAILED] = "failed" };
        int rc = buf_puts(out, "\"documents\":{");
        for (size_t i = 0; i < DOCUMENT_RESULTS && rc == 0; i++)
                rc = buf_printf(out, "\"%s\":%.0f,", names[i], overview_documents(overview, (enum document_result)i));
        if (rc == 0)
                rc = buf_puts(out, "\"storedPerSecond\":");
        if (rc == 0)
                rc = history_print(&overview->stored, out);
        return rc < 0 ? rc : buf_puts(out, "},");
}

static int put_waiting(struct buf *out, struct collector *collector)
{
        const struct overview *overview = collector->overview;
        double held = 0, in_flight = 0;
        unsigned count = atomic_load(&overview->worker_count);
        for (unsigned i = 0; i < count; i++) {
                held += metric_get(overview->workers[i].instruments.held);
                in_flight += metric_get(overview->workers[i].instruments.in_flight);
        }
        return buf_printf(out,
                          "\"waiting\":{\"held\":%.0f,\"inFlight\":%.0f,\"bytes\":%zu,\"unacknowledged\":%zu,"
                          "\"connections\":%u},",
                          held, in_flight, atomic_load(&collector->budget.bytes),
                          atomic_load(&collector->unsafe.commands), http_server_connections(collector->server));
}

static int put_limits(struct buf *out, const struct settings *settings)
{
        int rc = standing_text(out, "ack", settings->ack);
        return rc < 0 ? rc
                      : buf_printf(out,
                                   ",\"limits\":{\"bodyMaxBytes\":%" PRId64 ",\"holdTimeMs\":%" PRId64
                                   ",\"heldMax\":%" PRId64 ",\"heldBytesMax\":%" PRId64 ",\"retentionMs\":%" PRId64
                                   ",\"feed\":%s},\"events\":",
                                   settings->service.body_max_bytes, settings->hold_time_ms, settings->held_max,
                                   settings->held_bytes_max, settings->retention_ms, settings->feed ? "true" : "false");
}

static int put_all(struct buf *out, const struct worker *worker)
{
        struct collector *collector = worker->collector;
        int rc = standing_print_program(out, "collector", VERSION, collector->overview->started_ms);
        if (rc == 0)
                rc = put_redis(out, worker);
        if (rc == 0)
                rc = put_documents(out, collector->overview);
        if (rc == 0)
                rc = put_waiting(out, collector);
        if (rc == 0)
                rc = put_limits(out, collector->settings);
        if (rc == 0)
                rc = log_print_recent(collector->log, out);
        return rc < 0 ? rc : buf_putc(out, '}');
}

int overview_print(struct buf *out, void *context)
{
        const struct worker *worker = context;
        int rc = put_all(out, worker);
        redis_facts_ask(&worker->collector->overview->facts, worker->redis); /* last, or INFO would count as waiting */
        return rc;
}

void overview_get(struct http_request *request, void *worker)
{
        struct buf body;
        buf_init(&body, STATUS_MAX_BYTES);
        if (overview_print(&body, worker) < 0) {
                buf_fini(&body);
                http_problem_no_memory(request);
                return;
        }
        struct http_answer answer = { .status = 200, .body_kind = HTTP_BODY_TAKE };
        answer.body = buf_take(&body, &answer.body_length);
        http_respond(request, &answer);
}
