/* clock: times print like Date.toISOString, and the clocks advance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"

static void a_time_is_written_in_utc_with_milliseconds(void **state UNUSED)
{
        static const struct {
                int64_t unix_ms;
                const char *expected;
        } cases[] = {
                { 0, "1970-01-01T00:00:00.000Z" },
                { 1, "1970-01-01T00:00:00.001Z" },
                { 999, "1970-01-01T00:00:00.999Z" },
                { 951782400000, "2000-02-29T00:00:00.000Z" },
                { 1795508130123, "2026-11-24T08:15:30.123Z" },
                { 253402300799999, "9999-12-31T23:59:59.999Z" },
        };
        char text[CLOCK_ISO8601_SIZE];
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_string_equal(clock_iso8601(cases[i].unix_ms, text), cases[i].expected);
}

static void a_time_before_1970_has_positive_milliseconds(void **state UNUSED)
{
        char text[CLOCK_ISO8601_SIZE];
        assert_string_equal(clock_iso8601(-1, text), "1969-12-31T23:59:59.999Z");
        assert_string_equal(clock_iso8601(-1000, text), "1969-12-31T23:59:59.000Z");
        assert_string_equal(clock_iso8601(-1001, text), "1969-12-31T23:59:58.999Z");
}

static void the_first_and_the_last_possible_time_fit(void **state UNUSED)
{
        char text[CLOCK_ISO8601_SIZE];
        assert_string_equal(clock_iso8601(INT64_MAX, text), "292278994-08-17T07:12:55.807Z");
        assert_string_equal(clock_iso8601(INT64_MIN, text), "-292275055-05-16T16:47:04.192Z");
}

static void the_monotonic_clock_never_steps_back(void **state UNUSED)
{
        int64_t last = clock_monotonic_us();
        for (int i = 0; i < 10000; i++) {
                int64_t now = clock_monotonic_us();
                assert_true(now >= last);
                last = now;
        }
        assert_true(clock_monotonic_ms() >= last / 1000);
}

static void the_real_clock_is_later_than_this_test(void **state UNUSED)
{
        assert_true(clock_realtime_ms() > 1700000000000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_time_is_written_in_utc_with_milliseconds),
                cmocka_unit_test(a_time_before_1970_has_positive_milliseconds),
                cmocka_unit_test(the_first_and_the_last_possible_time_fit),
                cmocka_unit_test(the_monotonic_clock_never_steps_back),
                cmocka_unit_test(the_real_clock_is_later_than_this_test),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
