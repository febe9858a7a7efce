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

static void assert_form(const char *body, size_t length, const struct form_limits *limits, const char *json)
{
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(form_to_json(body, length, limits, &out, &err), 0);
        if (strcmp(out.data, json) != 0)
                fail_msg("%s\n  expected %s\n  got      %s", body, json, out.data);
        buf_fini(&out);
}

static void every_body_is_read_as_qs_reads_it(void **state)
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

static void raw_bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
        (void)state;
        assert_form("a=\xFF&\xC3=%41", 9, NULL, "{\"a\":\"\xEF\xBF\xBD\",\"\xEF\xBF\xBD\":\"A\"}");
        assert_form("a=x\0y", 5, NULL, "{\"a\":\"x\\u0000y\"}");
}

static void parameters_behind_the_limit_are_left_out(void **state)
{
        (void)state;
        const struct form_limits limits = { .parameters_max = 2 };
        assert_form("a=1&b=2&c=3", 11, &limits, "{\"a\":\"1\",\"b\":\"2\"}");
}

static void brackets_behind_the_depth_become_one_name(void **state)
{
        (void)state;
        const struct form_limits limits = { .depth_max = 1 };
        assert_form("a[b][c][d]=1", 12, &limits, "{\"a\":{\"b\":{\"[c][d]\":\"1\"}}}");
}

static void too_much_json_is_refused_and_leaves_the_buffer_as_it_was(void **state)
{
        (void)state;
        const struct form_limits limits = { .max_bytes = 20 };
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(buf_puts(&out, "before"), 0);
        /* Six bytes of JSON for one of the form: {"a":"\u0001\u0001\u0001"} */
        assert_int_equal(form_to_json("a=\1\1\1", 5, &limits, &out, &err), ERR_LIMIT);
        assert_string_equal(err.text, "the form makes more than 20 bytes of JSON");
        assert_string_equal(out.data, "before");
        assert_int_equal(form_to_json("a=\1\1", 4, &limits, &out, &err), 0);
        assert_string_equal(out.data, "before{\"a\":\"\\u0001\\u0001\"}");
        buf_fini(&out);
}

static void no_bytes_at_all_make_an_empty_object(void **state)
{
        (void)state;
        assert_form(NULL, 0, NULL, "{}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_body_is_read_as_qs_reads_it),
                cmocka_unit_test(every_result_is_an_object_that_the_check_accepts),
                cmocka_unit_test(raw_bytes_that_are_no_utf8_become_replacement_characters),
                cmocka_unit_test(parameters_behind_the_limit_are_left_out),
                cmocka_unit_test(brackets_behind_the_depth_become_one_name),
                cmocka_unit_test(too_much_json_is_refused_and_leaves_the_buffer_as_it_was),
                cmocka_unit_test(no_bytes_at_all_make_an_empty_object),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
