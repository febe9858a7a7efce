/* bulk_post: gives the pieces of a request's body to a bulk, pauses the client while the bulk is full, and answers with
 * its result. A compressed body is decoded in between (inflow.h). An answer before the end of the body is sent in one
 * write, so it has to be short: it omits the keys and may omit some of the errors. */
#include "bulk_post.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "body.h"
#include "bulk.h"
#include "coding.h"
#include "flag.h"
#include "idempotency.h"
#include "inflow.h"
#include "post_head.h"
#include "restore_line.h"
#include "worker.h"

enum {
        EARLY_BYTES = 12 << 10, /* an answer before the end of the body */
        DRAIN_MS = 2000,        /* a body that ends within this time is stored even if the server is draining */
};

struct bulk_upload {
        struct bulk bulk;
        struct http_request *request;
        struct worker *worker;
        struct inflow *inflow; /* decodes the body; NULL: it needs no decoding */
        bool is_strict, is_whole, is_gone;
        char idempotency[IDEMPOTENCY_KEY_MAX + 1]; /* "": the keys are new */
        char correlation[POST_CORRELATION_SIZE];   /* as JSON */
};

static struct bulk_upload *upload_of(struct bulk *bulk)
{
        return CONTAINER_OF(bulk, struct bulk_upload, bulk);
}

static void upload_free(struct bulk_upload *upload)
{
        inflow_free(upload->inflow);
        bulk_fini(&upload->bulk);
        free(upload);
}

/* --- The answer --------------------------------------------------------------------------------------------------- */

static int wrap(const struct buf *members, struct buf *out)
{
        buf_init(out, 0);
        int rc = buf_reserve(out, members->len + 2);
        if (rc == 0)
                rc = buf_putc(out, '{');
        if (rc == 0)
                rc = buf_append(out, members->data, members->len);
        return rc < 0 ? rc : buf_putc(out, '}');
}

static void answer_stored(struct bulk_upload *upload, const struct buf *members)
{
        static const struct http_header replayed = { "Idempotency-Replayed", "true" };
        bool is_replay = upload->idempotency[0] && bulk_result_is_replay(&upload->bulk.result);
        struct http_answer answer = {
                .status = 200, .body_kind = HTTP_BODY_TAKE, .headers = &replayed, .header_count = is_replay
        };
        struct buf body;
        if (wrap(members, &body) < 0) {
                buf_fini(&body);
                http_problem_no_memory(upload->request);
                return;
        }
        answer.body = buf_take(&body, &answer.body_length);
        http_respond(upload->request, &answer);
}

static void answer_problem(struct bulk_upload *upload, int status, const struct buf *members)
{
        const struct bulk_result *result = &upload->bulk.result;
        size_t headers = status == 503 || status == 507;
        if (result->ended)
                http_problem_with(upload->request, status, members->data, &http_retry_soon, headers, "%s",
                                  result->detail);
        else if (result->stored == 0)
                http_problem_with(upload->request, status, members->data, NULL, 0, "every line is invalid");
        else
                http_problem_with(upload->request, status, members->data, NULL, 0,
                                  "%" PRIu64 " of %" PRIu64 " documents failed; the others are stored", result->failed,
                                  result->failed + result->stored);
}

static void answer(struct bulk_upload *upload)
{
        struct buf members;
        int status = bulk_result_status(&upload->bulk.result, upload->is_strict);
        buf_init(&members, 0);
        if (upload->is_gone) /* the client cannot read it, but it appears in the access log */
                http_problem(upload->request, 400, NULL, 0, "the body ended early");
        else if (bulk_result_print(&upload->bulk.result, upload->is_whole ? SIZE_MAX : EARLY_BYTES, &members) < 0)
                http_problem_no_memory(upload->request);
        else if (status == 200)
                answer_stored(upload, &members);
        else
                answer_problem(upload, status, &members);
        buf_fini(&members);
}

static void on_over(struct bulk *bulk)
{
        struct bulk_upload *upload = upload_of(bulk);
        uint64_t documents = bulk->result.stored + bulk->result.failed;
        metric_add(upload->worker->instruments.bulk_documents, (int64_t)documents);
        http_request_set_count(upload->request, documents);
        answer(upload);
        upload_free(upload);
}

/* --- The body ----------------------------------------------------------------------------------------------------- */

