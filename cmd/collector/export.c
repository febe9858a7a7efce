/* export: reads the feed page by page, each page with a separate reader, and writes a page once it is known to come
 * entirely from one Redis. It reads the next page when the client has received most of the current one, so a slow
 * client slows down the reading.
 *
 * The status is sent with the first page, so earlier failures get an error status, as for a list. Later failures abort
 * the response, so a client that receives the proper end of the response has everything up to the cursor in the
 * trailers. A change to the binding counts as a failure, because documents of two servers would not be an export of
 * either.
 *
 * A line's cursor is known only when the reader moves on to the next document, so the line is completed then. */
#include "export.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "collector.h"
#include "document_line.h"
#include "feed_reader.h"
#include "flag.h"
#include "listing.h"
#include "problems.h"
#include "worker.h"

enum {
        PAGE_DOCUMENTS = 64,
        PAGE_BYTES = 64 << 10, /* a page ends after the document that exceeds this size */
        BEGINNINGS_MAX = 4,    /* how many times the first page starts again when the binding changes */
};

struct export
{
        struct feed_reader reader;
        struct http_request *request;
        struct worker *worker;
        struct feed_reader beginning; /* the reader before its first page */
        unsigned beginnings, generation;
        uint64_t limit, count; /* documents in all pages, including the current one */
        size_t page_count;
        bool has_cursors, has_end;
        bool is_streaming, is_reading, is_gone;
        bool is_open; /* the last line is not complete yet */
        bool failed;  /* out of memory */
        struct buf page;
};

/* --- A page ------------------------------------------------------------------------------------------------------- */

static int end_line(struct export *export)
{
        char cursor[CURSOR_SIZE];
        if (!export->is_open)
                return 0;
        export->is_open = false;
        if (!export->has_cursors)
                return buf_puts(&export->page, "}\n");
        return buf_printf(&export->page, ",\"cursor\":\"%s\"}\n", cursor_format(&export->reader.cursor, cursor));
}

static bool on_document(struct feed_reader *reader, const char *key, const char *document, size_t length)
{
        struct export *export = CONTAINER_OF(reader, struct export, reader);
        int rc = end_line(export);
        if (rc == 0 &&
            (export->count >= export->limit || export->page_count >= PAGE_DOCUMENTS || export->page.len >= PAGE_BYTES))
                return false;
        if (rc == 0)
                rc = document_line_append(&export->page, key, document, length);
        export->failed = rc < 0;
        if (rc < 0)
                return false;
        export->is_open = true;
        export->count++;
        export->page_count++;
        return true;
}

static void read_page(struct export *export)
{
        uint64_t left = export->limit - export->count;
        export->is_reading = true;
        export->page_count = 0;
        buf_clear(&export->page, PAGE_BYTES);
        export->reader.wanted = left < PAGE_DOCUMENTS ? (size_t)left : PAGE_DOCUMENTS;
        feed_reader_start(&export->reader);
}

/* --- The answer --------------------------------------------------------------------------------------------------- */

static void export_free(struct export *export)
{
        buf_fini(&export->page);
        free(export);
}

static void break_off(struct export *export, const char *reason)
{
        if (!export->is_gone)
                log_warn(export->worker->collector->log, "export.broken_off",
                         "An export was aborted; the client notices and can continue from a cursor",
                         log_str("reason", reason), log_int("count", (int64_t) export->count),
                         log_str("correlation_id", http_request_correlation_id(export->request)));
        http_stream_abort(export->request);
        export_free(export);
}

static void on_writable(struct http_request *request UNUSED, void *data)
{
        struct export *export = data;
        if (!export->is_reading)
                read_page(export);
}

static void on_gone(struct http_request *request UNUSED, void *data)
{
        struct export *export = data;
        export->is_gone = true;
        if (!export->is_reading)
                break_off(export, "the client has left");
}

static const struct http_stream_ops export_ops = { .on_writable = on_writable, .on_gone = on_gone };

/* False: the request has been answered, and the export is over. */
static bool begin_answer(struct export *export)
{
        static const struct http_header fields[] = { { "Trailer", "x-next-cursor, x-count" }, { "Vary", "Accept" } };
        const struct http_answer answer = { .status = 200,
                                            .content_type = "application/x-ndjson",
                                            .headers = fields,
                                            .header_count = COUNT_OF(fields) };
        if (http_respond_stream(export->request, &answer, &export_ops, export) == 0) {
                export->is_streaming = true;
                export->generation = export->reader.read.generation;
                return true;
        }
        export_free(export);
        return false;
}

