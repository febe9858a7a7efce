/* Tests of the order in which a search covers the times around a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "feed.h"
#include "feed_spans.h"

enum { NOW_MS = 10000000, REACH_MS = 90000 };

static struct feed_spans spans_around(int64_t first_ms, int64_t last_ms, int64_t end_ms)
{
        struct feed_spans spans = { .reach_ms = REACH_MS, .first_ms = first_ms, .last_ms = last_ms, .end_ms = end_ms };
        feed_spans_start(&spans);
        return spans;
}

static void assert_next(struct feed_spans *spans, int64_t from_ms, int64_t to_ms)
{
        assert_true(feed_spans_next(spans));
        assert_int_equal(spans->from_ms, from_ms);
        assert_int_equal(spans->to_ms, to_ms);
}

static void spans_move_outwards_and_become_longer(void **state UNUSED)
{
        struct feed_spans spans = spans_around(NOW_MS, NOW_MS, NOW_MS + REACH_MS);
        assert_next(&spans, NOW_MS, NOW_MS + 128);
        assert_next(&spans, NOW_MS - 128, NOW_MS);
        assert_next(&spans, NOW_MS + 128, NOW_MS + 512);
        assert_next(&spans, NOW_MS - 512, NOW_MS - 128);
        assert_next(&spans, NOW_MS + 512, NOW_MS + 2048);
}

static void the_first_span_has_all_of_the_first_times(void **state UNUSED)
{
        struct feed_spans spans = spans_around(NOW_MS - 1000, NOW_MS, NOW_MS + REACH_MS);
        assert_next(&spans, NOW_MS - 1000, NOW_MS + 128);
        assert_next(&spans, NOW_MS - 1128, NOW_MS - 1000);
}

static void the_first_span_may_begin_within_a_millisecond(void **state UNUSED)
{
        struct feed_spans spans = spans_around(NOW_MS, NOW_MS, NOW_MS + REACH_MS);
        spans.first_sequence = 7;
        assert_next(&spans, NOW_MS, NOW_MS + 128);
        assert_int_equal(spans.from_sequence, 7);
        assert_next(&spans, NOW_MS - 128, NOW_MS + 1); /* includes entries 0 to 6 */
        assert_int_equal(spans.from_sequence, 0);
        assert_next(&spans, NOW_MS + 128, NOW_MS + 512);
        assert_int_equal(spans.from_sequence, 0);
}

/* Adds up the spans, which have to be within both limits. */
static int64_t total(struct feed_spans *spans, int64_t earliest, int64_t latest)
{
        int64_t sum = 0;
        while (feed_spans_next(spans)) {
                assert_true(spans->from_ms >= earliest && spans->to_ms <= latest && spans->from_ms < spans->to_ms);
                sum += spans->to_ms - spans->from_ms;
        }
        return sum;
}

static void spans_cover_the_reach_and_the_skew_once(void **state UNUSED)
{
        struct feed_spans spans = spans_around(NOW_MS, NOW_MS, NOW_MS + REACH_MS);
        int64_t sum = total(&spans, NOW_MS - FEED_CLOCK_SKEW_MS, NOW_MS + REACH_MS);
        assert_int_equal(sum, FEED_CLOCK_SKEW_MS + REACH_MS);
        assert_false(feed_spans_to_end(&spans)); /* it has been searched */
}

static void a_later_end_is_searched_backwards(void **state UNUSED)
{
        int64_t end_ms = NOW_MS + 1000000;
        struct feed_spans spans = spans_around(NOW_MS, NOW_MS, end_ms);
        (void)total(&spans, NOW_MS - FEED_CLOCK_SKEW_MS, NOW_MS + REACH_MS);
        assert_true(feed_spans_to_end(&spans));
        assert_next(&spans, end_ms - 128, end_ms);
        int64_t sum = total(&spans, end_ms - FEED_CLOCK_SKEW_MS - REACH_MS, end_ms);
        assert_int_equal(sum, FEED_CLOCK_SKEW_MS + REACH_MS - 128);
        assert_false(feed_spans_to_end(&spans));
}

static void the_end_begins_where_the_first_spans_have_ended(void **state UNUSED)
{
        struct feed_spans spans = spans_around(NOW_MS, NOW_MS, NOW_MS + REACH_MS + 1000);
        (void)total(&spans, NOW_MS - FEED_CLOCK_SKEW_MS, NOW_MS + REACH_MS);
        assert_true(feed_spans_to_end(&spans));
        assert_int_equal(total(&spans, NOW_MS + REACH_MS, NOW_MS + REACH_MS + 1000), 1000);
}

static void no_span_begins_before_1970(void **state UNUSED)
{
        struct feed_spans spans = spans_around(100, 100, 1000);
        assert_int_equal(total(&spans, 0, 1000), 1000);
}

static void a_time_after_the_end_has_no_span_ahead(void **state UNUSED)
{
        struct feed_spans spans = spans_around(NOW_MS, NOW_MS, NOW_MS - FEED_CLOCK_SKEW_MS);
        assert_false(feed_spans_next(&spans));
        assert_false(feed_spans_to_end(&spans));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(spans_move_outwards_and_become_longer),
                cmocka_unit_test(the_first_span_has_all_of_the_first_times),
                cmocka_unit_test(the_first_span_may_begin_within_a_millisecond),
                cmocka_unit_test(spans_cover_the_reach_and_the_skew_once),
                cmocka_unit_test(a_later_end_is_searched_backwards),
                cmocka_unit_test(the_end_begins_where_the_first_spans_have_ended),
                cmocka_unit_test(no_span_begins_before_1970),
                cmocka_unit_test(a_time_after_the_end_has_no_span_ahead),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
