/* Tests of what appending functions do when memory runs out; `make torture` makes each allocation fail in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json/json.h"

/* Asserts that the result is complete or empty. */
static void assert_complete_or_empty(const struct buf *out, int rc, const char *whole)
{
        assert_true(rc == 0 || rc == ERR_NOMEM);
        assert_int_equal(out->len, rc == 0 ? strlen(whole) : 0);
        if (rc == 0)
                assert_string_equal(out->data, whole);
}

static void a_form_is_complete_or_absent_whichever_allocation_fails(void **state UNUSED)
{
        static const char body[] = "a[b][c]=1&a[b][d]=2&l[]=1&l[]=%C3%A9&l[3]=x&n=1&n=2&e=";
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        int rc = form_to_json(body, strlen(body), NULL, &out, &err);
        assert_complete_or_empty(&out, rc,
                                 "{\"a\":{\"b\":{\"c\":\"1\",\"d\":\"2\"}},\"l\":[\"1\",\"\xc3\xa9\",\"x\"],"
                                 "\"n\":[\"1\",\"2\"],\"e\":\"\"}");
        buf_fini(&out);
}

static void a_spliced_object_is_complete_or_absent_whichever_allocation_fails(void **state UNUSED)
{
        static const char bytes[] = "{\"x\":1,\"y\":2}";
        struct json_options options = { .watch = { "x" } };
        struct json_object object;
        struct buf out;
        struct err err;
        buf_init(&out, 0);
        assert_int_equal(json_check_object(bytes, strlen(bytes), &options, &object, NULL, &err), 0);
        assert_complete_or_empty(&out, json_splice(&out, &object, JSON_CUT(0), "\"z\":3", 5), "{\"y\":2,\"z\":3}");
        buf_fini(&out);
}

static void a_string_is_complete_or_absent_whichever_allocation_fails(void **state UNUSED)
{
        struct buf out;
        buf_init(&out, 0);
        int rc = json_escape(&out, "a\"\n\xff", 4);
        assert_complete_or_empty(&out, rc, "\"a\\\"\\n\xef\xbf\xbd\"");
        buf_clear(&out, 0);
        rc = json_decode_string((struct json_span){ "\"\\u00e9\\n\"", 10 }, &out);
        assert_complete_or_empty(&out, rc, "\xc3\xa9\n");
        buf_fini(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_form_is_complete_or_absent_whichever_allocation_fails),
                cmocka_unit_test(a_spliced_object_is_complete_or_absent_whichever_allocation_fails),
                cmocka_unit_test(a_string_is_complete_or_absent_whichever_allocation_fails),
        };
        return cmocka_run_group_tests_name("json without memory", tests, NULL, NULL);
}
