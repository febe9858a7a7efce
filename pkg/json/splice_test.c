#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

static const struct json_options options = { .watch = { "created", "correlationId" } };

struct splice_case {
        const char *document;
        unsigned cut;
        const char *tail, *expected;
};

static void assert_splice(const struct splice_case *c)
{
        struct json_object object;
        struct err err;
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(json_check_object(c->document, strlen(c->document), &options, &object, NULL, &err), 0);
        assert_int_equal(json_splice(&out, &object, c->cut, c->tail, strlen(c->tail)), 0);
        if (strcmp(out.data, c->expected) != 0)
                fail_msg("%s\n  expected %s\n  got      %s", c->document, c->expected, out.data);
        assert_int_equal(json_check_object(out.data, out.len, NULL, &object, NULL, &err), 0);
        buf_fini(&out);
}

static void members_are_appended_at_the_end_and_the_rest_is_unchanged(void **state)
{
        (void)state;
        static const struct splice_case cases[] = {
                { "{}", 0, "\"t\":1", "{\"t\":1}" },
                { " { } ", 0, "\"t\":1", "{\"t\":1}" },
                { "{}", 0, "", "{}" },
                { "{\"a\":1}", 0, "", "{\"a\":1}" },
                { "{\"a\":1}", 0, "\"t\":1", "{\"a\":1,\"t\":1}" },
                { "\n{ \"a\" : 1 ,\n \"b\":[ 2 ] \n}\n", 0, "\"t\":1", "{ \"a\" : 1 ,\n \"b\":[ 2 ],\"t\":1}" },
                { "{\"a\":1.10e+02,\"b\":\"\\u00E9\\/\"}", 0, "\"t\":1,\"u\":2",
                  "{\"a\":1.10e+02,\"b\":\"\\u00E9\\/\",\"t\":1,\"u\":2}" },
                { "{\"created\":1}", JSON_CUT(1), "\"t\":1", "{\"created\":1,\"t\":1}" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_splice(&cases[i]);
}

static void every_member_with_a_cut_name_is_removed(void **state)
{
        (void)state;
        static const struct splice_case cases[] = {
                { "{\"correlationId\":1}", JSON_CUT(1), "\"t\":1", "{\"t\":1}" },
                { "{\"correlationId\":1}", JSON_CUT(1), "", "{}" },
                { "{ \"correlationId\" : 1 , \"a\" : 2 }", JSON_CUT(1), "\"t\":1", "{\"a\" : 2,\"t\":1}" },
                { "{\"a\":2,\"correlationId\":1}", JSON_CUT(1), "\"t\":1", "{\"a\":2,\"t\":1}" },
                { "{\"a\":2, \"correlationId\":1, \"b\":3}", JSON_CUT(1), "\"t\":1", "{\"a\":2,\"b\":3,\"t\":1}" },
                { "{\"correlationId\":1,\"a\":2,\"correlationId\":{},\"b\":3 , \"c\":4,\"correlationId\":[]}",
                  JSON_CUT(1), "\"t\":1", "{\"a\":2,\"b\":3 , \"c\":4,\"t\":1}" },
                { "{\"correlationId\":1,\"correlationId\":2}", JSON_CUT(1), "\"t\":1", "{\"t\":1}" },
                { "{\"correl\\u0061tionId\":1,\"a\":2}", JSON_CUT(1), "", "{\"a\":2}" },
                { "{\"a\":{\"correlationId\":1},\"b\":[{\"correlationId\":2}],\"c\":\"correlationId\"}", JSON_CUT(1),
                  "", "{\"a\":{\"correlationId\":1},\"b\":[{\"correlationId\":2}],\"c\":\"correlationId\"}" },
                { "{\"created\":1,\"correlationId\":2}", JSON_CUT(0), "", "{\"correlationId\":2}" },
                { "{\"created\":1,\"a\":3,\"correlationId\":2}", JSON_CUT(0) | JSON_CUT(1), "", "{\"a\":3}" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_splice(&cases[i]);
}

static void a_full_buffer_is_an_error_and_stays_unchanged(void **state)
{
        (void)state;
        static const char *const documents[] = { "{\"a\":12345678}", "{\"a\":12345678,\"correlationId\":1}" };
        for (size_t i = 0; i < COUNT_OF(documents); i++) {
                struct json_object object;
                struct err err;
                struct buf out;
                buf_init(&out, 20);
                assert_int_equal(buf_puts(&out, "x"), 0);
                assert_int_equal(json_check_object(documents[i], strlen(documents[i]), &options, &object, NULL, &err),
                                 0);
                assert_int_equal(json_splice(&out, &object, JSON_CUT(1), "\"t\":12", 6), ERR_LIMIT);
                assert_string_equal(out.data, "x");
                buf_fini(&out);
        }
}

static void a_cursor_walks_over_members_in_order(void **state)
{
        (void)state;
        static const char bytes[] = " { \"a\" : 1 , \"b\":{\"x\":[]} } ";
        struct json_cursor cursor;
        struct json_span name;
        struct json_span value;
        struct err err;
        json_cursor_init(&cursor, bytes, strlen(bytes), NULL);
        assert_int_equal(json_member_next(&cursor, &name, &value, NULL, &err), 1);
        assert_memory_equal(name.bytes, "\"a\"", name.length);
        assert_int_equal(value.length, 1);
        assert_int_equal(json_member_next(&cursor, &name, &value, NULL, &err), 1);
        assert_int_equal(value.length, strlen("{\"x\":[]}"));
        assert_memory_equal(value.bytes, "{\"x\":[]}", value.length);
        assert_int_equal(json_member_next(&cursor, &name, &value, NULL, &err), 0);
        assert_int_equal(json_member_next(&cursor, &name, &value, NULL, &err), 0);
        assert_int_equal(cursor.count, 2);
}

/* Walks to the end; returns the number of members, or the error. */
static int walk(const char *bytes, struct err *err)
{
        struct json_cursor cursor;
        struct json_span name, value;
        int rc;
        json_cursor_init(&cursor, bytes, strlen(bytes), NULL);
        while ((rc = json_member_next(&cursor, &name, &value, NULL, err)) > 0)
                assert_true(name.length > 0 && value.length > 0);
        return rc < 0 ? rc : (int)cursor.count;
}

static void a_cursor_checks_as_it_goes(void **state)
{
        (void)state;
        static const struct {
                const char *bytes;
                int rc;
                const char *text;
        } cases[] = {
                { "{}", 0, NULL },
                { " { } ", 0, NULL },
                { "{\"a\":1}", 1, NULL },
                { " { \"a\" : 1 , \"b\":{\"a\":[1,2]} , \"c\":\"}\" } \n", 3, NULL },
                { "", ERR_INVALID, "line 1, column 1: expected an object, found the end" },
                { "[]", ERR_INVALID, "line 1, column 1: expected an object, found '['" },
                { "{", ERR_INVALID, "line 1, column 2: expected a member's name in double quotes, found the end" },
                { "{\"a\":1", ERR_INVALID, "line 1, column 7: expected ',' or '}' after a member, found the end" },
                { "{\"a\":1,}", ERR_INVALID, "line 1, column 8: expected a member's name in double quotes, found '}'" },
                { "{\"a\":1,\n2}", ERR_INVALID,
                  "line 2, column 1: expected a member's name in double quotes, found '2'" },
                { "{\"a\":1} x", ERR_INVALID, "line 1, column 9: expected nothing more after the document, found 'x'" },
                { "{\"a\"}", ERR_INVALID, "line 1, column 5: expected ':' after a member's name, found '}'" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct err err = { 0 };
                assert_int_equal(walk(cases[i].bytes, &err), cases[i].rc);
                if (cases[i].text)
                        assert_string_equal(err.text, cases[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(members_are_appended_at_the_end_and_the_rest_is_unchanged),
                cmocka_unit_test(every_member_with_a_cut_name_is_removed),
                cmocka_unit_test(a_full_buffer_is_an_error_and_stays_unchanged),
                cmocka_unit_test(a_cursor_walks_over_members_in_order),
                cmocka_unit_test(a_cursor_checks_as_it_goes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
