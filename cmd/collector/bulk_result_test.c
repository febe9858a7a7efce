/* bulk_result: counts, the first failures in order, keys by line, and the line up to which every outcome is final. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "bulk_result.h"

#define KEY "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"

static struct bulk_result result;
static struct buf text;

static int setup(void **state UNUSED)
{
        bulk_result_init(&result, false);
        buf_init(&text, 0);
        return 0;
}

static int teardown(void **state UNUSED)
{
        bulk_result_fini(&result);
        buf_fini(&text);
        return 0;
}

static void begin(uint64_t line)
{
        assert_int_equal(bulk_result_begin(&result, line), 0);
}

static void note_failure(uint64_t line, int status, bool is_final, const char *detail)
{
        bulk_result_failed(&result, line, &(struct bulk_failure){ .status = status, .is_final = is_final }, detail);
}

static const char *print(size_t max_bytes)
{
        buf_clear(&text, SIZE_MAX);
        assert_int_equal(bulk_result_print(&result, max_bytes, &text), 0);
        return text.data;
}

static void failures_are_sorted_by_line(void **state UNUSED)
{
        for (uint64_t line = 1; line <= 3; line++)
                begin(line);
        note_failure(3, 400, true, "column 1: \"x\"");
        bulk_result_stored(&result, 2, KEY, false);
        note_failure(1, 422, true, "other");
        assert_string_equal(print(SIZE_MAX), "\"stored\":1,\"failed\":2,\"replayed\":0,\"errors\":["
                                             "{\"line\":1,\"status\":422,\"detail\":\"other\"},"
                                             "{\"line\":3,\"status\":400,\"detail\":\"column 1: \\\"x\\\"\"}]");
        assert_int_equal(bulk_result_status(&result, false), 200);
        assert_int_equal(bulk_result_status(&result, true), 422);
}

static void the_status_is_400_only_if_nothing_was_stored(void **state UNUSED)
{
        assert_int_equal(bulk_result_status(&result, true), 200); /* without any line */
        begin(1);
        note_failure(1, 400, true, "x");
        assert_int_equal(bulk_result_status(&result, false), 400);
        assert_int_equal(bulk_result_status(&result, true), 400);
        begin(2);
        bulk_result_stored(&result, 2, KEY, true);
        assert_int_equal(bulk_result_status(&result, false), 200);
        result.ended = 507;
        assert_int_equal(bulk_result_status(&result, false), 507);
}

static void stored_through_is_the_line_before_the_first_that_is_not_final(void **state UNUSED)
{
        for (uint64_t line = 1; line <= 9; line++)
                begin(line);
        result.ended = 503;
        note_failure(2, 400, true, "x");
        assert_non_null(strstr(print(SIZE_MAX), ",\"storedThrough\":9"));
        note_failure(7, 503, false, "away");
        note_failure(5, 503, false, "away");
        note_failure(8, 503, false, "away");
        assert_non_null(strstr(print(SIZE_MAX), ",\"storedThrough\":4"));
        note_failure(1, 503, false, "away");
        assert_non_null(strstr(print(SIZE_MAX), ",\"storedThrough\":0"));
}

static void the_position_in_an_array_is_reported(void **state UNUSED)
{
        result.ended = 400;
        result.where = (struct json_position){ .line = 3, .column = 7 };
        assert_non_null(strstr(print(SIZE_MAX), ",\"storedThrough\":0,\"line\":3,\"column\":7"));
}

static void failures_beyond_a_hundred_are_counted(void **state UNUSED)
{
        for (uint64_t line = 1; line <= 150; line++) {
                begin(line);
                note_failure(line, 400, true, "x");
        }
        assert_non_null(
                strstr(print(SIZE_MAX), "{\"line\":100,\"status\":400,\"detail\":\"x\"}],\"errorsOmitted\":50"));
}

static void a_short_answer_omits_failures_and_keys(void **state UNUSED)
{
        char detail[256];
        bulk_result_fini(&result);
        bulk_result_init(&result, true);
        memset(detail, '"', sizeof(detail));
        detail[255] = '\0';
        for (uint64_t line = 1; line <= 150; line++) {
                begin(line);
                note_failure(line, 503, false, detail);
        }
        result.ended = 503;
        assert_null(strstr(print(12 << 10), "\"keys\""));
        assert_in_range(text.len, 10 << 10, 12 << 10);
        assert_non_null(strstr(text.data, "\"errorsOmitted\":1"));
        assert_non_null(strstr(text.data, "\"storedThrough\":0"));
}

static void each_line_has_a_key_or_null(void **state UNUSED)
{
        bulk_result_fini(&result);
        bulk_result_init(&result, true);
        begin(2);
        bulk_result_stored(&result, 2, KEY, false);
        begin(3);
        note_failure(3, 400, true, "x");
        assert_non_null(strstr(print(SIZE_MAX), ",\"keys\":[null,\"" KEY "\",null]"));
        begin(BULK_KEYS_MAX);
        bulk_result_stored(&result, BULK_KEYS_MAX, KEY, false);
        const char *keys = strstr(print(SIZE_MAX), ",\"keys\":[null,\"" KEY "\",null,null");
        assert_non_null(keys);
        assert_string_equal(text.data + text.len - sizeof(KEY) - 2, "\"" KEY "\"]");
}

static void a_body_is_a_replay_only_if_nothing_is_new(void **state UNUSED)
{
        assert_false(bulk_result_is_replay(&result));
        begin(1);
        bulk_result_stored(&result, 1, KEY, true);
        assert_true(bulk_result_is_replay(&result));
        begin(2);
        bulk_result_stored(&result, 2, KEY, false);
        assert_false(bulk_result_is_replay(&result));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(failures_are_sorted_by_line, setup, teardown),
                cmocka_unit_test_setup_teardown(the_status_is_400_only_if_nothing_was_stored, setup, teardown),
                cmocka_unit_test_setup_teardown(stored_through_is_the_line_before_the_first_that_is_not_final, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(the_position_in_an_array_is_reported, setup, teardown),
                cmocka_unit_test_setup_teardown(failures_beyond_a_hundred_are_counted, setup, teardown),
                cmocka_unit_test_setup_teardown(a_short_answer_omits_failures_and_keys, setup, teardown),
                cmocka_unit_test_setup_teardown(each_line_has_a_key_or_null, setup, teardown),
                cmocka_unit_test_setup_teardown(a_body_is_a_replay_only_if_nothing_is_new, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
