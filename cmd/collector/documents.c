/* documents: one document at a time: POST, PUT, GET, HEAD, DELETE, and the classic `POST /` and `GET /?key=`.
 *
 * A POST goes: media type; check (pkg/json); the two members are spliced in; store_write; the answer when Redis
 * has answered. `struct post` is one such request from its acceptance to its answer.
 *
 * A key of the sender's own (PUT) or made from an Idempotency-Key may be there already. Then the stored document
 * is read, ours is built once more with its `created` and `correlationId`, and the two are compared as bytes: the
 * same is a repeat, other content a conflict. Nothing is ever replaced. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "idempotency.h"
#include "problems.h"
#include "json/json.h"

enum {
        SCRATCH_KEEP_BYTES = 64 * 1024,
        SPARE_POSTS_MAX = 256,
        CORRELATION_SIZE = 2 * 128 + 3, /* a header of 128 characters, each escaped, in quotes */
        NEW_TRIES_MAX = 3,              /* a key that is found and then gone, again and again   */
        WATCH_CREATED = 0,
        WATCH_CORRELATION = 1,
};

#define SPAN(literal) ((struct json_span){ literal, sizeof(literal) - 1 })

static const struct json_options watch_added = { .watch = { "created", "correlationId" } };
static const struct json_options watch_key = { .watch = { "key" } };

enum post_kind { POST_PLAIN, POST_IDEMPOTENT, POST_PUT };
enum post_stage { POST_WRITING, POST_COMPARING, POST_ANNOUNCING }; /* which of the union is in use */

struct post {
        struct post *next, **previous; /* in worker->posts */
        struct worker *worker;
        struct http_request *request;
        enum post_kind kind;
        enum post_stage stage;
        bool classic;
        bool is_elsewhere; /* it is in the previous Redis, whose feed it is in */
        bool in_doubt;     /* what stands under the key may be by this very request */
        unsigned tries;
        int64_t accepted_ms;                /* Unix time; the member `created` where the body has none */
        int64_t started_ms;                 /* monotonic */
        struct json_object object;          /* in the request's body or in `form` */
        char *form;                         /* owned: the JSON that a form was turned into; NULL */
        char correlation[CORRELATION_SIZE]; /* as JSON */
        char key[UUID_TEXT_SIZE];
        char *sent; /* owned: the document as we sent it, where the key may be taken; NULL */
        size_t sent_length;
        struct buf answer; /* made before the feed is looked at */
        int status;
        bool replayed;
        union {
                struct store_write write;
                struct store_read read;
                struct store_announce announce;
        };
};

/* --- The end of a post ---------------------------------------------------------------------------------- */

static void post_free(struct post *post)
{
        *post->previous = post->next;
        if (post->next)
                post->next->previous = post->previous;
        buf_fini(&post->answer);
        free(post->form);
        free(post->sent);
        if (post->worker->spare_count == SPARE_POSTS_MAX) {
                free(post);
                return;
        }
        post->next = post->worker->spare;
        post->worker->spare = post;
        post->worker->spare_count++;
}

void documents_free_spare(struct worker *worker)
{
        while (worker->spare) {
                struct post *post = worker->spare;
                worker->spare = post->next;
                free(post);
        }
        worker->spare_count = 0;
}

static void post_fail(struct post *post, enum store_outcome outcome, const struct err *err)
{
        instruments_count(&post->worker->instruments, DOCUMENT_FAILED);
        if (outcome == STORE_UNSAFE || outcome == STORE_UNLISTED)
                problems_of_stored(post->request, outcome, post->key, err);
        else
                problems_of_store(post->request, outcome, "the document is not acknowledged", err);
        post_free(post);
}

static void post_fail_memory(struct post *post)
{
        struct err err;
        (void)err_set(&err, ERR_NOMEM, "out of memory");
        post_fail(post, STORE_UNAVAILABLE, &err);
}

