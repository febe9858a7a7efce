/* Tests of the lines of a restore: what is found, skipped and rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "restore_line.h"

#define KEY "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"

static int read_line(const char *line, char key[UUID_TEXT_SIZE], struct json_span *document, struct err *err)
{
        return restore_line_read((struct json_span){ line, strlen(line) }, key, document, err);
}

static void the_document_is_found_unchanged(void **state UNUSED)
{
        static const struct {
                const char *line, *document;
        } cases[] = {
                { "{\"key\":\"" KEY "\",\"document\":{\"a\":1.50,  \"a\":1e400 }}", "{\"a\":1.50,  \"a\":1e400 }" },
                { " { \"document\" : {} , \"key\" : \"0B9D5C0E-6A9A-4D1C-9A51-2F0F6C3F7A10\" } \r", "{}" },
                { "{\"key\":\"" KEY "\",\"document\":{\"end\":1},\"cursor\":\"x.2026-11-28.0-0\"}", "{\"end\":1}" },
                { "{\"end\":1,\"key\":\"" KEY "\",\"document\":{}}", "{}" },
                { "{\"k\\u0065y\":\"\\u0030b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10\",\"document\":{}}", "{}" },
                { "{\"key\":\"x\",\"document\":[],\"key\":\"" KEY "\",\"document\":{\"b\":2}}", "{\"b\":2}" },
                { "{\"key\":\"" KEY "\",\"document\":7,\"other\":{\"key\":1}}", "7" }, /* checked later, by the
                                                                                        * deposit */
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char key[UUID_TEXT_SIZE];
                struct json_span document;
                struct err err;
                assert_int_equal(read_line(cases[i].line, key, &document, &err), 0);
                assert_string_equal(key, KEY);
                assert_int_equal(document.length, strlen(cases[i].document));
                assert_memory_equal(document.bytes, cases[i].document, document.length);
        }
}

static void the_last_line_of_an_export_is_skipped(void **state UNUSED)
{
        char key[UUID_TEXT_SIZE];
        struct json_span document;
        struct err err;
        assert_int_equal(read_line("{\"end\":{\"count\":3,\"cursor\":\"x\"}}", key, &document, &err), RESTORE_SKIP);
        assert_int_equal(read_line("{\"e\\u006ed\":null,\"more\":1}", key, &document, &err), RESTORE_SKIP);
}

static void the_error_says_what_is_wrong(void **state UNUSED)
{
        static const struct {
                const char *line, *text;
        } cases[] = {
                { "{\"document\":{}}", "the line has no member `key`" },
                { "{}", "the line has no member `key`" },
                { "{\"key\":\"" KEY "\"}", "the line has no member `document`" },
                { "{\"key\":\"" KEY "\",\"end\":1}", "the line has no member `document`" },
                { "{\"document\":{},\"end\":1}", "the line has no member `key`" },
                { "{\"key\":\"x\",\"document\":{}}", "key: expected a UUID of 36 characters" },
                { "{\"key\":7,\"document\":{}}", "key: expected a UUID of 36 characters" },
                { "{\"key\":\"" KEY "0\",\"document\":{}}", "key: expected a UUID of 36 characters" },
                { "{\"key\":\"" KEY "\",\"document\":{}", "column 60: " },
                { "[1]", "column 1: " },
                { "{\"key\":\"" KEY "\",\"document\":{\"a\":01}}", "column 64: " },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char key[UUID_TEXT_SIZE];
                struct json_span document;
                struct err err;
                assert_int_equal(read_line(cases[i].line, key, &document, &err), ERR_INVALID);
                if (strncmp(err.text, cases[i].text, strlen(cases[i].text)) != 0)
                        fail_msg("%s: \"%s\", expected \"%s\"", cases[i].line, err.text, cases[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_document_is_found_unchanged),
                cmocka_unit_test(the_last_line_of_an_export_is_skipped),
                cmocka_unit_test(the_error_says_what_is_wrong),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
