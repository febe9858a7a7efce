/* cursor and feed: names of streams, days, ids, and positions in the feed as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "feed.h"

static void days_begin_at_midnight_utc(void **state)
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
        assert_string_equal(feed_stream("", 20781, 0, name), "collector:feed:2026-11-24");
        assert_string_equal(feed_stream("app:", 20781, 0, name), "app:collector:feed:2026-11-24");
        memset(prefix, 'p', FEED_PREFIX_MAX);
        prefix[FEED_PREFIX_MAX] = '\0';
        assert_int_equal(strlen(feed_stream(prefix, 20781, 0, name)), FEED_PREFIX_MAX + 25);
}

static void a_partition_is_named_by_its_tag(void **state)
{
        char name[FEED_STREAM_SIZE], prefix[FEED_PREFIX_MAX + 1];
        (void)state;
        assert_string_equal(feed_stream("app:", 20781, 1, name), "app:collector:feed:2026-11-24:{0ax}");
        assert_string_equal(feed_stream("", 20781, FEED_PARTITIONS - 1, name), "collector:feed:2026-11-24:{fad}");
        memset(prefix, 'p', FEED_PREFIX_MAX);
        prefix[FEED_PREFIX_MAX] = '\0';
        assert_int_equal(strlen(feed_stream(prefix, 20781, 1, name)), FEED_PREFIX_MAX + 31);
        for (unsigned partition = 1; partition < FEED_PARTITIONS; partition++) {
                (void)feed_stream("", 20781, partition, name);
                assert_int_equal(redis_slot_of_key(name, strlen(name)) / 1024, partition - 1);
                assert_in_range(redis_slot_of_key(name, strlen(name)) % 1024, 512 - 64, 512 + 64);
        }
}

static void invalid_days_are_rejected(void **state)
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

static void ids_are_two_numbers_and_compare_in_order(void **state)
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

static bool same_places(const struct cursor_places *a, const struct cursor_places *b)
{
        for (size_t i = 0; i < FEED_PARTITIONS; i++)
                if (!same_point(a->of[i], b->of[i]))
                        return false;
        return true;
}

static void a_cursor_is_the_same_after_printing_and_parsing(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read;
        (void)state;
        static const struct {
                struct cursor cursor;
                const char *text;
        } rows[] = {
                { { .feed = NAME, .day = 20781, .after.of[0] = { { 0, 0 }, 0 } }, NAME ".2026-11-24.0-0" },
                { { .feed = NAME, .day = 20781, .after.of[0] = { { 1795512345678, 9 }, 0 } },
                  NAME ".2026-11-24.1795512345678-9" },
                { { .feed = NAME, .day = 20781, .after.of[0] = { { 1795512345678, 9 }, 63 } },
                  NAME ".2026-11-24.1795512345678-9.63" },
                { { .feed = NAME,
                    .day = 20780,
                    .after.of[0] = { { 1795478399000, 0 }, 1 },
                    .after_next.of[0] = { { 1795478400123, 4 }, 17 } },
                  NAME ".2026-11-23.1795478399000-0.1~1795478400123-4.17" },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                assert_string_equal(cursor_format(&rows[i].cursor, text), rows[i].text);
                assert_true(cursor_parse(rows[i].text, &read));
                assert_string_equal(read.feed, NAME);
                assert_int_equal(read.day, rows[i].cursor.day);
                assert_true(same_places(&read.after, &rows[i].cursor.after));
                assert_true(same_places(&read.after_next, &rows[i].cursor.after_next));
        }
}

static void the_longest_cursor_has_fewer_than_256_bytes(void **state)
{
        char text[CURSOR_SIZE];
        const struct cursor_point longest = { { INT64_MAX, INT64_MAX }, FEED_KEYS_MAX - 1 };
        const struct cursor cursor = {
                .feed = NAME, .day = 20781, .after.of[0] = longest, .after_next.of[0] = longest
        };
        struct cursor read;
        (void)state;
        assert_true(strlen(cursor_format(&cursor, text)) < CURSOR_SIZE && CURSOR_SIZE <= 256);
        assert_true(cursor_parse(text, &read));
        assert_true(same_point(read.after_next.of[0], longest));
}

#define DAY_START 1795478400000 /* of 2026-11-24, day 20781 */

