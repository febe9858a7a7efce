#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/attr.h"
#include "base/hex.h"

/* All bytes: control characters are 0x20 below digits and must not be mistaken for them. */
static void each_byte_is_a_digit_with_its_value_or_not_a_digit(void **state UNUSED)
{
        static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
        for (int byte = 0; byte < 256; byte++) {
                char c = (char)byte;
                const char *low = c ? strchr(lower, c) : NULL;
                const char *up = c ? strchr(upper, c) : NULL;
                int expected = low ? (int)(low - lower) : up ? (int)(up - upper) : -1;
                assert_int_equal(hex_digit(c), expected);
        }
}

static void a_digit_is_written_in_lower_case_and_read_back(void **state UNUSED)
{
        for (unsigned value = 0; value < 512; value++) {
                char c = hex_char(value);
                assert_true(strchr("0123456789abcdef", c) && c);
                assert_int_equal(hex_digit(c), value % 16);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(each_byte_is_a_digit_with_its_value_or_not_a_digit),
                                            cmocka_unit_test(a_digit_is_written_in_lower_case_and_read_back) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
