/* listing: parses the parameters and builds the page:
 *
 *     {"documents":[{"key":"...","document":{...}}, ...],"next":"3f9a0c1d2e4b5a67.2026-11-24.1764000000000-0","more":true}
 *
 * The last page has a `next` too: the position at which to continue later. A page ends after `limit` documents, or
 * after the document that brings it to PAGE_MAX_BYTES, perhaps in the middle of a feed entry. */
#include "listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "feed_reader.h"
#include "problems.h"
#include "worker.h"

enum {
        LIMIT_DEFAULT = 100,
        LIMIT_MAX = 1000,
        PAGE_MAX_BYTES = 4 << 20,
        BEGINNINGS_MAX = 4, /* how often a page starts again when the binding changes */
};

#define WRONG_CURSOR "expected the `next` of an earlier page"
#define ASCENDING_CURSOR "it is from a list without `order=desc`, the oldest documents first"
#define DESCENDING_CURSOR "it is from a list with `order=desc`, the newest documents first, and continues only that"
#define OLD_CURSOR "it is from version 0.1.0, which did not name its Redis: start again without it, or with `since`"

struct page {
        struct feed_reader reader;
        struct http_request *request;
        struct feed_reader beginning; /* the reader before its start, so that it can start again */
        unsigned beginnings;
        uint64_t limit, count;
        struct buf body;
        bool failed; /* out of memory */
};

/* --- Parameters --------------------------------------------------------------------------------------------------- */

/* True if `text` begins like `form`, in which 0 matches any digit. */
static bool has_form(const char *text, const char *form)
{
        for (; *form; text++, form++)
                if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
                        return false;
        return true;
}

/* "Z", or ".", 1 to 9 digits and "Z"; milliseconds are the first three digits. */
static bool parse_fraction(const char *text, uint64_t *ms)
{
        size_t digits = *text == '.' ? decimal_span(text + 1, strlen(text + 1)) : 0;
        *ms = 0;
        if (digits > 9 || (digits > 0 && decimal_parse_thousandths(text + 1, digits, ms) < 0))
                return false;
        return strcmp(text + digits + (digits > 0), "Z") == 0;
}

/* Unix milliseconds, or UTC as RFC 3339 writes it: 2026-11-24, 2026-11-24T08:15:30Z, 2026-11-24T08:15:30.123Z. */
static bool parse_time(const char *text, uint64_t *unix_ms)
{
        static const char date_form[] = "0000-00-00", time_form[] = "0000-00-00T00:00:00";
        struct tm utc = { 0 }, day;
        uint64_t ms = 0;
        if (decimal_parse(text, strlen(text), (uint64_t)1 << 52, unix_ms) == 0)
                return true;
        bool has_time = has_form(text, time_form);
        if (has_time ? !parse_fraction(text + strlen(time_form), &ms)
                     : !has_form(text, date_form) || text[strlen(date_form)] != '\0')
                return false;
        if (!strptime(text, has_time ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &utc))
                return false;
        day = utc;
        int64_t seconds = (int64_t)timegm(&utc); /* turns 30 February into 2 March, and second 60 into the next
                                                  * minute */
        if (seconds < 0 || (utc.tm_mday != day.tm_mday && day.tm_sec < 60))
                return false;
        *unix_ms = (uint64_t)seconds * 1000 + ms;
        return true;
}

/* False: the request has been answered. */
static bool read_time(struct http_request *request, const char *name, uint64_t *unix_ms)
{
        const char *text = http_request_query(request, name);
        if (!text || parse_time(text, unix_ms))
                return true;
        http_problem(request, 400, NULL, 0, "%s: expected Unix milliseconds or a UTC time such as 2026-11-24T08:15:30Z",
                     name);
        return false;
}

bool listing_read_limit(struct http_request *request, uint64_t max, uint64_t *limit)
{
        const char *text = http_request_query(request, "limit");
        uint64_t number;
        if (!text)
                return true;
        if (decimal_parse(text, strlen(text), max, &number) < 0 || number == 0) {
                http_problem(request, 400, NULL, 0, "limit: expected a number from 1 to %" PRIu64, max);
                return false;
        }
        *limit = number;
        return true;
}

struct names {
        const char *const *known;
        unsigned seen; /* one bit for each known name */
        const char *wrong, *why;
};

static bool check_name(const char *name, const char *value UNUSED, void *data)
{
        struct names *names = data;
        for (unsigned i = 0; names->known[i]; i++) {
                if (strcmp(name, names->known[i]) != 0)
                        continue;
                bool is_new = !(names->seen & 1U << i);
                names->seen |= 1U << i;
                if (is_new)
                        return true;
                names->wrong = name;
                names->why = "given twice";
                return false;
        }
        names->wrong = name;
        names->why = NULL;
        return false;
}

/* An ignored filter would return documents that the client did not ask for. */
bool listing_check_names(struct http_request *request, const char *const *known)
{
        struct names names = { .known = known };
        http_request_each_query(request, check_name, &names);
        if (!names.wrong)
                return true;
        struct buf expected;
        buf_init(&expected, 0);
        int rc = names.why ? buf_puts(&expected, names.why) : buf_puts(&expected, "expected ");
        for (unsigned i = 0; rc == 0 && !names.why && known[i]; i++)
                rc = buf_printf(&expected, "%s%s", i == 0 ? "" : known[i + 1] ? ", " : " or ", known[i]);
        http_problem(request, 400, NULL, 0, "%.64s: %s", names.wrong, rc == 0 ? expected.data : "is unknown");
        buf_fini(&expected);
        return false;
}