static void positions_in_partitions_are_the_same_after_printing_and_parsing(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read;
        const struct cursor cursors[] = {
                { .feed = NAME, .day = 20781, .after.of[1] = { { DAY_START, 0 }, 0 } },
                { .feed = NAME, .day = 20781, .after.of[16] = { { DAY_START + FEED_DAY_MS - 1, 7 }, 63 } },
                { .feed = NAME, .day = 20781, .after.of[3] = { { DAY_START - 6 * 3600000, 8 }, 1 } },
                { .feed = NAME, .day = 20781, .after.of[3] = { { DAY_START - 6 * 3600000 - 1, 0 }, 0 } },
                { .feed = NAME, .day = 20781, .after.of[3] = { { INT64_MAX, INT64_MAX }, 63 } },
                { .feed = NAME,
                  .day = 20781,
                  .after.of = { [0] = { { 5, 5 }, 0 }, [2] = { { 0, 1 }, 2 } },
                  .after_next.of = { [0] = { { DAY_START + FEED_DAY_MS, 0 }, 0 }, [9] = { { DAY_START, 511 }, 9 } } },
                { .feed = NAME, .day = 20781, .after_next.of[9] = { { DAY_START + FEED_DAY_MS, 0 }, 0 } },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cursors); i++) {
                (void)cursor_format(&cursors[i], text);
                assert_true(strncmp(text, NAME ".p", sizeof(NAME ".p") - 1) == 0);
                assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~."),
                                 strlen(text));
                assert_true(cursor_parse(text, &read));
                assert_int_equal(read.day, 20781);
                assert_true(same_places(&read.after, &cursors[i].after));
                assert_true(same_places(&read.after_next, &cursors[i].after_next));
        }
        assert_int_equal(strlen(cursor_format(&cursors[0], text)), sizeof(NAME ".p") - 1 + 12);
}

/* Positions in all partitions, around midnight; each has many entries in one millisecond. */
static struct cursor full(uint64_t sequence)
{
        struct cursor cursor = { .feed = NAME, .day = 20781 };
        for (size_t i = 0; i < FEED_PARTITIONS; i++) {
                cursor.after.of[i].id = (struct feed_id){ DAY_START + FEED_DAY_MS + i, sequence };
                cursor.after_next.of[i].id = (struct feed_id){ DAY_START + FEED_DAY_MS + 17 + i, sequence };
        }
        cursor.after.of[16].keys = cursor.after_next.of[4].keys = 59;
        return cursor;
}

static void positions_in_all_partitions_of_two_days_fit(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read, cursor = full(63);
        (void)state;
        assert_true(strlen(cursor_format(&cursor, text)) < 256);
        assert_true(cursor_parse(text, &read));
        assert_true(same_places(&read.after, &cursor.after) && same_places(&read.after_next, &cursor.after_next));
}

static void positions_that_do_not_fit_are_omitted(void **state)
{
        char text[CURSOR_SIZE], again[CURSOR_SIZE];
        struct cursor read, cursor = full(INT64_MAX);
        (void)state;
        assert_true(strlen(cursor_format(&cursor, text)) < 256);
        assert_true(cursor_parse(text, &read));
        assert_true(same_point(read.after.of[0], cursor.after.of[0]));
        assert_true(same_point(read.after.of[5], cursor.after.of[5]));
        for (size_t i = 0; i < FEED_PARTITIONS; i++) {
                bool is_here = same_point(read.after.of[i], cursor.after.of[i]);
                assert_true(is_here || same_point(read.after.of[i], (struct cursor_point){ 0 }));
        }
        assert_true(cursor_places_are_new(&read.after_next));
        assert_string_equal(cursor_format(&read, again), text);
}

