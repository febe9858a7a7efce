#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

struct valid_case {
        const char *bytes;
        size_t members;
};

struct invalid_case {
        const char *bytes;
        enum json_problem problem;
        const char *text;
};

static void valid_objects_are_accepted(void **state)
{
        (void)state;
        static const struct valid_case cases[] = {
                { "{}", 0 },
                { " \t\r\n{ \n } \t\r\n", 0 },
                { "{\"a\":1}", 1 },
                { "{\"a\":1,\"a\":2}", 2 },
                { "{\"\":\"\"}", 1 },
                { "{ \"a\" : [ ] , \"b\" : { } , \"c\" : [ 1 , 2 ] }", 3 },
                { "{\"a\":[true,false,null]}", 1 },
                { "{\"a\":[0,-0,1,-1,10,0.0,1.5,-1.5e3,1E+2,1e-2,0e0,123456789012345678]}", 1 },
                { "{\"a\":\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\uABCD\"}", 1 },
                { "{\"a\":\"a string of more than eight bytes\",\"b\":\"12345678\"}", 2 },
                { "{\"a\":\"\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF \xF0\x90\x80\x80 "
                  "\xF4\x8F\xBF\xBF\"}",
                  1 },
                { "{\"a\":\"\x7F\"}", 1 },
                /* The inputs that json.h lists as accepted in addition to jansson's. */
                { "{\"a\":18446744073709551616}", 1 },
                { "{\"a\":-9223372036854775809}", 1 },
                { "{\"a\":1e400}", 1 },
                { "{\"a\":\"\\u0000\",\"\\u0000\":1}", 2 },
                { "{\"a\":\"\\ud800\"}", 1 },
                { "{\"a\":\"\\udc00\\ud800x\\ud800\\ud800\"}", 1 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct json_object object;
                struct err err;
                if (json_check_object(cases[i].bytes, strlen(cases[i].bytes), NULL, &object, NULL, &err) < 0)
                        fail_msg("%s: %s", cases[i].bytes, err.text);
                assert_int_equal(object.members, cases[i].members);
        }
}

static void invalid_documents_are_rejected_with_line_column_and_reason(void **state)
{
        (void)state;
        static const struct invalid_case cases[] = {
                { "", JSON_EMPTY, "line 1, column 1: expected a JSON document, found the end" },
                { " \n ", JSON_EMPTY, "line 2, column 2: expected a JSON document, found the end" },
                { "[1,2]", JSON_NOT_OBJECT, "line 1, column 1: expected an object, found '['" },
                { "\n \"text\" ", JSON_NOT_OBJECT, "line 2, column 2: expected an object, found '\"'" },
                { "12", JSON_NOT_OBJECT, "line 1, column 1: expected an object, found '1'" },
                { "[1,2", JSON_BAD_SYNTAX, "line 1, column 5: expected ',' or ']' after an element, found the end" },
                { "hello", JSON_BAD_SYNTAX, "line 1, column 1: expected a value, found 'h'" },
                { "\xEF\xBB\xBF{}", JSON_BAD_SYNTAX, "line 1, column 1: a byte order mark is not allowed" },
                { "{} x", JSON_BAD_SYNTAX, "line 1, column 4: expected nothing more after the document, found 'x'" },
                { "{}{}", JSON_BAD_SYNTAX, "line 1, column 3: expected nothing more after the document, found '{'" },
                { "{", JSON_BAD_SYNTAX, "line 1, column 2: expected a member's name in double quotes, found the end" },
                { "{a:1}", JSON_BAD_SYNTAX, "line 1, column 2: expected a member's name in double quotes, found 'a'" },
                { "{'a':1}", JSON_BAD_SYNTAX,
                  "line 1, column 2: expected a member's name in double quotes, found '''" },
                { "{\"a\":1,}", JSON_BAD_SYNTAX,
                  "line 1, column 8: expected a member's name in double quotes, found '}'" },
                { "{,}", JSON_BAD_SYNTAX, "line 1, column 2: expected a member's name in double quotes, found ','" },
                { "{\"a\"}", JSON_BAD_SYNTAX, "line 1, column 5: expected ':' after a member's name, found '}'" },
                { "{\"a\" 1}", JSON_BAD_SYNTAX, "line 1, column 6: expected ':' after a member's name, found '1'" },
                { "{\"a\":}", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found '}'" },
                { "{\"a\":", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found the end" },
                { "{\"a\":1", JSON_BAD_SYNTAX, "line 1, column 7: expected ',' or '}' after a member, found the end" },
                { "{\"a\":1]", JSON_BAD_SYNTAX, "line 1, column 7: expected ',' or '}' after a member, found ']'" },
                { "{\n  \"a\": 1\n  \"b\": 2\n}", JSON_BAD_SYNTAX,
                  "line 3, column 3: expected ',' or '}' after a member, found '\"'" },
                { "{\"a\":{\"b\":1 \"c\"}}", JSON_BAD_SYNTAX,
                  "line 1, column 13: expected ',' or '}' after a member, found '\"'" },
                { "{\"a\":[1,]}", JSON_BAD_SYNTAX, "line 1, column 9: expected a value, found ']'" },
                { "{\"a\":[1 2]}", JSON_BAD_SYNTAX,
                  "line 1, column 9: expected ',' or ']' after an element, found '2'" },
                { "{\"a\":tru}", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found 't'" },
                { "{\"a\":truee}", JSON_BAD_SYNTAX,
                  "line 1, column 10: expected ',' or '}' after a member, found 'e'" },
                { "{\"a\":NaN}", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found 'N'" },
                { "{\"a\":+1}", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found '+'" },
                { "{\"a\":.5}", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found '.'" },
                { "{\"a\":01}", JSON_BAD_SYNTAX, "line 1, column 7: a number must not start with 0" },
                { "{\"a\":-}", JSON_BAD_SYNTAX, "line 1, column 7: expected a digit after '-', found '}'" },
                { "{\"a\":1.}", JSON_BAD_SYNTAX, "line 1, column 8: expected a digit after '.', found '}'" },
                { "{\"a\":1e}", JSON_BAD_SYNTAX, "line 1, column 8: expected a digit in an exponent, found '}'" },
                { "{\"a\":1e+", JSON_BAD_SYNTAX, "line 1, column 9: expected a digit in an exponent, found the end" },
                { "{\"a\":0x1}", JSON_BAD_SYNTAX, "line 1, column 7: expected ',' or '}' after a member, found 'x'" },
                { "{\"a\": /**/ 1}", JSON_BAD_SYNTAX, "line 1, column 7: expected a value, found '/'" },
                { "{\"a\":\x01}", JSON_BAD_SYNTAX, "line 1, column 6: expected a value, found the byte 0x01" },
                { "{\"a\":\"x", JSON_BAD_SYNTAX, "line 1, column 6: a string is not closed" },
                { "{\"a\":\"x\\", JSON_BAD_SYNTAX, "line 1, column 6: a string is not closed" },
                { "{\"a\":\"x\\u12", JSON_BAD_SYNTAX, "line 1, column 6: a string is not closed" },
                { "{\"a\":\"x\\\"}", JSON_BAD_SYNTAX, "line 1, column 6: a string is not closed" },
                { "{\"a\":\"\\x\"}", JSON_BAD_SYNTAX, "line 1, column 7: no such escape in a string" },
                { "{\"a\":\"\\u12g4\"}", JSON_BAD_SYNTAX, "line 1, column 7: \\u needs four hexadecimal digits" },
                { "{\"a\":\"1\n2\"}", JSON_BAD_SYNTAX,
                  "line 1, column 8: a control character in a string must be escaped" },
                { "{\"a\":\"a long plain run\t\"}", JSON_BAD_SYNTAX,
                  "line 1, column 23: a control character in a string must be escaped" },
                /* Columns count characters, not bytes. */
                { "{\"\xC3\xA9\xF0\x9F\x98\x80\":?}", JSON_BAD_SYNTAX,
                  "line 1, column 7: expected a value, found '?'" },
                { "{\"a\":\"\x80\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xC3\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xC1\xBF\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xE0\x9F\xBF\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xED\xA0\x80\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xF0\x8F\xBF\xBF\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xF4\x90\x80\x80\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xF5\x80\x80\x80\"}", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"a\":\"\xE2\x82", JSON_BAD_UTF8, "line 1, column 7: invalid UTF-8" },
                { "{\"\xFF\":1}", JSON_BAD_UTF8, "line 1, column 3: invalid UTF-8" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct json_object object;
                struct json_position where;
                struct err err;
                int rc = json_check_object(cases[i].bytes, strlen(cases[i].bytes), NULL, &object, &where, &err);
                if (rc != ERR_INVALID || strcmp(err.text, cases[i].text) != 0)
                        fail_msg("%s\n  expected %s\n  got      %s", cases[i].bytes, cases[i].text,
                                 rc < 0 ? err.text : "(accepted)");
                assert_int_equal(where.problem, cases[i].problem);
        }
}

static void a_nul_byte_is_not_special(void **state)
{
        (void)state;
        static const char bytes[] = "{}\0";
        struct json_object object;
        struct json_position where;
        assert_int_equal(json_check_object(bytes, 3, NULL, &object, &where, NULL), ERR_INVALID);
        assert_int_equal(where.offset, 2);
        assert_int_equal(json_check_object(NULL, 0, NULL, &object, &where, NULL), ERR_INVALID);
        assert_int_equal(where.problem, JSON_EMPTY);
}

/* {"a":[[...]]}, `depth` levels in total */
static size_t make_nested(char *out, size_t depth)
{
        size_t length = 0;
        memcpy(out, "{\"a\":", 5);
        length = 5;
        memset(out + length, '[', depth - 1);
        memset(out + length + depth - 1, ']', depth - 1);
        length += 2 * (depth - 1);
        out[length++] = '}';
        return length;
}

static void nesting_is_allowed_up_to_the_limit(void **state)
{
        (void)state;
        static char bytes[2 * JSON_DEPTH_MAX + 64];
        static const struct {
                size_t option, allowed;
        } cases[] = { { 0, 128 }, { 1, 1 }, { 5, 5 }, { 2048, 2048 }, { 100000, 2048 } };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                const struct json_options options = { .depth_max = cases[i].option };
                struct json_object object;
                struct json_position where;
                struct err err;
                size_t length = make_nested(bytes, cases[i].allowed);
                if (cases[i].allowed > 1)
                        assert_int_equal(json_check_object(bytes, length, &options, &object, &where, &err), 0);
                length = make_nested(bytes, cases[i].allowed + 1);
                assert_int_equal(json_check_object(bytes, length, &options, &object, &where, &err), ERR_INVALID);
                assert_int_equal(where.problem, JSON_TOO_DEEP);
                assert_int_equal(where.column, 5 + cases[i].allowed);
                assert_non_null(strstr(err.text, "nested too deep"));
        }
}

static void a_failed_check_leaves_its_outputs_unchanged(void **state)
{
        (void)state;
        struct json_object object = { .members = 77 };
        assert_int_equal(json_check_object("{\"a\":1,", 7, NULL, &object, NULL, NULL), ERR_INVALID);
        assert_int_equal(object.members, 77);
}

static void watched_names_are_decoded_and_found_at_top_level(void **state)
{
        (void)state;
        static const struct json_options options = { .watch = { "created", "correlationId" } };
        static const struct {
                const char *bytes;
                size_t created, correlation;
                const char *last;
        } cases[] = {
                { "{}", 0, 0, NULL },
                { "{\"created\":1}", 1, 0, "1" },
                { "{\"created\" : 1 ,\"x\":2,\"created\": [ 3 ] }", 2, 0, "[ 3 ]" },
                { "{\"x\":{\"created\":1},\"y\":[{\"correlationId\":1}],\"z\":\"created\"}", 0, 0, NULL },
                { "{\"correl\\u0061tionId\":1,\"correlationId\":2}", 0, 2, NULL },
                { "{\"\\u0063\\u0072\\u0065\\u0061\\u0074\\u0065\\u0064\":null}", 1, 0, "null" },
                { "{\"Created\":1,\"creat\":1,\"createdx\":1,\"create\\u00e4\":1,\"created\\u0000\":1}", 0, 0, NULL },
                { "{\"create\\ud800\":1,\"\\u0063reate\":1,\"\\u0063reatedx\":1}", 0, 0, NULL },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct json_object object;
                struct err err;
                assert_int_equal(
                        json_check_object(cases[i].bytes, strlen(cases[i].bytes), &options, &object, NULL, &err), 0);
                assert_int_equal(object.watched[0].count, cases[i].created);
                assert_int_equal(object.watched[1].count, cases[i].correlation);
                if (!cases[i].last)
                        continue;
                assert_int_equal(object.watched[0].value.length, strlen(cases[i].last));
                assert_memory_equal(object.watched[0].value.bytes, cases[i].last, strlen(cases[i].last));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(valid_objects_are_accepted),
                cmocka_unit_test(invalid_documents_are_rejected_with_line_column_and_reason),
                cmocka_unit_test(a_nul_byte_is_not_special),
                cmocka_unit_test(nesting_is_allowed_up_to_the_limit),
                cmocka_unit_test(a_failed_check_leaves_its_outputs_unchanged),
                cmocka_unit_test(watched_names_are_decoded_and_found_at_top_level),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