static void on_room(struct bulk *bulk)
{
        struct bulk_upload *upload = upload_of(bulk);
        if (upload->inflow)
                inflow_go_on(upload->inflow);
        else
                http_request_resume(upload->request);
}

static bool reserve(struct bulk *bulk, size_t bytes)
{
        return http_request_reserve(upload_of(bulk)->request, bytes);
}

static bool is_abandoned(struct bulk *bulk)
{
        return upload_of(bulk)->is_gone;
}

static int read_document(struct bulk *bulk, const struct json_item *line, struct deposit_options *options, char *key,
                         struct err *err UNUSED)
{
        const struct bulk_upload *upload = upload_of(bulk);
        const char *token = http_request_token(upload->request);
        struct uuid id;
        if (!upload->idempotency[0])
                return 0;
        idempotency_uuid(token ? token : "", "POST", http_request_path(upload->request), upload->idempotency,
                         line->number, &id);
        options->key = uuid_format(&id, key);
        return 0;
}

static int read_line_of_export(struct bulk *bulk UNUSED, const struct json_item *line, struct deposit_options *options,
                               char *key, struct err *err)
{
        int rc = restore_line_read(line->text, key, &options->body, err);
        options->key = key;
        options->is_verbatim = true;
        return rc == RESTORE_SKIP ? BULK_SKIP : rc;
}

/* --- A compressed body -------------------------------------------------------------------------------------------- */

static bool on_decoded(const char *bytes, size_t length, void *data)
{
        return bulk_take(&((struct bulk_upload *)data)->bulk, bytes, length);
}

static void on_decoded_end(void *data)
{
        bulk_end(&((struct bulk_upload *)data)->bulk);
}

static void on_ready(void *data)
{
        http_request_resume(((struct bulk_upload *)data)->request);
}

static void on_damage(const struct err *err, void *data)
{
        bulk_stop(&((struct bulk_upload *)data)->bulk, err->code == ERR_INVALID ? 400 : 503, "%s", err->text);
}

static struct inflow_options receiver(struct bulk_upload *upload)
{
        return (struct inflow_options){ .data = upload,
                                        .on_piece = on_decoded,
                                        .on_ready = on_ready,
                                        .on_end = on_decoded_end,
                                        .on_failed = on_damage };
}

/* False: out of memory. */
static bool open_inflow(struct bulk_upload *upload, const struct coding *coding)
{
        const struct inflow_options options = receiver(upload);
        return http_request_reserve(upload->request, INFLOW_BYTES) &&
               inflow_new(&upload->worker->bulks.inflows, coding, &options, &upload->inflow, NULL) == 0;
}

/* --- Pieces ------------------------------------------------------------------------------------------------------- */

static void on_piece(struct http_request *request, const char *bytes, size_t length, void *data)
{
        struct bulk_upload *upload = data;
        metric_add(upload->worker->instruments.bulk_bytes, (int64_t)length);
        http_request_pause(request); /* the request may be answered during the call */
        if (upload->inflow)
                inflow_take(upload->inflow, bytes, length);
        else if (bulk_take(&upload->bulk, bytes, length))
                http_request_resume(request);
}

static void on_end(struct http_request *request UNUSED, void *data)
{
        struct bulk_upload *upload = data;
        upload->is_whole = true;
        if (upload->inflow)
                inflow_end(upload->inflow);
        else
                bulk_end(&upload->bulk);
}

static void on_gone(struct http_request *request UNUSED, void *data)
{
        struct bulk_upload *upload = data;
        upload->is_gone = true;
        bulk_stop(&upload->bulk, 400, "the body ended early");
}

static void on_drain(struct http_request *request UNUSED, void *data)
{
        struct bulk_upload *upload = data;
        bulk_stop_at(&upload->bulk, clock_monotonic_ms() + DRAIN_MS);
}

static const struct http_stream_ops upload_ops = {
        .on_piece = on_piece, .on_end = on_end, .on_gone = on_gone, .on_drain = on_drain
};

/* --- The head ----------------------------------------------------------------------------------------------------- */

/* False: the request has been answered. */
static bool check_length(struct http_request *request, uint64_t max)
{
        const char *text = http_request_header(request, "Content-Length");
        uint64_t length;
        if (!text || max == 0)
                return true;
        if (decimal_parse(text, strlen(text), max, &length) == 0)
                return true;
        http_problem(request, 413, NULL, 0, "the body is larger than %" PRIu64 " bytes, the limit of --bulk-max", max);
        return false;
}

