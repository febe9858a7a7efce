/* buf: growth, the maximum, and failures that change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

static void assert_holds(const struct buf *b, const char *expected)
{
        assert_int_equal(b->len, strlen(expected));
        assert_string_equal(b->data, expected);
}

static void a_new_buf_is_empty_and_has_no_memory(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        assert_null(b.data);
        assert_int_equal(b.len, 0);
        buf_fini(&b);
        buf_fini(&b);
}

static void all_ways_of_appending_add_at_the_end(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        assert_int_equal(buf_append(&b, "abc", 2), 0);
        assert_int_equal(buf_puts(&b, "-cd"), 0);
        assert_int_equal(buf_putc(&b, '-'), 0);
        assert_int_equal(buf_printf(&b, "%03d|%s", 7, "e"), 0);
        assert_holds(&b, "ab-cd-007|e");
        buf_fini(&b);
}

static void appending_nothing_succeeds_and_adds_a_nul(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        assert_int_equal(buf_append(&b, NULL, 0), 0);
        assert_holds(&b, "");
        assert_int_equal(buf_printf(&b, "%s", ""), 0);
        assert_holds(&b, "");
        buf_fini(&b);
}

static void bytes_may_be_nul(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        assert_int_equal(buf_append(&b, "a\0b", 3), 0);
        assert_int_equal(b.len, 3);
        assert_memory_equal(b.data, "a\0b", 4);
        buf_fini(&b);
}

static void a_long_text_survives_every_growth(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        for (int i = 0; i < 10000; i++)
                assert_int_equal(buf_printf(&b, "%05d", i), 0);
        assert_int_equal(b.len, 50000);
        assert_memory_equal(b.data, "0000000001", 10);
        assert_string_equal(b.data + 49990, "0999809999");
        buf_fini(&b);
}

static void the_maximum_can_be_reached_but_not_exceeded(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 8);
        assert_int_equal(buf_puts(&b, "12345678"), 0);
        assert_int_equal(buf_putc(&b, '9'), ERR_LIMIT);
        assert_holds(&b, "12345678");
        buf_fini(&b);
}

static void a_failed_append_changes_nothing(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 8);
        assert_int_equal(buf_puts(&b, "12345"), 0);
        assert_int_equal(buf_puts(&b, "6789"), ERR_LIMIT);
        assert_int_equal(buf_append(&b, "6789", 4), ERR_LIMIT);
        assert_int_equal(buf_printf(&b, "%d", 6789), ERR_LIMIT);
        assert_holds(&b, "12345");
        assert_int_equal(buf_printf(&b, "%d", 678), 0);
        assert_holds(&b, "12345678");
        buf_fini(&b);
}

static void a_length_that_would_overflow_is_a_limit_error(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        assert_int_equal(buf_puts(&b, "x"), 0);
        assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
        assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), ERR_LIMIT);
        assert_holds(&b, "x");
        buf_fini(&b);
}

static void reserved_room_can_be_written(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 1000);
        assert_int_equal(buf_reserve(&b, 1000), 0);
        assert_true(b.cap >= 1000);
        memset(b.data, 'x', 1000);
        assert_int_equal(b.len, 0);
        assert_int_equal(buf_reserve(&b, 1001), ERR_LIMIT);
        buf_fini(&b);
}

static void clear_keeps_little_memory_and_frees_much(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 0);
        assert_int_equal(buf_puts(&b, "abc"), 0);
        buf_clear(&b, 4096);
        assert_holds(&b, "");
        assert_int_equal(buf_reserve(&b, 5000), 0);
        buf_clear(&b, 4096);
        assert_null(b.data);
        assert_int_equal(b.cap, 0);
        assert_int_equal(buf_puts(&b, "again"), 0);
        assert_holds(&b, "again");
        buf_fini(&b);
}

static void the_maximum_survives_fini_and_take(void **state UNUSED)
{
        struct buf b;
        buf_init(&b, 2);
        buf_fini(&b);
        assert_int_equal(buf_puts(&b, "abc"), ERR_LIMIT);
        free(buf_take(&b, NULL));
        assert_int_equal(buf_puts(&b, "abc"), ERR_LIMIT);
        assert_int_equal(buf_puts(&b, "ab"), 0);
        buf_fini(&b);
}

static void take_hands_over_the_bytes(void **state UNUSED)
{
        struct buf b;
        size_t len = 99;
        buf_init(&b, 0);
        assert_null(buf_take(&b, &len));
        assert_int_equal(len, 0);
        assert_int_equal(buf_puts(&b, "abc"), 0);
        char *bytes = buf_take(&b, &len);
        assert_string_equal(bytes, "abc");
        assert_int_equal(len, 3);
        assert_null(b.data);
        free(bytes);
        buf_fini(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_new_buf_is_empty_and_has_no_memory),
                cmocka_unit_test(all_ways_of_appending_add_at_the_end),
                cmocka_unit_test(appending_nothing_succeeds_and_adds_a_nul),
                cmocka_unit_test(bytes_may_be_nul),
                cmocka_unit_test(a_long_text_survives_every_growth),
                cmocka_unit_test(the_maximum_can_be_reached_but_not_exceeded),
                cmocka_unit_test(a_failed_append_changes_nothing),
                cmocka_unit_test(a_length_that_would_overflow_is_a_limit_error),
                cmocka_unit_test(reserved_room_can_be_written),
                cmocka_unit_test(clear_keeps_little_memory_and_frees_much),
                cmocka_unit_test(the_maximum_survives_fini_and_take),
                cmocka_unit_test(take_hands_over_the_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