static void text_with_places_that_is_not_a_cursor_is_rejected(void **state)
{
        char text[CURSOR_SIZE], longer[2 * CURSOR_SIZE];
        struct cursor read, cursor = { .feed = NAME, .day = 20781, .after.of[1] = { { DAY_START, 0 }, 0 } };
        (void)state;
        (void)cursor_format(&cursor, text);
        size_t length = strlen(text);
        text[length - 1] = '~'; /* the padding bits are not 0 */
        assert_false(cursor_parse(text, &read));
        for (size_t cut = sizeof(NAME) - 1; cut < length; cut++) {
                (void)cursor_format(&cursor, text);
                text[cut] = '\0';
                assert_false(cursor_parse(text, &read));
        }
        (void)snprintf(longer, sizeof(longer), "%sA", cursor_format(&cursor, text));
        assert_false(cursor_parse(longer, &read));
        memset(longer, 'A', sizeof(longer) - 1);
        memcpy(longer, NAME ".p", sizeof(NAME ".p") - 1);
        longer[sizeof(longer) - 1] = '\0';
        assert_false(cursor_parse(longer, &read));
        assert_false(cursor_parse(NAME ".p_AAAAAAAAAAAA", &read));
        cursor.after.of[1] = (struct cursor_point){ 0 };
        assert_true(strncmp(cursor_format(&cursor, text), NAME ".2026", sizeof(NAME)) == 0);
}

static void text_that_is_not_a_cursor_is_rejected(void **state)
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
                                           NAME ".2026-11-24.0-0.1",
                                           NAME ".2026-11-24.1-1~0-0.1",
                                           NAME ".d",
                                           NAME ".d.1-1",
                                           NAME ".dd2026-11-24.1-1",
                                           NAME ".d2026-11-24",
                                           NAME ".d2026-11-24.1-1.64",
                                           NAME ".D2026-11-24.1-1",
                                           NAME ".q",
                                           NAME ".qAAAAAAAAAAAA",
                                           "3f9a0c1d2e4b5a6.2026-11-24.1-1",
                                           "3F9a0c1d2e4b5a67.2026-11-24.1-1",
                                           "2026-11-24.1795512345678-9" };
        struct cursor cursor = { .day = 5 };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_false(cursor_parse(bad[i], &cursor));
        assert_int_equal(cursor.day, 5);
}

#define OVER                                                                                                           \
        {                                                                                                              \
                { 0, 1 }, 0                                                                                            \
        }

static void a_descending_cursor_survives_its_text(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read;
        (void)state;
        static const struct {
                struct cursor cursor;
                const char *text;
        } rows[] = {
                { { .feed = NAME, .is_descending = true, .day = 20781 }, NAME ".d2026-11-24.0-0" },
                { { .feed = NAME, .is_descending = true, .day = 20781, .after.of[0] = OVER }, NAME ".d2026-11-24.0-1" },
                { { .feed = NAME, .is_descending = true, .day = 20781, .after.of[0] = { { DAY_START, 9 }, 63 } },
                  NAME ".d2026-11-24.1795478400000-9.63" },
                { { .feed = NAME,
                    .is_descending = true,
                    .day = 20781,
                    .after.of[0] = { { DAY_START, 9 }, 0 },
                    .after_next.of[0] = OVER },
                  NAME ".d2026-11-24.1795478400000-9~0-1" },
        };
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                assert_string_equal(cursor_format(&rows[i].cursor, text), rows[i].text);
                assert_true(cursor_parse(rows[i].text, &read));
                assert_true(read.is_descending);
                assert_int_equal(read.day, rows[i].cursor.day);
                assert_true(same_places(&read.after, &rows[i].cursor.after));
                assert_true(same_places(&read.after_next, &rows[i].cursor.after_next));
        }
}

