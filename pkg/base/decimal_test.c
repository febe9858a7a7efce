/* Numbers of every length, compared with printf; strings that are numbers, that are too large, and that are not
 * numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/err.h"

static void assert_as_printf(uint64_t number)
{
        char expected[32], text[DECIMAL_MAX + 1];
        int length = snprintf(expected, sizeof(expected), "%" PRIu64, number);
        memset(text, 'x', sizeof(text));
        assert_ptr_equal(decimal_put(text, number), text + length);
        assert_memory_equal(text, expected, (size_t)length);
        assert_int_equal(text[length], 'x');
        assert_int_equal(decimal_length(number), length);
}

static void numbers_are_written_as_by_printf(void **state)
{
        (void)state;
        assert_as_printf(UINT64_MAX);
        assert_as_printf((uint64_t)INT64_MAX + 1);
        assert_as_printf(1764000000000);
        uint64_t power = 1;
        for (int digits = 1; digits <= DECIMAL_MAX; digits++, power *= 10) {
                assert_as_printf(power - 1);
                assert_as_printf(power);
                assert_as_printf(power + 1);
        }
}

static void a_number_is_parsed_completely_up_to_a_maximum(void **state)
{
        static const struct {
                const char *text;
                uint64_t max;
                int rc;
                uint64_t number;
        } cases[] = {
                { "0", 0, 0, 0 },
                { "000", 0, 0, 0 },
                { "1", 0, ERR_LIMIT, 0 },
                { "7", 7, 0, 7 },
                { "8", 7, ERR_LIMIT, 0 },
                { "0065535", UINT16_MAX, 0, UINT16_MAX },
                { "65536", UINT16_MAX, ERR_LIMIT, 0 },
                { "9223372036854775807", INT64_MAX, 0, INT64_MAX },
                { "9223372036854775808", INT64_MAX, ERR_LIMIT, 0 },
                { "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
                { "18446744073709551616", UINT64_MAX, ERR_LIMIT, 0 },
                { "28446744073709551615", UINT64_MAX, ERR_LIMIT, 0 },
                { "184467440737095516150", UINT64_MAX, ERR_LIMIT, 0 },
                { "", UINT64_MAX, ERR_INVALID, 0 },
                { "-1", UINT64_MAX, ERR_INVALID, 0 },
                { "+1", UINT64_MAX, ERR_INVALID, 0 },
                { " 1", UINT64_MAX, ERR_INVALID, 0 },
                { "1 ", UINT64_MAX, ERR_INVALID, 0 },
                { "0x1", UINT64_MAX, ERR_INVALID, 0 },
                { "99999999999999999999999x", UINT64_MAX, ERR_INVALID, 0 },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                uint64_t number = 4711;
                if (decimal_parse(cases[i].text, strlen(cases[i].text), cases[i].max, &number) != cases[i].rc)
                        fail_msg("%s", cases[i].text);
                assert_true(number == (cases[i].rc == 0 ? cases[i].number : 4711));
        }
}

static void no_more_than_the_given_length_is_read(void **state)
{
        uint64_t number;
        (void)state;
        assert_int_equal(decimal_span("12345", 3), 3);
        assert_int_equal(decimal_span("12 45", 5), 2);
        assert_int_equal(decimal_span("x", 1), 0);
        assert_int_equal(decimal_parse("12345", 3, UINT64_MAX, &number), 0);
        assert_int_equal(number, 123);
}

static void digits_after_a_point_are_thousandths(void **state)
{
        static const struct {
                const char *text;
                uint64_t expected;
        } cases[] = { { "5", 500 }, { "05", 50 }, { "123", 123 }, { "1239", 123 }, { "000000001", 0 } };
        uint64_t number = 4711;
        (void)state;
        assert_int_equal(decimal_parse_thousandths("", 0, &number), ERR_INVALID);
        assert_int_equal(decimal_parse_thousandths("1234x", 5, &number), ERR_INVALID);
        assert_int_equal(number, 4711);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_int_equal(decimal_parse_thousandths(cases[i].text, strlen(cases[i].text), &number), 0);
                assert_int_equal(number, cases[i].expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(numbers_are_written_as_by_printf),
                cmocka_unit_test(a_number_is_parsed_completely_up_to_a_maximum),
                cmocka_unit_test(no_more_than_the_given_length_is_read),
                cmocka_unit_test(digits_after_a_point_are_thousandths),
        };
        return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