/* False: the request has been answered. */
static bool read_coding(struct http_request *request, struct bulk_upload *upload, uint64_t bytes_max)
{
        const struct coding *coding;
        if (upload->inflow) /* from an earlier receiver */
                return true;
        if (!post_head_coding(request, &coding))
                return false;
        if (!coding)
                return check_length(request, bytes_max);
        if (open_inflow(upload, coding))
                return true;
        http_problem_no_memory(request);
        return false;
}

/* False: the request has been answered. */
static bool read_head(struct http_request *request, struct bulk_upload *upload, struct bulk_options *options)
{
        const char *idempotency = http_request_header(request, "Idempotency-Key");
        if (!body_judge_many(request) || !flag_read(request, "strict", &upload->is_strict) ||
            !flag_read(request, "keys", &options->has_keys) ||
            (idempotency && !post_head_check_idempotency(request, idempotency)) ||
            !read_coding(request, upload, options->bytes_max))
                return false;
        if (idempotency)
                (void)stpcpy(upload->idempotency, idempotency); /* fits, as checked before */
        options->correlation =
                (struct json_span){ upload->correlation, post_head_correlation(request, upload->correlation) };
        if (options->correlation.length > 0)
                return true;
        http_problem_no_memory(request);
        return false;
}

/* `inflow` already decodes the body, or is NULL; it is taken. Returns NULL if the request has been answered. */
static struct bulk_upload *begin(struct http_request *request, struct worker *worker, struct bulk_options options,
                                 struct inflow *inflow)
{
        const struct settings *settings = worker->collector->settings;
        options.line_max_bytes += (size_t)settings->service.body_max_bytes;
        options.bytes_max = (uint64_t)settings->bulk_max_bytes;
        options.reserve = reserve;
        options.is_abandoned = is_abandoned;
        options.on_room = on_room;
        options.on_over = on_over;
        struct bulk_upload *upload = calloc(1, sizeof(*upload));
        if (!upload) {
                inflow_free(inflow);
                http_problem_no_memory(request);
                return NULL;
        }
        upload->request = request;
        upload->worker = worker;
        upload->inflow = inflow;
        if (!read_head(request, upload, &options) || http_request_stream(request, &upload_ops, upload) != 0) {
                inflow_free(upload->inflow);
                free(upload);
                return NULL;
        }
        metric_add(worker->instruments.bulk_requests, 1);
        bulk_begin(&worker->bulks, &upload->bulk, &options);
        return upload;
}

static const struct bulk_options of_array = { .kind = JSON_SPLIT_ARRAY, .read_document = read_document };

bool bulk_post_begin(struct http_request *request, struct worker *worker)
{
        if (!body_is_lines(http_request_header(request, "Content-Type")))
                return false;
        (void)begin(request, worker, (struct bulk_options){ .kind = JSON_SPLIT_LINES, .read_document = read_document },
                    NULL);
        return true;
}

void bulk_post_begin_array(struct http_request *request, struct worker *worker)
{
        if (body_is_json(http_request_header(request, "Content-Type")))
                (void)begin(request, worker, of_array, NULL);
}

bool bulk_post_take_over(struct http_request *request, struct worker *worker, const struct bulk_post_array *array)
{
        struct bulk_upload *upload = begin(request, worker, of_array, array->inflow);
        if (!upload)
                return false;
        const struct inflow_options options = receiver(upload);
        inflow_pass_on(upload->inflow, &options);
        upload->is_whole = array->is_whole;
        metric_add(worker->instruments.bulk_bytes, (int64_t)array->received);
        return bulk_take(&upload->bulk, array->bytes, array->length);
}

void bulk_put_at_head(struct http_request *request, void *worker)
{
        const char *type = http_request_header(request, "Content-Type");
        if (body_is_lines(type))
                (void)begin(request, worker,
                            (struct bulk_options){ .kind = JSON_SPLIT_LINES,
                                                   .line_max_bytes = RESTORE_LINE_EXTRA,
                                                   .read_document = read_line_of_export },
                            NULL);
        else
                http_problem(request, 415, NULL, 0,
                             "an export to restore must be sent as application/x-ndjson, not %s%.100s",
                             type ? "as " : "without a type", type ? type : "");
}

void bulk_put(struct http_request *request, void *worker UNUSED)
{
        http_problem_no_memory(request);
}
