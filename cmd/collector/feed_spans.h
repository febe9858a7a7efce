/* feed_spans: the order in which a search of the feed covers the times around that at which a key may have been added.
 *
 *     struct feed_spans spans = { .reach_ms = reach, .first_ms = ms, .last_ms = ms, .end_ms = now };
 *     feed_spans_start(&spans);
 *     while (feed_spans_next(&spans) || (feed_spans_to_end(&spans) && feed_spans_next(&spans)))
 *             search(spans.from_ms, spans.to_ms);
 *
 * The spans move outwards from that time in both directions, and each is four times as long as the one before. If the
 * clocks agree, the first span contains the entry, at any rate of documents. The spans reach back by FEED_CLOCK_SKEW_MS
 * and ahead by reach_ms, the hold time plus the clock skew. A repeat may have been added much later. So if end_ms is
 * later than that, feed_spans_to_end continues backwards from end_ms, as far as the sum of the two.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_SPANS_H
#define COLLECTOR_FEED_SPANS_H

#include <stdbool.h>
#include <stdint.h>

struct feed_spans {
        /* Set by the caller. */
        int64_t reach_ms;
        int64_t first_ms, last_ms; /* the search begins at, or between, these Unix times */
        uint64_t first_sequence;   /* sequence of the entry at first_ms with which the search begins */
        int64_t end_ms;            /* exclusive */

        int64_t from_ms, to_ms; /* the span, set by feed_spans_next; `to` is exclusive */
        uint64_t from_sequence; /* of the first entry of from_ms */

        /* Private. */
        int64_t earliest, latest;   /* how far the spans reach around the first times */
        int64_t inner_ms, outer_ms; /* distance of the next two spans from those times */
        bool is_back_next;
        bool is_at_end; /* goes backwards from end_ms */
};

void feed_spans_start(struct feed_spans *spans);
/* False: all spans around this time have been searched. */
bool feed_spans_next(struct feed_spans *spans);
/* Moves to the end. False: the end has been searched, or the search is already there. */
bool feed_spans_to_end(struct feed_spans *spans);

#endif