/* Appends them one after the other. Every request comes by here, where printf would be seen in its price. */
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

/* `created` and `correlation` are JSON. */
static int make_answer(struct post *post, struct json_span created, struct json_span correlation)
{
        const struct json_span key = { post->key, UUID_TEXT_LENGTH };
        const struct json_span classic[] = { SPAN("{\"result\":\"OK\",\"key\":\""), key, SPAN("\"}") };
        const struct json_span usual[] = {
                SPAN("{\"key\":\""), key,       SPAN("\",\"created\":"), created, SPAN(",\"correlationId\":"),
                correlation,         SPAN("}"),
        };
        buf_init(&post->answer, 0);
        return post->classic ? put_spans(&post->answer, classic, COUNT_OF(classic))
                             : put_spans(&post->answer, usual, COUNT_OF(usual));
}

static void send_answer(struct post *post)
{
        char location[sizeof("/v1/documents/") + UUID_TEXT_SIZE] = "/v1/documents/";
        struct http_header headers[2];
        size_t count = 0;
        if (!post->classic && post->status == 201) {
                memcpy(location + sizeof("/v1/documents/") - 1, post->key, UUID_TEXT_SIZE);
                headers[count++] = (struct http_header){ "Location", location };
        }
        if (post->replayed && post->kind == POST_IDEMPOTENT)
                headers[count++] = (struct http_header){ "Idempotency-Replayed", "true" };
        instruments_count(&post->worker->instruments, post->replayed ? DOCUMENT_REPLAYED : DOCUMENT_STORED);
        struct http_answer answer = {
                .status = post->status, .body_kind = HTTP_BODY_TAKE, .headers = headers, .header_count = count
        };
        answer.body = buf_take(&post->answer, &answer.body_length);
        http_respond(post->request, &answer);
        post_free(post);
}

static void answer_created(struct post *post)
{
        char now[DECIMAL_MAX];
        struct json_span created = post->object.watched[WATCH_CREATED].value;
        if (post->object.watched[WATCH_CREATED].count == 0)
                created = (struct json_span){ now, (size_t)(decimal_put(now, (uint64_t)post->accepted_ms) - now) };
        post->status = post->classic ? 200 : 201;
        if (make_answer(post, created, (struct json_span){ post->correlation, strlen(post->correlation) }) < 0)
                post_fail_memory(post);
        else
                send_answer(post);
}

/* --- A key that is taken ---------------------------------------------------------------------------------- */

static void on_stored(struct store_write *write, enum store_outcome outcome, const struct err *err);

static void write_new(struct post *post)
{
        post->stage = POST_WRITING;
        post->write.on_done = on_stored;
        store_write(&post->worker->store, &post->write, STORE_NEW, post->key, post->sent, post->sent_length);
}

/* The document is not where it was found any more, or another Redis is bound. */
static void write_once_more(struct post *post)
{
        struct err err;
        if (++post->tries < NEW_TRIES_MAX) {
                write_new(post);
                return;
        }
        (void)err_set(&err, ERR_UNAVAILABLE, "the document under this key comes and goes");
        post_fail(post, STORE_UNAVAILABLE, &err);
}

static void on_announced(struct store_announce *announce, enum store_outcome outcome, const struct err *err)
{
        struct post *post = CONTAINER_OF(announce, struct post, announce);
        if (outcome == STORE_MOVED) {
                buf_fini(&post->answer);
                buf_init(&post->answer, 0);
                write_once_more(post);
                return;
        }
        if (outcome == STORE_DONE)
                send_answer(post);
        else
                post_fail(post, outcome, err);
}

/* A number of Unix milliseconds that is past; else -1. */
static int64_t past_ms(struct json_span number)
{
        uint64_t ms = 0;
        if (number.length == 0 || number.length > 15)
                return -1;
        for (size_t i = 0; i < number.length; i++) {
                if (number.bytes[i] < '0' || number.bytes[i] > '9')
                        return -1;
                ms = ms * 10 + (uint64_t)(number.bytes[i] - '0');
        }
        return (int64_t)ms <= clock_realtime_ms() ? (int64_t)ms : -1;
}

