/* Numbers of every length, compared with printf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

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

static void numbers_are_written_as_printf_writes_them(void **state)
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

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(numbers_are_written_as_printf_writes_them) };
        return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
