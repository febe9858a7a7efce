/* Tests of UTF-8: RFC 3629, section 4, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/utf8.h"

static size_t length_of(const char *text, size_t size)
{
        const unsigned char *at = (const unsigned char *)text;
        return utf8_length(at, at + size);
}

static void characters_have_a_length_and_invalid_bytes_have_none(void **state UNUSED)
{
        static const struct {
                const char *text;
                size_t length;
        } cases[] = {
                { "a", 1 },
                { "\x7f", 1 },
                { "\x80", 0 },
                { "\xbf", 0 },
                { "\xc0\x80", 0 },
                { "\xc1\xbf", 0 },
                { "\xc2\x80", 2 },
                { "\xc2\x7f", 0 },
                { "\xc2", 0 },
                { "\xdf\xbf", 2 },
                { "\xe0\x9f\xbf", 0 },
                { "\xe0\xa0\x80", 3 },
                { "\xe1\x80", 0 },
                { "\xed\x9f\xbf", 3 },
                { "\xed\xa0\x80", 0 },
                { "\xef\xbf\xbd", 3 },
                { "\xf0\x8f\xbf\xbf", 0 },
                { "\xf0\x90\x80\x80", 4 },
                { "\xf4\x8f\xbf\xbf", 4 },
                { "\xf4\x90\x80\x80", 0 },
                { "\xf4\x8f\xbf", 0 },
                { "\xf5\x80\x80\x80", 0 },
                { "\xff", 0 },
        };
        assert_int_equal(length_of("", 0), 0);
        assert_int_equal(length_of("", 1), 1); /* a NUL is a character */
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (length_of(cases[i].text, strlen(cases[i].text)) != cases[i].length)
                        fail_msg("case %zu", i);
}

static void each_code_point_is_written_with_its_measured_length(void **state UNUSED)
{
        char out[4];
        for (uint32_t point = 0; point <= 0x10FFFF; point++) {
                size_t length = utf8_write(out, point);
                assert_int_equal(length_of(out, length), length);
                if (point >= 0xD800 && point <= 0xDFFF)
                        assert_memory_equal(out, "\xef\xbf\xbd", 3);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(characters_have_a_length_and_invalid_bytes_have_none),
                cmocka_unit_test(each_code_point_is_written_with_its_measured_length),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