/* The time in a UUID of version 7, if that is past; else -1. */
static int64_t past_uuid_ms(const char *text, size_t length)
{
        struct uuid id;
        int64_t ms = uuid_parse(text, length, &id) ? uuid_v7_ms(&id) : -1;
        return ms <= clock_realtime_ms() ? ms : -1;
}

/* When the stored document was first seen, as far as it tells: by `created` or by the correlation id, where that one is
 * by us. Either may be the sender's, and then speaks of an earlier time, as does the key of a PUT: the latest is
 * right, or the best guess. Without any, now: the repeat most often follows soon. */
static int64_t stored_at(const struct post *post, const struct json_object *stored)
{
        struct json_span correlation = stored->watched[WATCH_CORRELATION].value;
        const int64_t guesses[] = {
                past_ms(stored->watched[WATCH_CREATED].value),
                correlation.length > 2 ? past_uuid_ms(correlation.bytes + 1, correlation.length - 2) : -1,
                past_uuid_ms(post->key, UUID_TEXT_LENGTH),
        };
        int64_t latest = -1;
        for (size_t i = 0; i < COUNT_OF(guesses); i++)
                latest = guesses[i] > latest ? guesses[i] : latest;
        return latest >= 0 ? latest : clock_realtime_ms();
}

static void repeat_answer(struct post *post, const struct json_object *stored, bool ours)
{
        int64_t stored_ms = ours ? post->accepted_ms : stored_at(post, stored);
        post->replayed = !ours;
        if (post->classic || (post->kind == POST_PUT && !ours))
                post->status = 200;
        else
                post->status = 201;
        if (make_answer(post, stored->watched[WATCH_CREATED].value, stored->watched[WATCH_CORRELATION].value) < 0) {
                post_fail_memory(post);
                return;
        }
        if (!post->worker->store.feed || post->is_elsewhere) {
                send_answer(post);
                return;
        }
        /* Whoever stored it may have died before it was in the feed; acknowledged means that it is there. */
        post->stage = POST_ANNOUNCING;
        post->announce.on_done = on_announced;
        store_announce(&post->worker->store, &post->announce, &post->read, stored_ms);
}

static void conflict_answer(struct post *post)
{
        instruments_count(&post->worker->instruments, DOCUMENT_CONFLICT);
        if (post->kind == POST_PUT)
                http_problem(post->request, 409, NULL, 0,
                             "the key %s holds another document, and documents are never replaced", post->key);
        else
                http_problem(post->request, 422, NULL, 0, "this Idempotency-Key was used before, with other content");
        post_free(post);
}

static void on_existing(struct store_read *read, enum store_outcome outcome, const char *document, size_t length,
                        const struct err *err)
{
        struct post *post = CONTAINER_OF(read, struct post, read);
        struct json_object stored;
        if (outcome == STORE_ABSENT) { /* it was deleted or has expired in between */
                write_once_more(post);
                return;
        }
        if (outcome != STORE_DONE) {
                post_fail(post, outcome, err);
                return;
        }
        if (json_check_object(document, length, &watch_added, &stored, NULL, NULL) < 0) {
                conflict_answer(post); /* somebody else's value */
                return;
        }
        /* The correlation id in our bytes is of this very request, unless the sender gave it. */
        bool ours = post->in_doubt && length == post->sent_length && memcmp(document, post->sent, length) == 0;
        post->is_elsewhere = read->is_previous;
        int same = ours ? 1 : idempotency_same(&post->object, &stored, &post->worker->scratch);
        if (same < 0)
                post_fail_memory(post);
        else if (same == 0)
                conflict_answer(post);
        else
                repeat_answer(post, &stored, ours);
}

