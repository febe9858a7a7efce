/* Tests of trimming without a server: which ids are recorded and which are dropped. For tests with servers see
 * tests/integration/test_dead_entries.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "feed_trim.h"

enum { AGE_MS = 120 * 1000 };
#define DAY 20785

static uv_loop_t loop;
static struct redis *redis;
static struct feed_trim trim;

static int setup(void **state UNUSED)
{
        struct err err;
        /* Nothing listens on port 1 (tcpmux), so nothing is sent. */
        struct redis_target *target =
                redis_target_new(&(struct redis_target_options){ .host = "127.0.0.1", .port = 1 }, &err);
        assert_non_null(target);
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(redis_open(&loop, &(struct redis_options){ .hold_ms = 1000 }, target, 1, &redis, &err), 0);
        redis_target_unref(target);
        trim = (struct feed_trim){ .redis = redis, .age_ms = AGE_MS };
        return 0;
}

static int teardown(void **state UNUSED)
{
        redis_close(redis, NULL, NULL);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        return 0;
}

static struct feed_id id_of_age(int64_t age_ms, uint64_t sequence)
{
        return (struct feed_id){ .ms = (uint64_t)(clock_realtime_ms() - age_ms), .sequence = sequence };
}

static void young_entries_stay(void **state UNUSED)
{
        feed_trim_note(&trim, DAY, 0, id_of_age(0, 0), 1);
        feed_trim_note(&trim, DAY, 0, id_of_age(-5000, 0), 1);
        feed_trim_note(&trim, DAY, 0, id_of_age(AGE_MS - 1000, 0), 1);
        assert_int_equal(trim.count, 0);
        feed_trim_note(&trim, DAY, 0, id_of_age(AGE_MS + 1000, 0), 1);
        assert_int_equal(trim.count, 1);
}

static void ids_of_different_days_or_targets_are_never_mixed(void **state UNUSED)
{
        feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, 0), 1);
        feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, 1), 2);
        feed_trim_note(&trim, DAY - 1, 0, id_of_age(2LL * AGE_MS, 2), 1);
        feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, 3), 1);
        assert_int_equal(trim.count, 2);
        assert_int_equal(trim.generation, 1);
        assert_int_equal(trim.day, DAY);
        assert_true(trim.noted[0].id.sequence == 0 && trim.noted[1].id.sequence == 3);
}

static void ids_keep_their_partition(void **state UNUSED)
{
        feed_trim_note(&trim, DAY, 3, id_of_age(2LL * AGE_MS, 0), 1);
        feed_trim_note(&trim, DAY, 5, id_of_age(2LL * AGE_MS, 0), 1);
        assert_int_equal(trim.count, 2);
        assert_true(trim.noted[0].partition == 3 && trim.noted[1].partition == 5);
}

static void the_number_of_ids_noted_in_a_turn_is_bounded(void **state UNUSED)
{
        for (uint64_t i = 0; i < 2 * FEED_TRIM_MAX; i++)
                feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, i), 1);
        assert_int_equal(trim.count, FEED_TRIM_MAX);
}

static void without_a_connection_ids_are_dropped(void **state UNUSED)
{
        feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, 0), 1);
        feed_trim_turn(&trim);
        assert_int_equal(trim.count, 0);
        assert_int_equal(redis_held(redis), 0);
}

static void a_refused_xdel_is_not_retried_until_the_target_changes(void **state UNUSED)
{
        trim.is_refused = true;
        trim.refused_generation = 1;
        feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, 0), 1);
        assert_int_equal(trim.count, 0);
        feed_trim_note(&trim, DAY, 0, id_of_age(2LL * AGE_MS, 0), 2);
        assert_int_equal(trim.count, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(young_entries_stay, setup, teardown),
                cmocka_unit_test_setup_teardown(ids_of_different_days_or_targets_are_never_mixed, setup, teardown),
                cmocka_unit_test_setup_teardown(ids_keep_their_partition, setup, teardown),
                cmocka_unit_test_setup_teardown(the_number_of_ids_noted_in_a_turn_is_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_connection_ids_are_dropped, setup, teardown),
                cmocka_unit_test_setup_teardown(a_refused_xdel_is_not_retried_until_the_target_changes, setup,
                                                teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
