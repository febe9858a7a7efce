#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static void strings_are_decoded_to_utf8(void **state)
{
        (void)state;
        static const struct {
                const char *string, *text;
                size_t length;
        } cases[] = {
                { "\"\"", "", 0 },
                { "\"plain\"", "plain", 5 },
                { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
                { "\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6 },
                { "\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", 4 },
                { "\"\\udbff\\udfff\"", "\xF4\x8F\xBF\xBF", 4 },
                { "\"\\ud800\"", "\xEF\xBF\xBD", 3 },
                { "\"\\udc00x\"", "\xEF\xBF\xBDx", 4 },
                { "\"\\ud800\\ud83d\\ude00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80", 7 },
                { "\"\\ud800\\\\udc00\"", "\xEF\xBF\xBD\\udc00", 9 },
                { "\"a\\u0000b\"", "a\0b", 3 },
                { "\"\xC3\xA9\"", "\xC3\xA9", 2 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                buf_init(&out, 0);
                struct json_span string = { cases[i].string, strlen(cases[i].string) };
                assert_int_equal(json_decode_string(string, &out), 0);
                assert_int_equal(out.len, cases[i].length);
                if (out.len > 0)
                        assert_memory_equal(out.data, cases[i].text, out.len);
                buf_fini(&out);
        }
}

static void text_that_is_not_a_string_is_not_decoded(void **state)
{
        (void)state;
        static const char *const cases[] = { "", "\"", "1", "{}", "\"a", "\"a\"b", "\"\\x\"", "\"\xFF\"", "\"\n\"" };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                buf_init(&out, 0);
                assert_int_equal(json_decode_string((struct json_span){ cases[i], strlen(cases[i]) }, &out),
                                 ERR_INVALID);
                assert_int_equal(out.len, 0);
                buf_fini(&out);
        }
}

static void arbitrary_bytes_become_a_string_that_decodes_to_them(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                size_t length;
                const char *string;
        } cases[] = {
                { "", 0, "\"\"" },
                { NULL, 0, "\"\"" },
                { "plain", 5, "\"plain\"" },
                { "a\"b\\c/", 6, "\"a\\\"b\\\\c/\"" },
                { "\b\f\n\r\t\x01\x1F\x7F", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\"" },
                { "a\0b", 3, "\"a\\u0000b\"" },
                { "\xC3\xA9\xF0\x9F\x98\x80", 6, "\"\xC3\xA9\xF0\x9F\x98\x80\"" },
                { "\xFFx\xC3", 3, "\"\xEF\xBF\xBDx\xEF\xBF\xBD\"" },
                { "\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                buf_init(&out, 0);
                assert_int_equal(json_escape(&out, cases[i].text, cases[i].length), 0);
                assert_string_equal(out.data, cases[i].string);
                buf_fini(&out);
        }
}

static void a_string_that_does_not_fit_leaves_the_buffer_unchanged(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 8);
        assert_int_equal(json_escape(&out, "\x01\x02", 2), ERR_LIMIT);
        assert_int_equal(out.len, 0);
        assert_int_equal(json_escape(&out, "\x01", 1), 0);
        assert_string_equal(out.data, "\"\\u0001\"");
        assert_int_equal(json_decode_string((struct json_span){ "\"123\"", 5 }, &out), ERR_LIMIT);
        assert_int_equal(out.len, 8);
        buf_fini(&out);
}

static void a_name_is_compared_with_its_escapes_decoded(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                bool is_key;
        } cases[] = {
                { "\"key\"", true },   { "\"\\u006bey\"", true },  { "\"ke\"", false },
                { "\"keys\"", false }, { "\"\\u006bez\"", false }, { "\"key\\u0000\"", false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_int_equal(json_name_is((struct json_span){ cases[i].name, strlen(cases[i].name) }, "key"),
                                 cases[i].is_key);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(strings_are_decoded_to_utf8),
                cmocka_unit_test(a_name_is_compared_with_its_escapes_decoded),
                cmocka_unit_test(text_that_is_not_a_string_is_not_decoded),
                cmocka_unit_test(arbitrary_bytes_become_a_string_that_decodes_to_them),
                cmocka_unit_test(a_string_that_does_not_fit_leaves_the_buffer_unchanged),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