/* At the beginning of a list, just after midnight. Of 17 partitions, some have no entries. */
static void a_descending_cursor_has_a_place_in_each_partition_of_two_days(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read, cursor = full(63);
        (void)state;
        cursor.is_descending = true;
        for (size_t i = 0; i < FEED_PARTITIONS; i++)
                cursor.after_next.of[i].id.ms = DAY_START + 60000 + i;
        assert_true(strlen(cursor_format(&cursor, text)) < 256);
        assert_true(strncmp(text, NAME ".q", sizeof(NAME ".q") - 1) == 0);
        for (unsigned over = 0; over <= FEED_PARTITIONS; over++) {
                (void)cursor_format(&cursor, text);
                assert_true(cursor_parse(text, &read) && read.is_descending);
                assert_true(same_places(&read.after, &cursor.after));
                assert_true(same_places(&read.after_next, &cursor.after_next));
                if (over < FEED_PARTITIONS)
                        cursor.after.of[over] = cursor.after_next.of[over] = (struct cursor_point)OVER;
        }
        assert_true(strlen(text) < 40);
        cursor.day++;
        cursor.after_next = (struct cursor_places){ 0 };
        assert_true(cursor_parse(cursor_format(&cursor, text), &read));
        assert_true(same_places(&read.after, &cursor.after) && cursor_places_are_new(&read.after_next));
}

/* "Nothing is left" would hide documents. */
static void what_does_not_fit_into_a_descending_cursor_is_seen_again(void **state)
{
        char text[CURSOR_SIZE];
        struct cursor read, cursor = full(INT64_MAX);
        (void)state;
        cursor.is_descending = true;
        assert_true(strlen(cursor_format(&cursor, text)) < 256);
        assert_true(cursor_parse(text, &read));
        for (size_t i = 0; i < FEED_PARTITIONS; i++) {
                bool is_here = same_point(read.after.of[i], cursor.after.of[i]);
                assert_true(is_here || same_point(read.after.of[i], (struct cursor_point){ 0 }));
        }
        assert_true(cursor_places_are_new(&read.after_next));
}

static void a_descending_place_is_behind_the_newest_entry(void **state)
{
        struct cursor_point point = cursor_point_behind((struct feed_id){ 5, 7 });
        (void)state;
        assert_true(same_point(point, (struct cursor_point){ { 5, 8 }, 0 }));
        assert_false(cursor_point_is_over(&point));
        point = cursor_point_behind((struct feed_id){ 5, INT64_MAX });
        assert_true(same_point(point, (struct cursor_point){ { 6, 0 }, 0 }));
        point = cursor_point_behind((struct feed_id){ 0, 0 });
        assert_true(cursor_point_is_over(&point));
}

static void a_cursor_of_version_0_1_0_is_recognised(void **state)
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
                cmocka_unit_test(days_begin_at_midnight_utc),
                cmocka_unit_test(a_stream_is_named_by_prefix_and_day),
                cmocka_unit_test(a_partition_is_named_by_its_tag),
                cmocka_unit_test(invalid_days_are_rejected),
                cmocka_unit_test(ids_are_two_numbers_and_compare_in_order),
                cmocka_unit_test(a_cursor_is_the_same_after_printing_and_parsing),
                cmocka_unit_test(text_that_is_not_a_cursor_is_rejected),
                cmocka_unit_test(positions_in_partitions_are_the_same_after_printing_and_parsing),
                cmocka_unit_test(positions_in_all_partitions_of_two_days_fit),
                cmocka_unit_test(positions_that_do_not_fit_are_omitted),
                cmocka_unit_test(text_with_places_that_is_not_a_cursor_is_rejected),
                cmocka_unit_test(the_longest_cursor_has_fewer_than_256_bytes),
                cmocka_unit_test(a_descending_cursor_survives_its_text),
                cmocka_unit_test(a_descending_cursor_has_a_place_in_each_partition_of_two_days),
                cmocka_unit_test(what_does_not_fit_into_a_descending_cursor_is_seen_again),
                cmocka_unit_test(a_descending_place_is_behind_the_newest_entry),
                cmocka_unit_test(a_cursor_of_version_0_1_0_is_recognised),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