static bool read_order(struct http_request *request, bool *is_descending)
{
        const char *text = http_request_query(request, "order");
        *is_descending = text && strcmp(text, "desc") == 0;
        if (!text || *is_descending || strcmp(text, "asc") == 0)
                return true;
        http_problem(request, 400, NULL, 0, "order: expected asc or desc");
        return false;
}

/* The cursor, or the beginning of the list if there is no cursor. */
static bool read_cursor(struct http_request *request, struct feed_reader *reader, bool is_descending)
{
        const char *text = http_request_query(request, "cursor");
        const char *why = NULL;
        if (!text || !*text)
                reader->cursor = feed_reader_beginning(reader, is_descending);
        else if (!cursor_parse(text, &reader->cursor))
                why = cursor_is_old(text) ? OLD_CURSOR : WRONG_CURSOR;
        else if (reader->cursor.is_descending != is_descending)
                why = is_descending ? ASCENDING_CURSOR : DESCENDING_CURSOR;
        if (why)
                http_problem(request, 400, NULL, 0, "cursor: %s", why);
        return !why;
}

bool listing_read_range(struct http_request *request, struct feed_reader *reader)
{
        bool is_descending;
        return read_order(request, &is_descending) && read_time(request, "since", &reader->since_ms) &&
               read_time(request, "until", &reader->until_ms) && read_cursor(request, reader, is_descending);
}

/* A cursor is too old when the stream of its day has expired. `--retention` alone would be too strict: a list that
 * began with the oldest document passes entries whose documents have expired since then. A descending list misses
 * nothing. */
bool listing_check_age(struct http_request *request, const struct feed_reader *reader)
{
        const struct store *store = reader->store;
        int64_t ms = cursor_newest_ms(&reader->cursor);
        if (reader->cursor.is_descending || store->retention_ms == 0 || ms == 0)
                return true;
        int64_t end_ms = feed_day_start_ms(feed_day(ms) + 1) + store->retention_ms + store_reach_ms(store);
        if (clock_realtime_ms() <= end_ms)
                return true;
        http_problem(request, 410, NULL, 0, CURSOR_TOO_OLD ": start again without it, or with `since`");
        return false;
}

/* --- The page ----------------------------------------------------------------------------------------------------- */

static bool on_document(struct feed_reader *reader, const char *key, const char *document, size_t length)
{
        struct page *page = CONTAINER_OF(reader, struct page, reader);
        if (page->count >= page->limit || page->body.len >= PAGE_MAX_BYTES)
                return false;
        int rc = buf_printf(&page->body, "%s{\"key\":\"%s\",\"document\":", page->count > 0 ? "," : "", key);
        if (rc == 0)
                rc = buf_append(&page->body, document, length);
        if (rc == 0)
                rc = buf_putc(&page->body, '}');
        page->failed = rc < 0;
        page->count++;
        return !page->failed;
}

static bool begin(struct page *page)
{
        page->count = 0;
        page->beginnings++;
        page->reader = page->beginning;
        buf_clear(&page->body, PAGE_MAX_BYTES);
        return buf_puts(&page->body, "{\"documents\":[") == 0;
}

static void on_done(struct feed_reader *reader, enum store_outcome outcome, bool more, const struct err *err)
{
        struct page *page = CONTAINER_OF(reader, struct page, reader);
        if (outcome == STORE_MOVED && page->beginnings < BEGINNINGS_MAX && begin(page)) {
                feed_reader_start(reader);
                return;
        }
        char cursor[CURSOR_SIZE];
        if (outcome == STORE_DONE && !page->failed)
                page->failed = buf_printf(&page->body, "],\"next\":\"%s\",\"more\":%s}",
                                          cursor_format(&reader->cursor, cursor), more ? "true" : "false") < 0;
        if (outcome != STORE_DONE) {
                problems_of_store(page->request, outcome, "the listing could not be read", err);
        } else if (page->failed) {
                http_problem_no_memory(page->request);
        } else {
                struct http_answer answer = { .status = 200,
                                              .body_kind = HTTP_BODY_TAKE,
                                              .headers = &(struct http_header){ "Vary", "Accept" },
                                              .header_count = 1 };
                answer.body = buf_take(&page->body, &answer.body_length);
                http_respond(page->request, &answer);
        }
        buf_fini(&page->body);
        free(page);
}

void listing_get(struct http_request *request, void *context)
{
        static const char *const known[] = { "limit", "cursor", "since", "until", "order", NULL };
        struct worker *worker = context;
        struct page *page = calloc(1, sizeof(*page));
        if (!page) {
                http_problem_no_memory(request);
                return;
        }
        struct feed_reader *reader = &page->reader;
        *reader = (struct feed_reader){
                .store = &worker->store, .until_ms = UINT64_MAX, .on_document = on_document, .on_done = on_done
        };
        page->request = request;
        page->limit = LIMIT_DEFAULT;
        buf_init(&page->body, 0);
        if (!listing_check_names(request, known) || !listing_read_limit(request, LIMIT_MAX, &page->limit) ||
            !listing_read_range(request, reader) || !listing_check_age(request, reader)) {
                free(page);
                return;
        }
        reader->wanted = (size_t)page->limit;
        page->beginning = *reader;
        if (!begin(page)) {
                buf_fini(&page->body);
                free(page);
                http_problem_no_memory(request);
                return;
        }
        feed_reader_start(reader);
}
