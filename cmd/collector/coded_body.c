/* coded_body: collects the decoded bytes of an inflow (inflow.h). The first byte that is not blank shows whether the
 * body is an array of documents. If it is, the body becomes a bulk, which takes over the inflow. Until then blanks
 * count towards the limit of a document, since a few compressed bytes may hold any number of them. */
#include "coded_body.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "body.h"
#include "bulk_post.h"
#include "inflow.h"
#include "instruments.h"
#include "worker.h"

struct coded_body {
        struct http_request *request;
        struct worker *worker;
        const struct coded_body_options *options;
        struct inflow *inflow;
        struct buf document; /* decoded so far */
        size_t received;     /* compressed bytes of the body */
        size_t reserved;     /* for `document` */
        bool is_judged;      /* the body is not an array */
        bool is_whole;       /* the body has arrived */
};

static void body_free(struct coded_body *body)
{
        inflow_free(body->inflow);
        buf_fini(&body->document);
        free(body);
}

/* --- The end ------------------------------------------------------------------------------------------------------ */

static void fail(struct coded_body *body, const char *detail)
{
        http_problem(body->request, 503, &http_retry_soon, 1, "%s", detail);
        body_free(body);
}

static void refuse(struct coded_body *body, int status, const char *detail)
{
        instruments_count(&body->worker->instruments, DOCUMENT_REJECTED);
        http_problem(body->request, status, NULL, 0, "%s", detail);
        body_free(body);
}

static void refuse_long(struct coded_body *body, size_t max)
{
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "the decoded body is larger than %zu bytes, the limit of this server",
                       max); /* fits */
        refuse(body, 413, detail);
}

static void on_decoded_end(void *data)
{
        struct coded_body *body = data;
        struct http_request *request = body->request;
        struct worker *worker = body->worker;
        const struct coded_body_options *options = body->options;
        size_t length;
        char *bytes = buf_take(&body->document, &length);
        body_free(body);
        http_request_give_body(request, bytes, length);
        options->handle(request, worker);
}

static void on_damage(const struct err *err, void *data)
{
        if (err->code == ERR_INVALID)
                refuse(data, 400, err->text);
        else
                fail(data, err->text);
}

/* --- Decoded pieces ----------------------------------------------------------------------------------------------- */

/* False: the body has been refused. */
static bool gather(struct coded_body *body, const char *bytes, size_t length)
{
        size_t max = (size_t)body->worker->collector->settings->service.body_max_bytes;
        struct buf *document = &body->document;
        if (length > max - document->len) {
                refuse_long(body, max);
                return false;
        }
        if (buf_append(document, bytes, length) < 0) {
                fail(body, "out of memory");
                return false;
        }
        size_t more = document->cap > body->reserved ? document->cap - body->reserved : 0;
        body->reserved += more;
        if (more == 0 || http_request_reserve(body->request, more))
                return true;
        fail(body, "too much data is in transit");
        return false;
}

static bool become_bulk(struct coded_body *body, const char *bytes, size_t length)
{
        struct http_request *request = body->request;
        struct worker *worker = body->worker;
        struct buf begun = body->document;
        struct bulk_post_array array = { .inflow = body->inflow,
                                         .received = body->received,
                                         .is_whole = body->is_whole };
        bool is_first = begun.len == 0, has_room = false;
        if (!is_first && buf_append(&begun, bytes, length) < 0) {
                fail(body, "out of memory");
                return false;
        }
        free(body);
        array.bytes = is_first ? bytes : begun.data;
        array.length = is_first ? length : begun.len;
        has_room = bulk_post_take_over(request, worker, &array);
        buf_fini(&begun);
        return has_room;
}

static bool on_decoded(const char *bytes, size_t length, void *data)
{
        struct coded_body *body = data;
        size_t blank = body->is_judged ? 0 : body_blank(bytes, length);
        if (blank < length && !body->is_judged && bytes[blank] == '[')
                return become_bulk(body, bytes, length);
        body->is_judged |= blank < length;
        return gather(body, bytes, length);
}

static void on_ready(void *data)
{
        http_request_resume(((struct coded_body *)data)->request);
}

/* --- The body ----------------------------------------------------------------------------------------------------- */

static void on_piece(struct http_request *request, const char *bytes, size_t length, void *data)
{
        struct coded_body *body = data;
        body->received += length;
        http_request_pause(request); /* until on_ready; the request may be answered during this call */
        inflow_take(body->inflow, bytes, length);
}

static void on_end(struct http_request *request UNUSED, void *data)
{
        struct coded_body *body = data;
        body->is_whole = true;
        inflow_end(body->inflow);
}

static void on_gone(struct http_request *request, void *data)
{
        /* Nobody reads this response, but it appears in the access log. */
        http_problem(request, 400, NULL, 0, "the body ended early");
        body_free(data);
}

static const struct http_stream_ops body_ops = {
        .is_short = true, .on_piece = on_piece, .on_end = on_end, .on_gone = on_gone
};

/* False: out of memory. */
static bool open_inflow(struct coded_body *body, const struct coding *coding)
{
        const struct inflow_options options = { .data = body,
                                                .on_piece = on_decoded,
                                                .on_ready = on_ready,
                                                .on_end = on_decoded_end,
                                                .on_failed = on_damage };
        return http_request_reserve(body->request, INFLOW_BYTES) &&
               inflow_new(&body->worker->bulks.inflows, coding, &options, &body->inflow, NULL) == 0;
}

void coded_body_begin(struct http_request *request, struct worker *worker, const struct coding *coding,
                      const struct coded_body_options *options)
{
        struct coded_body *body = calloc(1, sizeof(*body));
        if (!body) {
                http_problem_no_memory(request);
                return;
        }
        body->request = request;
        body->worker = worker;
        body->options = options;
        body->is_judged = !options->has_arrays;
        buf_init(&body->document, 0);
        if (!open_inflow(body, coding))
                fail(body, "out of memory");
        else if (http_request_stream(request, &body_ops, body) != 0)
                body_free(body);
}
