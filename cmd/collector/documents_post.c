/* documents_post: turns a request into a deposit, and the deposit's outcome into a response. A `struct upload` is one
 * such request, from its acceptance to its response. */
#include "documents_post.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "body.h"
#include "bulk_post.h"
#include "coded_body.h"
#include "deposit.h"
#include "document_key.h"
#include "flag.h"
#include "idempotency.h"
#include "post_head.h"
#include "problems.h"
#include "worker.h"

enum { ABANDONED_AFTER_MS = 1000 }; /* more recent requests are not checked */

#define SPAN(literal) ((struct json_span){ literal, sizeof(literal) - 1 })

struct upload {
        struct deposit deposit;
        struct http_request *request;
        struct worker *worker;
        struct body body;
        bool is_classic, is_put, is_idempotent;
        char correlation[POST_CORRELATION_SIZE]; /* as JSON */
};

static void upload_free(struct upload *upload)
{
        body_fini(&upload->body);
        pool_give(&upload->worker->uploads, upload);
}

/* --- Answers -------------------------------------------------------------------------------------------- */

/* Appends the parts one by one, because printf would make every request noticeably slower. */
static int put_spans(struct buf *out, const struct json_span spans[], size_t count)
{
        size_t length = 0;
        for (size_t i = 0; i < count; i++)
                length += spans[i].length;
        int rc = buf_reserve(out, length);
        for (size_t i = 0; i < count && rc == 0; i++)
                rc = buf_append(out, spans[i].bytes, spans[i].length);
        return rc;
}

static int make_answer(const struct upload *upload, const struct deposit_result *result, struct buf *out)
{
        const struct json_span key = { upload->deposit.key, UUID_TEXT_LENGTH };
        const struct json_span classic[] = { SPAN("{\"result\":\"OK\",\"key\":\""), key, SPAN("\"}") };
        const struct json_span usual[] = {
                SPAN("{\"key\":\""), key,       SPAN("\",\"created\":"), result->created, SPAN(",\"correlationId\":"),
                result->correlation, SPAN("}"),
        };
        buf_init(out, 0);
        return upload->is_classic ? put_spans(out, classic, COUNT_OF(classic)) : put_spans(out, usual, COUNT_OF(usual));
}

static void answer_stored(struct upload *upload, const struct deposit_result *result)
{
        static const char path[] = "/v1/documents/";
        char location[sizeof(path) + UUID_TEXT_SIZE];
        struct http_header headers[2];
        struct buf body;
        size_t count = 0;
        bool is_replayed = result->outcome == DEPOSIT_REPLAYED;
        struct http_answer answer = { .status = 200, .body_kind = HTTP_BODY_TAKE, .headers = headers };
        if (make_answer(upload, result, &body) < 0) {
                buf_fini(&body);
                http_problem_no_memory(upload->request);
                return;
        }
        if (!upload->is_classic && !(upload->is_put && is_replayed)) {
                (void)stpcpy(stpcpy(location, path), upload->deposit.key); /* fits */
                headers[count++] = (struct http_header){ "Location", location };
                answer.status = 201;
        }
        if (upload->is_idempotent && is_replayed)
                headers[count++] = (struct http_header){ "Idempotency-Replayed", "true" };
        answer.header_count = count;
        answer.body = buf_take(&body, &answer.body_length);
        http_respond(upload->request, &answer);
}

static void answer_conflict(const struct upload *upload)
{
        if (upload->is_put)
                http_problem(upload->request, 409, NULL, 0,
                             "the key %s holds another document, and documents are never replaced",
                             upload->deposit.key);
        else
                http_problem(upload->request, 422, NULL, 0, "this Idempotency-Key was used before, with other content");
}

static void on_done(struct deposit *deposit, const struct deposit_result *result)
{
        struct upload *upload = CONTAINER_OF(deposit, struct upload, deposit);
        switch (result->outcome) {
        case DEPOSIT_STORED:
        case DEPOSIT_REPLAYED:
                answer_stored(upload, result);
                break;
        case DEPOSIT_CONFLICT:
                answer_conflict(upload);
                break;
        case DEPOSIT_FAILED:
                problems_of_deposit(upload->request, result->failure, deposit->key, result->err);
                break;
        }
        upload_free(upload);
}

/* --- Requests ------------------------------------------------------------------------------------------- */

static bool is_abandoned(struct deposit *deposit)
{
        const struct upload *upload = CONTAINER_OF(deposit, struct upload, deposit);
        int64_t age_ms = clock_monotonic_ms() - http_request_started_us(upload->request) / 1000;
        return age_ms >= ABANDONED_AFTER_MS && http_request_is_abandoned(upload->request);
}

static struct upload *upload_new(struct http_request *request, struct worker *worker)
{
        struct upload *upload = pool_take(&worker->uploads, sizeof(*upload));
        if (!upload) {
                http_problem_no_memory(request);
                return NULL;
        }
        upload->request = request;
        upload->worker = worker;
        upload->body.form = NULL;
        upload->is_classic = upload->is_put = upload->is_idempotent = false;
        return upload;
}

