#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static const struct {
        const char *body, *json;
} cases[] = {
#include "json/testdata/form_cases.h"
};

static void assert_form(const char *body, size_t length, const struct form_options *options, const char *json)
{
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(form_to_json(body, length, options, &out, &err), 0);
        if (strcmp(out.data, json) != 0)
                fail_msg("%s\n  expected %s\n  got      %s", body, json, out.data);
        buf_fini(&out);
}

static void every_body_is_parsed_as_by_express(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_form(cases[i].body, strlen(cases[i].body), NULL, cases[i].json);
}

static void every_result_is_an_object_that_the_check_accepts(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                struct json_object object;
                struct err err;
                buf_init(&out, 0);
                assert_int_equal(form_to_json(cases[i].body, strlen(cases[i].body), NULL, &out, &err), 0);
                assert_int_equal(json_check_object(out.data, out.len, NULL, &object, NULL, &err), 0);
                buf_fini(&out);
        }
}

static void assert_refused(const char *body, size_t length, const struct form_options *options, int code,
                           const char *text)
{
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(form_to_json(body, length, options, &out, &err), code);
        assert_string_equal(err.text, text);
        assert_int_equal(out.len, 0);
        buf_fini(&out);
}

static void fields_that_express_drops_are_kept(void **state)
{
        static const struct {
                const char *body, *json;
        } kept[] = {
                { "__proto__=1", "{\"__proto__\":\"1\"}" },
                { "__proto__[a]=1", "{\"__proto__\":{\"a\":\"1\"}}" },
                { "a[__proto__]=1&a[b]=2", "{\"a\":{\"__proto__\":\"1\",\"b\":\"2\"}}" },
                { "a[constructor][prototype][x]=1", "{\"a\":{\"constructor\":{\"prototype\":{\"x\":\"1\"}}}}" },
                { "=1", "{\"\":\"1\"}" },
                { "=", "{\"\":\"\"}" },
                { "=1&=2&a=3", "{\"\":[\"1\",\"2\"],\"a\":\"3\"}" },
                { "a[b]=1&a=", "{\"a\":[{\"b\":\"1\"},\"\"]}" },
                { "a[b]=1&a", "{\"a\":[{\"b\":\"1\"},\"\"]}" },
                { "a[]=1&a=", "{\"a\":[\"1\",\"\"]}" },
                { "a[b][c]=1&a[b]=", "{\"a\":{\"b\":[{\"c\":\"1\"},\"\"]}}" },
                { "a[b]c=1", "{\"a[b]c\":\"1\"}" },
                { "a[b]c=1&a[b]d=2&a[b]=3", "{\"a[b]c\":\"1\",\"a[b]d\":\"2\",\"a\":{\"b\":\"3\"}}" },
                { "a[b]]=1", "{\"a[b]]\":\"1\"}" },
                { "[]]=1", "{\"[]]\":\"1\"}" },
                { "a[b]c[d]=1", "{\"a[b]c[d]\":\"1\"}" },
                { "a%5Bb%5Dc=1", "{\"a[b]c\":\"1\"}" },
                { "a[b]c[d=1", "{\"a[b]c[d\":\"1\"}" },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(kept); i++)
                assert_form(kept[i].body, strlen(kept[i].body), NULL, kept[i].json);
}

static void escapes_that_do_not_encode_utf8_are_kept(void **state)
{
        (void)state;
        assert_form("a=J%FCrgen+X", 12, NULL, "{\"a\":\"J%FCrgen X\"}");
        assert_form("%FF=%00", 7, NULL, "{\"%FF\":\"\\u0000\"}");
        assert_form("a=x\0y", 5, NULL, "{\"a\":\"x\\u0000y\"}");
}

static void raw_bytes_that_are_not_utf8_are_rejected(void **state)
{
        (void)state;
        assert_refused("a=1&b=\xFF", 7, NULL, ERR_INVALID, "field 2: invalid UTF-8");
        assert_refused("\xC3=%41", 5, NULL, ERR_INVALID, "field 1: invalid UTF-8");
        assert_refused("a=\xC3&b=\xA9", 7, NULL, ERR_INVALID, "field 1: invalid UTF-8");
        assert_refused("a=\xED\xA0\x80", 5, NULL, ERR_INVALID, "field 1: invalid UTF-8");
}

