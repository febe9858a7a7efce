/* feed_spans: yields two spans at the same distance, one ahead and one back, and then the next two. Each span is cut to
 * the limits of the search, and skipped if nothing is left of it. */
#include "feed_spans.h"

#include "feed.h"

enum {
        FIRST_SPAN_MS = 128,
        SPAN_GROWTH = 4,
};

static int64_t larger(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* False: the span is empty. */
static bool set_span(struct feed_spans *spans, int64_t from_ms, int64_t to_ms)
{
        spans->from_ms = larger(from_ms, spans->earliest);
        spans->to_ms = smaller(to_ms, spans->latest);
        spans->from_sequence = 0;
        return spans->from_ms < spans->to_ms;
}

/* The exclusive end of a backward span. The first backward span includes the entries before first_sequence. */
static int64_t last_back(const struct feed_spans *spans, int64_t inner)
{
        return spans->first_ms - inner + (inner == 0 && spans->first_sequence > 0);
}

bool feed_spans_next(struct feed_spans *spans)
{
        int64_t farthest = larger(spans->latest - spans->last_ms, spans->first_ms - spans->earliest);
        while (spans->inner_ms < farthest || spans->is_back_next) {
                bool is_back = spans->is_back_next;
                int64_t inner = spans->inner_ms, outer = spans->outer_ms;
                spans->is_back_next = !is_back;
                if (is_back) {
                        spans->inner_ms = outer;
                        spans->outer_ms *= SPAN_GROWTH;
                        if (set_span(spans, spans->first_ms - outer, last_back(spans, inner)))
                                return true;
                } else if (set_span(spans, inner > 0 ? spans->last_ms + inner : spans->first_ms,
                                    spans->last_ms + outer)) {
                        spans->from_sequence = inner > 0 ? 0 : spans->first_sequence;
                        return true;
                }
        }
        return false;
}

static void go_to(struct feed_spans *spans, int64_t earliest, int64_t latest)
{
        spans->earliest = larger(earliest, 0);
        spans->latest = latest;
        spans->inner_ms = 0;
        spans->outer_ms = FIRST_SPAN_MS;
        spans->is_back_next = false;
}

void feed_spans_start(struct feed_spans *spans)
{
        spans->is_at_end = false;
        go_to(spans, spans->first_ms - FEED_CLOCK_SKEW_MS, smaller(spans->end_ms, spans->last_ms + spans->reach_ms));
}

bool feed_spans_to_end(struct feed_spans *spans)
{
        int64_t seen_ms = spans->latest;
        if (spans->is_at_end || seen_ms >= spans->end_ms)
                return false;
        spans->is_at_end = true;
        spans->first_ms = spans->last_ms = spans->end_ms;
        spans->first_sequence = 0;
        go_to(spans, larger(spans->end_ms - FEED_CLOCK_SKEW_MS - spans->reach_ms, seen_ms), spans->end_ms);
        return true;
}
