/* cursor and feed: names of streams, days, ids, and positions in the feed as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "feed.h"

static void days_are_cut_at_midnight_utc(void **state)
{
        char text[FEED_DAY_SIZE];
        (void)state;
        assert_int_equal(feed_day(0), 0);
        assert_int_equal(feed_day(FEED_DAY_MS - 1), 0);
        assert_int_equal(feed_day(FEED_DAY_MS), 1);
        assert_int_equal(feed_day(-1), -1);
        assert_string_equal(feed_day_format(feed_day(1795478399999), text), "2026-11-23");
        assert_string_equal(feed_day_format(feed_day(1795478400000), text), "2026-11-24");
        assert_int_equal(feed_day_start_ms(feed_day(1795512345678)), 1795478400000);
}

static void a_stream_is_named_by_prefix_and_day(void **state)
{
        char name[FEED_STREAM_SIZE];
        char prefix[FEED_PREFIX_MAX + 1];
        (void)state;
        assert_string_equal(feed_stream("", 20781, name), "collector:feed:2026-11-24");
        assert_string_equal(feed_stream("app:", 20781, name), "app:collector:feed:2026-11-24");
        memset(prefix, 'p', FEED_PREFIX_MAX);
        prefix[FEED_PREFIX_MAX] = '\0';
        assert_int_equal(strlen(feed_stream(prefix, 20781, name)), FEED_PREFIX_MAX + 25);
}

static void days_that_are_none_are_refused(void **state)
{
        static const char *const bad[] = { "",           "2026-11-2", "2026-11-244", "2026-02-31",
                                           "2026-13-01", " 2026-1-1", "2026/11/24",  "abcd-ef-gh" };
        int64_t day = -7;
        (void)state;
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(feed_day_parse(bad[i], strlen(bad[i]), &day));
        assert_int_equal(day, -7);
        assert_true(feed_day_parse("2024-02-29", 10, &day));
        assert_int_equal(day, 19782);
}

static void ids_are_two_numbers_in_order(void **state)
{
        struct feed_id a, b;
        char text[FEED_ID_SIZE];
        (void)state;
        assert_true(feed_id_parse("1764000000000-3", 15, &a));
        assert_true(feed_id_parse("1764000000000-12", 16, &b));
        assert_true(feed_id_compare(a, b) < 0);
        assert_true(feed_id_compare(b, a) > 0);
        assert_int_equal(feed_id_compare(a, a), 0);
        assert_string_equal(feed_id_format(b, text), "1764000000000-12");
        static const char *const bad[] = {
                "", "-", "1-", "-1", "1", "1-2-3", "a-1", "1-b", "+1-1", " 1-1", "99999999999999999999-0"
        };
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(feed_id_parse(bad[i], strlen(bad[i]), &a));
}

#define NAME "3f9a0c1d2e4b5a67"

static bool same_point(struct cursor_point a, struct cursor_point b)
{
        return feed_id_compare(a.id, b.id) == 0 && a.keys == b.keys;
}

static void a_cursor_survives_its_text(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read;
        (void)state;
        static const struct {
                struct cursor cursor;
                const char *text;
        } rows[] = {
                { { .feed = NAME, .day = 20781, .after = { { 0, 0 }, 0 } }, NAME ".2026-11-24.0-0" },
                { { .feed = NAME, .day = 20781, .after = { { 1795512345678, 9 }, 0 } },
                  NAME ".2026-11-24.1795512345678-9" },
                { { .feed = NAME, .day = 20781, .after = { { 1795512345678, 9 }, 63 } },
                  NAME ".2026-11-24.1795512345678-9.63" },
                { { .feed = NAME,
                    .day = 20780,
                    .after = { { 1795478399000, 0 }, 1 },
                    .after_next = { { 1795478400123, 4 }, 17 } },
                  NAME ".2026-11-23.1795478399000-0.1~1795478400123-4.17" },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                assert_string_equal(cursor_format(&rows[i].cursor, text), rows[i].text);
                assert_true(cursor_parse(rows[i].text, &read));
                assert_string_equal(read.feed, NAME);
                assert_int_equal(read.day, rows[i].cursor.day);
                assert_true(same_point(read.after, rows[i].cursor.after));
                assert_true(same_point(read.after_next, rows[i].cursor.after_next));
        }
}

static void the_longest_cursor_has_less_than_256_bytes(void **state)
{
        char text[CURSOR_SIZE];
        const struct cursor_point longest = { { INT64_MAX, INT64_MAX }, FEED_KEYS_MAX - 1 };
        const struct cursor cursor = { .feed = NAME, .day = 20781, .after = longest, .after_next = longest };
        struct cursor read;
        (void)state;
        assert_true(strlen(cursor_format(&cursor, text)) < CURSOR_SIZE && CURSOR_SIZE <= 256);
        assert_true(cursor_parse(text, &read));
        assert_true(same_point(read.after_next, longest));
}

static void text_that_is_no_cursor_is_refused(void **state)
{
        static const char *const bad[] = { "",
                                           ".",
                                           "~",
                                           NAME,
                                           NAME ".",
                                           NAME ".2026-11-24",
                                           NAME ".2026-11-24.",
                                           NAME ".2026-11-24.1",
                                           NAME ".2026-11-24.1-1~",
                                           NAME ".2026-11-24.1-1~2",
                                           NAME ".2026-11-24~1-1.2-2",
                                           NAME ".x.1-1",
                                           NAME ".2026-11-24.1-1.2-2",
                                           NAME ".2026-11-24.1-1 ",
                                           NAME ".2026-11-24.1-1.",
                                           NAME ".2026-11-24.1-1.0",
                                           NAME ".2026-11-24.1-1.01",
                                           NAME ".2026-11-24.1-1.64",
                                           NAME ".2026-11-24.1-1.100",
                                           NAME ".2026-11-24.1-1.1.1",
                                           NAME ".2026-11-24.1-1~2-2~3-3",
                                           "3f9a0c1d2e4b5a6.2026-11-24.1-1",
                                           "3F9a0c1d2e4b5a67.2026-11-24.1-1",
                                           "2026-11-24.1795512345678-9" };
        struct cursor cursor = { .day = 5 };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(cursor_parse(bad[i], &cursor));
        assert_int_equal(cursor.day, 5);
}

static void a_cursor_of_version_0_1_0_is_known_as_such(void **state)
{
        (void)state;
        assert_true(cursor_is_old("2026-11-24.0-0"));
        assert_true(cursor_is_old("2026-11-23.1795478399000-0~1795478400123-4"));
        assert_false(cursor_is_old(NAME ".2026-11-24.0-0"));
        assert_false(cursor_is_old("2026-11-24"));
        assert_false(cursor_is_old("2026-11-24.x"));
        assert_false(cursor_is_old(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(days_are_cut_at_midnight_utc),
                cmocka_unit_test(a_stream_is_named_by_prefix_and_day),
                cmocka_unit_test(days_that_are_none_are_refused),
                cmocka_unit_test(ids_are_two_numbers_in_order),
                cmocka_unit_test(a_cursor_survives_its_text),
                cmocka_unit_test(text_that_is_no_cursor_is_refused),
                cmocka_unit_test(the_longest_cursor_has_less_than_256_bytes),
                cmocka_unit_test(a_cursor_of_version_0_1_0_is_known_as_such),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