static void latin1_is_converted(void **state)
{
        const struct form_options options = { .is_latin1 = true };
        (void)state;
        assert_form("caf\xE9=cr%E8me+br\xFBl%e9e", 21, &options,
                    "{\"caf\xC3\xA9\":\"cr\xC3\xA8me br\xC3\xBBl\xC3\xA9\x65\"}");
        assert_form("a[%E9]=%C3%A9&b=%&c=%FF%zz", 26, &options,
                    "{\"a\":{\"\xC3\xA9\":\"\xC3\x83\xC2\xA9\"},\"b\":\"%\",\"c\":\"\xC3\xBF%zz\"}");
        assert_form("a=\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 19, &options,
                    "{\"a\":\"\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF"
                    "\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\xC3\xBF\"}");
}

static void more_fields_than_the_limit_are_rejected(void **state)
{
        (void)state;
        char body[2002];
        const struct form_options two = { .fields_max = 2 };
        assert_form("a=1&b=2", 7, &two, "{\"a\":\"1\",\"b\":\"2\"}");
        assert_refused("a=1&b=2&c=3", 11, &two, ERR_LIMIT, "more than 2 fields");
        for (size_t i = 0; i < sizeof(body); i += 2)
                memcpy(body + i, "a&", 2);
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(form_to_json(body, 1999, NULL, &out, &err), 0);
        buf_fini(&out);
        assert_refused(body, 2001, NULL, ERR_LIMIT, "more than 1000 fields");
}

static void more_brackets_than_the_limit_are_rejected(void **state)
{
        (void)state;
        const struct form_options two = { .depth_max = 2 };
        assert_form("a[b][c]=1", 9, &two, "{\"a\":{\"b\":{\"c\":\"1\"}}}");
        assert_refused("x=1&a[b][c][d]=1", 16, &two, ERR_INVALID, "the name a[b][c][d]... has more than 2 brackets");
        assert_refused("[b][c][d=1", 10, &two, ERR_INVALID, "the name [b][c][d... has more than 2 brackets");
        char deep[] =
                "a[b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b]";
        assert_refused(deep, sizeof(deep) - 1, NULL, ERR_INVALID,
                       "the name a[b][b][b][b][b][b][b][b][b][b][b][b][b]... has more than 32 brackets");
        assert_refused(deep, sizeof(deep) - 1, &(struct form_options){ .depth_max = 100 }, ERR_INVALID,
                       "the name a[b][b][b][b][b][b][b][b][b][b][b][b][b]... has more than 32 brackets");
}

static void too_much_json_is_rejected_and_the_buffer_stays_unchanged(void **state)
{
        (void)state;
        const struct form_options options = { .max_bytes = 20 };
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(buf_puts(&out, "before"), 0);
        /* One byte of the form makes six bytes of JSON: {"a":"\u0001\u0001\u0001"} */
        assert_int_equal(form_to_json("a=\1\1\1", 5, &options, &out, &err), ERR_LIMIT);
        assert_string_equal(err.text, "more than 20 bytes of JSON");
        assert_string_equal(out.data, "before");
        assert_int_equal(form_to_json("a=\1\1", 4, &options, &out, &err), 0);
        assert_string_equal(out.data, "before{\"a\":\"\\u0001\\u0001\"}");
        buf_fini(&out);
}

static void an_empty_body_becomes_an_empty_object(void **state)
{
        (void)state;
        assert_form(NULL, 0, NULL, "{}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_body_is_parsed_as_by_express),
                cmocka_unit_test(every_result_is_an_object_that_the_check_accepts),
                cmocka_unit_test(fields_that_express_drops_are_kept),
                cmocka_unit_test(escapes_that_do_not_encode_utf8_are_kept),
                cmocka_unit_test(raw_bytes_that_are_not_utf8_are_rejected),
                cmocka_unit_test(latin1_is_converted),
                cmocka_unit_test(more_fields_than_the_limit_are_rejected),
                cmocka_unit_test(more_brackets_than_the_limit_are_rejected),
                cmocka_unit_test(too_much_json_is_rejected_and_the_buffer_stays_unchanged),
                cmocka_unit_test(an_empty_body_becomes_an_empty_object),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
