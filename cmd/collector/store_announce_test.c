/* Tests of announcements without Redis: on_done is called exactly once, and never during the call. For tests with
 * servers see tests/integration/test_repeats.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "store_announce.h"

#define KEY "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"

enum { HOUR_MS = 3600 * 1000 };

struct told {
        struct store_announce announce;
        unsigned times;
        enum store_outcome outcome;
};

static uv_loop_t loop;
static struct redis_target *target;
static struct redis *redis;
static struct redis_budget budget;
static struct store store;
static struct swap swap;

static int setup(void **state UNUSED)
{
        struct err err;
        /* Nothing listens on port 1 (tcpmux), so every command is held. */
        target = redis_target_new(&(struct redis_target_options){ .host = "127.0.0.1", .port = 1 }, &err);
        assert_non_null(target);
        assert_int_equal(uv_loop_init(&loop), 0);
        budget = (struct redis_budget){ 0 };
        assert_int_equal(redis_open(&loop, &(struct redis_options){ .hold_ms = 60000, .budget = &budget }, target, 1,
                                    &redis, &err),
                         0);
        swap = (struct swap){ 0 };
        store_init(&store, redis, NULL, &swap, 0, 60000, true);
        return 0;
}

static int teardown(void **state UNUSED)
{
        redis_close(redis, NULL, NULL);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        store_fini(&store);
        redis_target_unref(target);
        return 0;
}

static void on_done(struct store_announce *announce, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct told *told = CONTAINER_OF(announce, struct told, announce);
        told->times++;
        told->outcome = outcome;
}

static void on_found(struct store_read *read UNUSED, enum store_outcome outcome UNUSED, const char *document UNUSED,
                     size_t length UNUSED, const struct err *err UNUSED)
{
}

/* As if the document had just been read from the Redis in use. */
static void announce(struct told *told, int64_t stored_ms)
{
        struct store_read found = { .on_done = on_found, .store = &store, .redis = redis, .key = KEY };
        found.get.made_for = redis_place(redis)->number;
        found.get.generation = 1;
        *told = (struct told){ .announce.on_done = on_done };
        store_announce(&store, &told->announce, &found, stored_ms);
}

/* Closing the client ends every command that it has accepted. */
static void assert_told_later(struct told *told, enum store_outcome outcome)
{
        assert_int_equal(told->times, 0);
        redis_close(redis, NULL, NULL);
        redis = NULL;
        assert_int_equal(told->times, 1);
        assert_int_equal(told->outcome, outcome);
}

static void on_done_is_called_after_a_search(void **state UNUSED)
{
        struct told told;
        announce(&told, clock_realtime_ms());
        assert_int_equal(redis_held(redis), 1);
        assert_told_later(&told, STORE_UNLISTED);
}

/* With a clock that is far ahead there is nothing to search, so the entry is added at once. */
static void on_done_is_called_after_an_entry_without_a_search(void **state UNUSED)
{
        struct told told;
        announce(&told, clock_realtime_ms() + 24 * HOUR_MS);
        assert_int_equal(redis_held(redis), 1);
        assert_told_later(&told, STORE_UNLISTED);
}

static void on_done_is_called_for_extreme_times(void **state UNUSED)
{
        static const int64_t times_ms[] = { INT64_MIN, -1, 0, 1, INT64_MAX / 2 };
        struct told told[COUNT_OF(times_ms)];
        for (size_t i = 0; i < COUNT_OF(times_ms); i++) {
                announce(&told[i], times_ms[i]);
                assert_int_equal(told[i].times, 0);
        }
        redis_close(redis, NULL, NULL);
        redis = NULL;
        for (size_t i = 0; i < COUNT_OF(times_ms); i++)
                assert_int_equal(told[i].times, 1);
}

static void a_refused_command_is_answered_by_the_next_flush(void **state UNUSED)
{
        struct told search, add;
        budget.commands_max = 1;
        atomic_store(&budget.commands, 1); /* the budget is used up */
        announce(&search, clock_realtime_ms());
        announce(&add, clock_realtime_ms() + 24 * HOUR_MS);
        assert_true(search.times == 0 && add.times == 0);
        redis_flush(redis);
        assert_true(search.times == 1 && add.times == 1);
        assert_true(search.outcome == STORE_UNLISTED && add.outcome == STORE_UNLISTED);
}

/* Another search has its turn, which delays only reads after the first one. */
static void another_searchs_turn_does_not_delay_the_first_read(void **state UNUSED)
{
        struct told told;
        store.turns.is_taken = true;
        announce(&told, clock_realtime_ms());
        assert_int_equal(redis_held(redis), 1);
        assert_told_later(&told, STORE_UNLISTED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(on_done_is_called_after_a_search, setup, teardown),
                cmocka_unit_test_setup_teardown(on_done_is_called_after_an_entry_without_a_search, setup, teardown),
                cmocka_unit_test_setup_teardown(on_done_is_called_for_extreme_times, setup, teardown),
                cmocka_unit_test_setup_teardown(a_refused_command_is_answered_by_the_next_flush, setup, teardown),
                cmocka_unit_test_setup_teardown(another_searchs_turn_does_not_delay_the_first_read, setup, teardown),
        };
        return cmocka_run_group_tests_name("store announce", tests, NULL, NULL);
}
