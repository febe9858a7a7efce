#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/attr.h"
#include "base/snapshot.h"

enum { WORDS = 32, READERS = 4, REPLACEMENTS = 2000 };

/* All words have the same value while it lives, and are 0 once it is destroyed. */
struct value {
        struct snapshot snapshot;
        unsigned words[WORDS];
        atomic_uint *destroyed;
};

static void destroy(struct snapshot *snapshot)
{
        struct value *value = CONTAINER_OF(snapshot, struct value, snapshot);
        for (size_t i = 0; i < WORDS; i++)
                value->words[i] = 0;
        atomic_fetch_add(value->destroyed, 1);
        free(value);
}

static struct snapshot *make(unsigned number, atomic_uint *destroyed)
{
        struct value *value = calloc(1, sizeof(*value));
        assert_non_null(value);
        for (size_t i = 0; i < WORDS; i++)
                value->words[i] = number;
        value->destroyed = destroyed;
        snapshot_init(&value->snapshot, destroy);
        return &value->snapshot;
}

static unsigned number_of(struct snapshot *snapshot)
{
        return CONTAINER_OF(snapshot, struct value, snapshot)->words[0];
}

static void an_empty_holder_returns_null(void **state UNUSED)
{
        struct snapshot_holder holder;
        struct snapshot_seen seen = { 0 };
        snapshot_holder_init(&holder);
        assert_null(snapshot_holder_get(&holder));
        assert_false(snapshot_holder_refresh(&holder, &seen));
        assert_null(seen.snapshot);
        snapshot_holder_fini(&holder);
}

static void the_holder_returns_the_newest_snapshot(void **state UNUSED)
{
        atomic_uint destroyed = 0;
        struct snapshot_holder holder;
        snapshot_holder_init(&holder);
        snapshot_holder_set(&holder, make(1, &destroyed));
        snapshot_holder_set(&holder, make(2, &destroyed));
        assert_int_equal(destroyed, 1);
        struct snapshot *now = snapshot_holder_get(&holder);
        assert_int_equal(number_of(now), 2);
        snapshot_unref(now);
        snapshot_holder_fini(&holder);
        assert_int_equal(destroyed, 2);
}

static void a_snapshot_in_use_outlives_its_replacement_and_the_holder(void **state UNUSED)
{
        atomic_uint destroyed = 0;
        struct snapshot_holder holder;
        snapshot_holder_init(&holder);
        snapshot_holder_set(&holder, make(1, &destroyed));
        struct snapshot *first = snapshot_holder_get(&holder), *again = snapshot_ref(first);
        snapshot_holder_set(&holder, NULL);
        snapshot_holder_fini(&holder);
        snapshot_unref(first);
        assert_int_equal(destroyed, 0);
        assert_int_equal(number_of(again), 1);
        snapshot_unref(again);
        assert_int_equal(destroyed, 1);
}

static void a_reader_sees_each_change_once(void **state UNUSED)
{
        atomic_uint destroyed = 0;
        struct snapshot_holder holder;
        struct snapshot_seen seen = { 0 };
        snapshot_holder_init(&holder);
        snapshot_holder_set(&holder, make(1, &destroyed));
        assert_true(snapshot_holder_refresh(&holder, &seen));
        assert_false(snapshot_holder_refresh(&holder, &seen));
        assert_int_equal(number_of(seen.snapshot), 1);
        snapshot_holder_set(&holder, make(2, &destroyed));
        assert_int_equal(destroyed, 0);
        assert_true(snapshot_holder_refresh(&holder, &seen));
        assert_int_equal(destroyed, 1);
        snapshot_holder_set(&holder, NULL);
        assert_true(snapshot_holder_refresh(&holder, &seen));
        assert_null(seen.snapshot);
        snapshot_unref(seen.snapshot);
        snapshot_holder_fini(&holder);
        assert_int_equal(destroyed, 2);
}

static void null_is_a_valid_reference(void **state UNUSED)
{
        assert_null(snapshot_ref(NULL));
        snapshot_unref(NULL);
}

/* --- Threads ------------------------------------------------------------------------------------------------- */

struct reader {
        pthread_t thread;
        struct snapshot_holder *holder;
        bool refreshes;
        unsigned torn, backwards;
};

static void look_at(struct reader *reader, struct snapshot *snapshot, unsigned *newest)
{
        const struct value *value = CONTAINER_OF(snapshot, struct value, snapshot);
        for (size_t i = 0; i < WORDS; i++)
                reader->torn += value->words[i] != value->words[0] || value->words[0] == 0;
        reader->backwards += value->words[0] < *newest;
        *newest = value->words[0];
}

static void *read_all(void *data)
{
        struct reader *reader = data;
        struct snapshot_seen seen = { 0 };
        unsigned newest = 0;
        while (newest < REPLACEMENTS) {
                if (reader->refreshes) {
                        (void)snapshot_holder_refresh(reader->holder, &seen); /* read it even if it has not changed */
                        look_at(reader, seen.snapshot, &newest);
                } else {
                        struct snapshot *now = snapshot_holder_get(reader->holder);
                        look_at(reader, now, &newest);
                        snapshot_unref(now);
                }
        }
        snapshot_unref(seen.snapshot);
        return NULL;
}

static void readers_see_whole_values_in_order_during_replacements(void **state UNUSED)
{
        atomic_uint destroyed = 0;
        struct snapshot_holder holder;
        struct reader readers[READERS];
        snapshot_holder_init(&holder);
        snapshot_holder_set(&holder, make(1, &destroyed));
        for (size_t i = 0; i < READERS; i++) {
                readers[i] = (struct reader){ .holder = &holder, .refreshes = i % 2 == 0 };
                assert_int_equal(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
        }
        for (unsigned number = 2; number <= REPLACEMENTS; number++)
                snapshot_holder_set(&holder, make(number, &destroyed));
        for (size_t i = 0; i < READERS; i++) {
                assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
                assert_int_equal(readers[i].torn, 0);
                assert_int_equal(readers[i].backwards, 0);
        }
        assert_int_equal(destroyed, REPLACEMENTS - 1);
        snapshot_holder_fini(&holder);
        assert_int_equal(destroyed, REPLACEMENTS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_holder_returns_null),
                cmocka_unit_test(the_holder_returns_the_newest_snapshot),
                cmocka_unit_test(a_snapshot_in_use_outlives_its_replacement_and_the_holder),
                cmocka_unit_test(a_reader_sees_each_change_once),
                cmocka_unit_test(null_is_a_valid_reference),
                cmocka_unit_test(readers_see_whole_values_in_order_during_replacements),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