/* --- Storing ------------------------------------------------------------------------------------------- */

static void on_stored(struct store_write *write, enum store_outcome outcome, const struct err *err)
{
        struct post *post = CONTAINER_OF(write, struct post, write);
        struct redis *redis = write->redis; /* `read` is in the same memory */
        if (outcome == STORE_DONE) {
                answer_created(post);
        } else if (outcome == STORE_EXISTS) {
                post->in_doubt = write->in_doubt;
                post->stage = POST_COMPARING;
                post->read.on_done = on_existing;
                store_read_found(&post->worker->store, &post->read, redis, post->key);
        } else {
                post_fail(post, outcome, err);
        }
}

/* The document as it will be stored, in the worker's scratch. */
static int make_document(struct post *post)
{
        char tail[CORRELATION_SIZE + 64];
        char *end = tail;
        if (post->object.watched[WATCH_CREATED].count == 0) {
                end = stpcpy(end, "\"created\":");
                end = decimal_put(end, (uint64_t)post->accepted_ms);
                *end++ = ',';
        }
        end = stpcpy(end, "\"correlationId\":");
        end = mempcpy(end, post->correlation, strlen(post->correlation));
        buf_clear(&post->worker->scratch, SCRATCH_KEEP_BYTES);
        return json_splice(&post->worker->scratch, &post->object, JSON_CUT(WATCH_CORRELATION), tail,
                           (size_t)(end - tail));
}

static void post_store(struct post *post)
{
        struct buf *document = &post->worker->scratch;
        if (make_document(post) < 0) {
                post_fail_memory(post);
                return;
        }
        if (post->kind == POST_PLAIN) {
                post->write.on_done = on_stored;
                store_write(&post->worker->store, &post->write, STORE_OWN_KEY, post->key, document->data,
                            document->len);
                return;
        }
        post->sent = malloc(document->len);
        if (!post->sent) {
                post_fail_memory(post);
                return;
        }
        memcpy(post->sent, document->data, document->len);
        post->sent_length = document->len;
        if (!post->worker->store.previous.redis) {
                write_new(post);
                return;
        }
        /* The first try may have gone to the Redis that was bound before. */
        post->stage = POST_COMPARING;
        post->read.on_done = on_existing;
        store_read_previous(&post->worker->store, &post->read, post->key);
}

/* --- Accepting ------------------------------------------------------------------------------------------ */

static bool escape_correlation(struct post *post)
{
        const char *id = http_request_correlation_id(post->request);
        struct buf *scratch = &post->worker->scratch;
        if (!http_request_has_correlation_id(post->request)) { /* then it is a UUID */
                post->correlation[0] = '"';
                memcpy(post->correlation + 1, id, UUID_TEXT_LENGTH);
                memcpy(post->correlation + 1 + UUID_TEXT_LENGTH, "\"", sizeof("\""));
                return true;
        }
        buf_clear(scratch, SCRATCH_KEEP_BYTES);
        if (json_escape(scratch, id, strlen(id)) < 0 || scratch->len >= sizeof(post->correlation))
                return false;
        memcpy(post->correlation, scratch->data, scratch->len + 1);
        return true;
}

static struct post *post_new(struct http_request *request, struct worker *worker, bool classic)
{
        struct post *post = worker->spare;
        if (post) {
                worker->spare = post->next;
                worker->spare_count--;
        } else {
                post = malloc(sizeof(*post)); /* more than malloc keeps at hand itself: hence the spare ones */
        }
        if (!post)
                return NULL;
        post->worker = worker;
        post->request = request;
        post->kind = POST_PLAIN;
        post->stage = POST_WRITING;
        post->in_doubt = post->is_elsewhere = false;
        post->classic = classic;
        post->tries = 0;
        post->accepted_ms = clock_realtime_ms();
        post->started_ms = http_request_started_us(request) / 1000;
        post->form = NULL;
        post->sent = NULL;
        post->status = 0;
        post->replayed = false;
        buf_init(&post->answer, 0);
        post->next = worker->posts;
        post->previous = &worker->posts;
        if (post->next)
                post->next->previous = &post->next;
        worker->posts = post;
        if (escape_correlation(post))
                return post;
        post_free(post);
        return NULL;
}