static void end_answer(struct export *export)
{
        char cursor[CURSOR_SIZE], count[24];
        const struct http_header trailers[] = { { "x-next-cursor", cursor }, { "x-count", count } };
        cursor_format(&export->reader.cursor, cursor);
        (void)snprintf(count, sizeof(count), "%" PRIu64, export->count); /* fits */
        if (export->has_end &&
            buf_printf(&export->page, "{\"end\":{\"count\":%s,\"cursor\":\"%s\"}}\n", count, cursor) < 0) {
                break_off(export, "out of memory");
                return;
        }
        (void)http_stream_write(export->request, export->page.data, export->page.len);
        http_stream_end(export->request, trailers, COUNT_OF(trailers));
        export_free(export);
}

/* The page is complete: writes it and continues. */
static void write_page(struct export *export, bool more)
{
        http_request_set_count(export->request, export->count);
        metric_add(export->worker->instruments.exported, (int64_t) export->page_count);
        if (!more || export->count >= export->limit) {
                end_answer(export);
                return;
        }
        bool has_room = http_stream_write(export->request, export->page.data, export->page.len);
        if (has_room)
                read_page(export);
}

static void fail(struct export *export, enum store_outcome outcome, const struct err *err)
{
        const char *reason = outcome == STORE_MOVED  ? "the binding has changed"
                             : outcome == STORE_DONE ? "out of memory"
                                                     : err->text;
        if (export->is_streaming) {
                break_off(export, reason);
                return;
        }
        if (outcome == STORE_DONE)
                http_problem_no_memory(export->request);
        else
                problems_of_store(export->request, outcome, "the export could not be read", err);
        export_free(export);
}

static void on_done(struct feed_reader *reader, enum store_outcome outcome, bool more, const struct err *err)
{
        struct export *export = CONTAINER_OF(reader, struct export, reader);
        export->is_reading = false;
        if (export->is_gone) {
                break_off(export, "the client has left");
                return;
        }
        if (outcome == STORE_MOVED && !export->is_streaming && export->beginnings++ < BEGINNINGS_MAX) {
                export->reader = export->beginning;
                export->count = 0;
                export->is_open = false;
                read_page(export);
                return;
        }
        if (outcome == STORE_DONE && export->is_streaming && reader->read.generation != export->generation)
                outcome = STORE_MOVED;
        if (outcome == STORE_DONE && end_line(export) < 0)
                export->failed = true;
        if (outcome != STORE_DONE || export->failed)
                fail(export, outcome, err);
        else if (export->is_streaming || begin_answer(export))
                write_page(export, more);
}

/* --- The request -------------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct http_request *request)
{
        const char *accept = http_request_header(request, "Accept");
        return accept && strcasestr(accept, "application/x-ndjson") && !strcasestr(accept, "application/json") &&
               http_accepts(accept, "application/x-ndjson");
}

static bool read_parameters(struct http_request *request, struct export *export)
{
        static const char *const known[] = { "limit", "cursor", "since", "until", "order", "end", "cursors", NULL };
        export->limit = UINT64_MAX;
        return listing_check_names(request, known) && listing_read_limit(request, INT64_MAX, &export->limit) &&
               flag_read(request, "end", &export->has_end) && flag_read(request, "cursors", &export->has_cursors) &&
               listing_read_range(request, &export->reader) && listing_check_age(request, &export->reader);
}

void export_get(struct http_request *request, void *context)
{
        if (!is_wanted(request)) {
                listing_get(request, context);
                return;
        }
        struct worker *worker = context;
        struct export *export = calloc(1, sizeof(*export));
        if (!export) {
                http_problem_no_memory(request);
                return;
        }
        export->request = request;
        export->worker = worker;
        export->reader = (struct feed_reader){
                .store = &worker->store, .until_ms = UINT64_MAX, .on_document = on_document, .on_done = on_done
        };
        buf_init(&export->page, 0);
        if (!read_parameters(request, export)) {
                export_free(export);
                return;
        }
        export->beginning = export->reader;
        read_page(export);
}