/* Answers a request that was rejected before anything was sent to Redis. */
static void reject(struct upload *upload)
{
        instruments_count(&upload->worker->instruments, DOCUMENT_REJECTED);
        upload_free(upload);
}

/* `key` may be NULL. */
static void begin_deposit(struct upload *upload, const char *key)
{
        struct json_position where;
        struct err err;
        const struct deposit_options options = {
                .body = upload->body.json,
                .correlation = { upload->correlation, post_head_correlation(upload->request, upload->correlation) },
                .key = key,
                .on_done = on_done,
                .is_abandoned = is_abandoned
        };
        int rc = options.correlation.length == 0
                         ? err_set(&err, ERR_NOMEM, "out of memory")
                         : deposit_begin(&upload->worker->deposits, &upload->deposit, &options, &where, &err);
        if (rc == 0)
                return;
        if (rc == ERR_INVALID)
                body_refuse(upload->request, &where, &err);
        else
                problems_of_deposit(upload->request, STORE_UNAVAILABLE, NULL, &err);
        upload_free(upload);
}

static bool read_body(struct upload *upload)
{
        const struct body_options options = {
                .has_forms = upload->is_classic,
                .form_max_bytes = (size_t)upload->worker->collector->settings->service.body_max_bytes * 4,
        };
        return body_read(upload->request, &options, &upload->body);
}

static void deposit_under_idempotency_key(struct upload *upload, const char *value)
{
        char key[UUID_TEXT_SIZE];
        struct uuid id;
        const char *token = http_request_token(upload->request);
        upload->is_idempotent = true;
        idempotency_uuid(token ? token : "", "POST", http_request_path(upload->request), value, 0, &id);
        begin_deposit(upload, uuid_format(&id, key));
}

static void accept_post(struct http_request *request, struct worker *worker, bool is_classic)
{
        const char *idempotency = http_request_header(request, "Idempotency-Key");
        struct upload *upload = upload_new(request, worker);
        if (!upload)
                return;
        upload->is_classic = is_classic;
        if (!read_body(upload) || (idempotency && !post_head_check_idempotency(request, idempotency)))
                reject(upload);
        else if (idempotency)
                deposit_under_idempotency_key(upload, idempotency);
        else
                begin_deposit(upload, NULL);
}

void documents_post(struct http_request *request, void *worker)
{
        accept_post(request, worker, false);
}

void documents_post_classic(struct http_request *request, void *worker)
{
        accept_post(request, worker, true);
}

void documents_put(struct http_request *request, void *worker)
{
        char key[UUID_TEXT_SIZE];
        if (!document_key(request, http_request_param(request, "key"), key))
                return;
        struct upload *upload = upload_new(request, worker);
        if (!upload)
                return;
        upload->is_put = true;
        if (read_body(upload))
                begin_deposit(upload, key);
        else
                reject(upload);
}

/* --- Heads --------------------------------------------------------------------------------------------- */

/* False: the request would fail with any body, and has been answered. */
static bool check_head(struct http_request *request, const struct coded_body_options *options, const char *idempotency)
{
        return body_judge(request, options->has_forms) &&
               (!idempotency || post_head_check_idempotency(request, idempotency));
}

/* If the body has no coding, the head is checked when the body has arrived, unless the client waits for "100
 * Continue". */
static bool needs_check(struct http_request *request)
{
        return http_request_expects_continue(request) || http_request_header(request, "Content-Encoding");
}

static void read_head(struct http_request *request, struct worker *worker, const struct coded_body_options *options,
                      const char *idempotency)
{
        const struct coding *coding;
        if (!check_head(request, options, idempotency) || !post_head_coding(request, &coding))
                instruments_count(&worker->instruments, DOCUMENT_REJECTED);
        else if (coding)
                coded_body_begin(request, worker, coding, options);
}

/* The parameters of a bulk are also checked for a single document. False: the request has been answered. */
static bool check_query(struct http_request *request)
{
        bool flag;
        return !strchr(http_request_target(request), '?') ||
               (flag_read(request, "strict", &flag) && flag_read(request, "keys", &flag));
}

void documents_at_head_of_post(struct http_request *request, void *worker)
{
        static const struct coded_body_options options = { .handle = documents_post, .has_arrays = true };
        if (!bulk_post_begin(request, worker) && check_query(request) && needs_check(request))
                read_head(request, worker, &options, http_request_header(request, "Idempotency-Key"));
}

void documents_at_head_of_classic(struct http_request *request, void *worker)
{
        static const struct coded_body_options options = { .handle = documents_post_classic, .has_forms = true };
        if (needs_check(request))
                read_head(request, worker, &options, http_request_header(request, "Idempotency-Key"));
}

void documents_at_head_of_put(struct http_request *request, void *worker)
{
        static const struct coded_body_options options = { .handle = documents_put };
        char key[UUID_TEXT_SIZE];
        if (needs_check(request) && document_key(request, http_request_param(request, "key"), key))
                read_head(request, worker, &options, NULL);
}

bool documents_at_body_of_post(struct http_request *request, const char *bytes, size_t length, void *worker)
{
        size_t blank = body_blank(bytes, length);
        if (blank < length && bytes[blank] == '[')
                bulk_post_begin_array(request, worker);
        return blank < length;
}