/* Refuses before Redis was asked. */
static void post_reject(struct post *post)
{
        instruments_count(&post->worker->instruments, DOCUMENT_REJECTED);
        post_free(post);
}

static const struct http_header accept_classic = { "Accept-Post",
                                                   "application/json, application/x-www-form-urlencoded" };

enum charset { CHARSET_UTF8, CHARSET_LATIN1, CHARSET_OTHER };

/* What a media type says of the body's bytes: UTF-8 where it says nothing. */
static enum charset charset_of(const char *type)
{
        char charset[32];
        int found = http_media_type_parameter(type, "charset", charset, sizeof(charset));
        if (found < 0)
                return CHARSET_OTHER;
        if (found == 0 || strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0 ||
            strcasecmp(charset, "us-ascii") == 0)
                return CHARSET_UTF8;
        return strcasecmp(charset, "iso-8859-1") == 0 || strcasecmp(charset, "latin1") == 0 ? CHARSET_LATIN1
                                                                                            : CHARSET_OTHER;
}

static bool is_ascii(const char *bytes, size_t length)
{
        unsigned char all = 0;
        for (size_t i = 0; i < length; i++)
                all |= (unsigned char)bytes[i];
        return all < 0x80;
}

/* JSON is UTF-8 (RFC 8259, section 8.1). Where the sender says otherwise, bytes that happen to be UTF-8 too would be
 * stored as other characters. True: the request was answered. */
static bool refuse_charset_of_json(struct http_request *request, const char *type, const char *body, size_t length)
{
        if (charset_of(type) == CHARSET_UTF8 || is_ascii(body, length))
                return false;
        http_problem(request, 415, NULL, 0, "JSON must be sent in UTF-8, not as %.100s", type);
        return true;
}

/* Turns the form into JSON, in post->form. False: the request was answered. */
static bool read_form(struct post *post, const char *type, const char **body, size_t *length)
{
        struct buf json;
        struct err err;
        struct form_options options = { .max_bytes = (size_t)post->worker->collector->settings->body_max_bytes * 4 };
        enum charset charset = charset_of(type);
        if (charset == CHARSET_OTHER) {
                http_problem(post->request, 415, &accept_classic, 1,
                             "a form must be sent in UTF-8 or ISO-8859-1, not as %.100s", type);
                return false;
        }
        options.is_latin1 = charset == CHARSET_LATIN1; /* which Express converts too */
        buf_init(&json, 0);
        int rc = form_to_json(*body, *length, &options, &json, &err);
        if (rc < 0) {
                buf_fini(&json);
                http_problem(post->request, rc == ERR_LIMIT ? 413 : err_http_status(rc), NULL, 0, "form: %s", err.text);
                return false;
        }
        post->form = buf_take(&json, length);
        *body = post->form;
        return true;
}

static bool is_json(const char *type)
{
        const char *end = type + strcspn(type, "; \t");
        return http_media_type_is(type, "application/json") ||
               (strncasecmp(type, "application/", 12) == 0 && end - type > 17 && strncasecmp(end - 5, "+json", 5) == 0);
}

/* True, and the request was answered, where the body is gzip or the like, which is not read here. Asked when the body
 * turned out to be no JSON, so that one that is one costs nothing more. */
static bool refuse_encoded(struct http_request *request)
{
        static const struct http_header accept = { "Accept-Encoding", "identity" };
        const char *coding = http_request_header(request, "Content-Encoding");
        if (!coding || !*coding || strcasecmp(coding, "identity") == 0)
                return false;
        http_problem(request, 415, &accept, 1, "a document must be sent without Content-Encoding, not with %.40s",
                     coding);
        return true;
}

/* Fills post->object from the body. False: the request was answered. */
static bool read_body(struct post *post)
{
        size_t length;
        const char *body = http_request_body(post->request, &length);
        const char *type = http_request_header(post->request, "Content-Type");
        struct json_position where;
        struct err err;
        if (type && post->classic && http_media_type_is(type, "application/x-www-form-urlencoded")) {
                if (refuse_encoded(post->request) || !read_form(post, type, &body, &length))
                        return false;
        } else if (type && !is_json(type)) {
                static const struct http_header accept = { "Accept-Post", "application/json" };
                http_problem(post->request, 415, post->classic ? &accept_classic : &accept, 1,
                             "a document must be sent as application/json%s, not as %.100s",
                             post->classic ? " or application/x-www-form-urlencoded" : "", type);
                return false;
        } else if (type && refuse_charset_of_json(post->request, type, body, length)) {
                return false;
        }
        if (json_check_object(body, length, &watch_added, &post->object, &where, &err) < 0) {
                char members[96];
                if (refuse_encoded(post->request))
                        return false;
                (void)snprintf(members, sizeof(members), "\"line\":%zu,\"column\":%zu", where.line, where.column);
                http_problem_with(post->request, 400, members, NULL, 0, "%s", err.text);
                return false;
        }
        return true;
}

static bool count_idempotency_key(const char *name, const char *value UNUSED, void *data)
{
        unsigned *count = data;
        *count += strcasecmp(name, "Idempotency-Key") == 0;
        return true;
}

/* Sets key and kind of a POST. False: the request was answered. */
static bool choose_key(struct post *post)
{
        struct uuid id;
        unsigned count = 0;
        const char *idempotency = http_request_header(post->request, "Idempotency-Key");
        const char *token = http_request_token(post->request);
        if (idempotency)
                http_request_each_header(post->request, count_idempotency_key, &count);
        if (count > 1) {
                http_problem(post->request, 400, NULL, 0, "expected one Idempotency-Key, found %u", count);
                return false;
        }
        if (!idempotency) {
                uuid_v7(&post->worker->uuids, post->accepted_ms, &id);
        } else if (idempotency_key_is_sound(idempotency)) {
                post->kind = POST_IDEMPOTENT;
                idempotency_uuid(token ? token : "", "POST", http_request_path(post->request), idempotency, 0, &id);
        } else {
                http_problem(post->request, 400, NULL, 0,
                             "an Idempotency-Key has 1 to %d visible ASCII characters or blanks", IDEMPOTENCY_KEY_MAX);
                return false;
        }
        (void)uuid_format(&id, post->key);
        return true;
}

static void accept_post(struct http_request *request, struct worker *worker, bool classic)
{
        struct post *post = post_new(request, worker, classic);
        if (!post) {
                http_problem(request, 503, NULL, 0, "out of memory");
                return;
        }
        if (read_body(post) && choose_key(post))
                post_store(post);
        else
                post_reject(post);
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
        if (!api_key(request, http_request_param(request, "key"), key))
                return;
        struct post *post = post_new(request, worker, false);
        if (!post) {
                http_problem(request, 503, NULL, 0, "out of memory");
                return;
        }
        post->kind = POST_PUT;
        memcpy(post->key, key, sizeof(key));
        if (read_body(post))
                post_store(post);
        else
                post_reject(post);
}

void documents_drop_abandoned(struct worker *worker)
{
        int64_t now_ms = clock_monotonic_ms();
        struct post *next;
        for (struct post *post = worker->posts; post; post = next) {
                next = post->next;
                if (now_ms - post->started_ms < 1000 || !http_request_is_abandoned(post->request))
                        continue;
                if (post->stage != POST_WRITING || !store_write_cancel(&post->write))
                        continue;
                struct err err;
                (void)err_set(&err, ERR_UNAVAILABLE, "the client has disconnected");
                post_fail(post, STORE_UNAVAILABLE, &err);
        }
}

/* --- GET, HEAD, DELETE ---------------------------------------------------------------------------------- */

struct lookup {
        struct worker *worker;
        struct http_request *request;
        bool classic;
        char key[UUID_TEXT_SIZE];
        union {
                struct store_read read;
                struct store_delete delete;
        };
};

static void answer_document(struct lookup *lookup, const char *document, size_t length)
{
        struct json_object object;
        if (json_check_object(document, length, &watch_key, &object, NULL, NULL) < 0) {
                problems_no_document(lookup->request, lookup->key); /* somebody else's value */
                return;
        }
        if (!lookup->classic) {
                http_respond(lookup->request,
                             &(struct http_answer){ .status = 200, .body = document, .body_length = length });
                return;
        }
        char tail[UUID_TEXT_SIZE + 16];
        struct buf body;
        int tail_length = snprintf(tail, sizeof(tail), "\"key\":\"%s\"", lookup->key);
        buf_init(&body, 0);
        if (json_splice(&body, &object, JSON_CUT(0), tail, (size_t)tail_length) < 0) {
                http_problem(lookup->request, 503, NULL, 0, "out of memory");
                return;
        }
        struct http_answer answer = { .status = 200, .body_kind = HTTP_BODY_TAKE };
        answer.body = buf_take(&body, &answer.body_length);
        http_respond(lookup->request, &answer);
}

static void on_read(struct store_read *read, enum store_outcome outcome, const char *document, size_t length,
                    const struct err *err)
{
        struct lookup *lookup = CONTAINER_OF(read, struct lookup, read);
        if (outcome == STORE_DONE)
                answer_document(lookup, document, length);
        else if (outcome == STORE_ABSENT)
                problems_no_document(lookup->request, lookup->key);
        else
                problems_of_store(lookup->request, outcome, "the document could not be read", err);
        free(lookup);
}

static void on_deleted(struct store_delete *delete, enum store_outcome outcome, const struct err *err)
{
        struct lookup *lookup = CONTAINER_OF(delete, struct lookup, delete);
        if (outcome == STORE_DONE)
                http_respond(lookup->request, &(struct http_answer){ .status = 204 });
        else if (outcome == STORE_ABSENT)
                problems_no_document(lookup->request, lookup->key);
        else
                problems_of_store(lookup->request, outcome, "the document is not deleted", err);
        free(lookup);
}

static struct lookup *lookup_new(struct http_request *request, struct worker *worker, const char *key, bool classic)
{
        struct lookup *lookup = malloc(sizeof(*lookup));
        if (!lookup) {
                http_problem(request, 503, NULL, 0, "out of memory");
                return NULL;
        }
        lookup->worker = worker;
        lookup->request = request;
        lookup->classic = classic;
        if (!api_key(request, key, lookup->key)) {
                free(lookup);
                return NULL;
        }
        return lookup;
}

static void read_document(struct http_request *request, struct worker *worker, const char *key, bool classic)
{
        struct lookup *lookup = lookup_new(request, worker, key, classic);
        if (!lookup)
                return;
        lookup->read.on_done = on_read;
        store_read(&worker->store, &lookup->read, lookup->key);
}

void documents_get(struct http_request *request, void *worker)
{
        read_document(request, worker, http_request_param(request, "key"), false);
}

void documents_get_classic(struct http_request *request, void *worker)
{
        const char *key = http_request_query(request, "key");
        if (key)
                read_document(request, worker, key, true);
        else
                status_index(request, worker);
}

void documents_delete(struct http_request *request, void *context)
{
        struct worker *worker = context;
        struct lookup *lookup = lookup_new(request, worker, http_request_param(request, "key"), false);
        if (!lookup)
                return;
        lookup->delete.on_done = on_deleted;
        store_delete(&worker->store, &lookup->delete, lookup->key);
}
