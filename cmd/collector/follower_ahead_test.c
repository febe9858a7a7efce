/* Documents that a follower has read ahead of the tail are omitted once, and forgotten when the tail has passed
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "follower_ahead.h"

static struct follow_read read_of(int first, size_t count)
{
        static struct follow_read read;
        read.count = count;
        for (size_t i = 0; i < count; i++)
                (void)snprintf(read.keys[i], sizeof(read.keys[i]), "%08x-0000-4000-8000-000000000000", first + (int)i);
        return read;
}

static bool has(const struct follower_ahead *ahead, int number)
{
        struct follow_read read = read_of(number, 1);
        return follower_ahead_has(ahead, read.keys[0]);
}

static void a_document_is_remembered_until_a_later_read_of_the_tail_has_ended(void **state UNUSED)
{
        struct follower_ahead ahead = { 0 };
        struct follow_read read = read_of(1, 3);
        follower_ahead_add(&ahead, &read, 7);
        assert_true(has(&ahead, 1) && has(&ahead, 3));
        assert_false(has(&ahead, 4));
        follower_ahead_passed(&ahead, 7); /* that read began before the documents were written */
        assert_true(has(&ahead, 1));
        follower_ahead_passed(&ahead, 8);
        assert_false(has(&ahead, 1));
        assert_null(ahead.keys);
}

static void documents_of_two_reads_are_forgotten_one_after_the_other(void **state UNUSED)
{
        struct follower_ahead ahead = { 0 };
        struct follow_read first = read_of(1, 2), second = read_of(3, 2);
        follower_ahead_add(&ahead, &first, 7);
        follower_ahead_add(&ahead, &second, 8);
        follower_ahead_passed(&ahead, 8);
        assert_false(has(&ahead, 2));
        assert_true(has(&ahead, 3) && has(&ahead, 4));
        follower_ahead_clear(&ahead);
        assert_false(has(&ahead, 3));
}

static void a_follower_that_falls_behind_remembers_until_its_own_read_reaches_the_end(void **state UNUSED)
{
        struct follower_ahead ahead = { 0 };
        struct follow_read read = read_of(1, 2);
        follower_ahead_add(&ahead, &read, 7);
        follower_ahead_leave(&ahead);
        follower_ahead_passed(&ahead, 100);
        assert_true(has(&ahead, 1));
        follower_ahead_reached(&ahead, 100);
        follower_ahead_passed(&ahead, 100);
        assert_true(has(&ahead, 1));
        follower_ahead_passed(&ahead, 101);
        assert_false(has(&ahead, 1));
}

static void documents_beyond_the_limit_are_unknown_until_the_tail_has_passed_them(void **state UNUSED)
{
        struct follower_ahead ahead = { 0 };
        for (int i = 0; i < 5; i++) {
                struct follow_read read = read_of(i * 64, 64);
                assert_true(follower_ahead_is_known(&ahead));
                follower_ahead_add(&ahead, &read, 7);
        }
        assert_false(follower_ahead_is_known(&ahead));
        follower_ahead_passed(&ahead, 7);
        assert_false(follower_ahead_is_known(&ahead));
        struct follow_read late = read_of(1000, 1);
        follower_ahead_add(&ahead, &late, 8); /* read 8 began before it was written */
        follower_ahead_passed(&ahead, 8);
        assert_true(follower_ahead_is_known(&ahead));
        assert_true(has(&ahead, 1000));
        follower_ahead_clear(&ahead);
}

static void what_a_client_had_before_is_unknown_until_the_tail_has_passed_it(void **state UNUSED)
{
        struct follower_ahead ahead = { 0 };
        struct follow_read read = read_of(1, 1);
        follower_ahead_add(&ahead, &read, 7);
        follower_ahead_begin(&ahead, 7);
        assert_false(has(&ahead, 1));
        follower_ahead_passed(&ahead, 7);
        assert_false(follower_ahead_is_known(&ahead));
        follower_ahead_passed(&ahead, 8);
        assert_true(follower_ahead_is_known(&ahead));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_document_is_remembered_until_a_later_read_of_the_tail_has_ended),
                cmocka_unit_test(documents_of_two_reads_are_forgotten_one_after_the_other),
                cmocka_unit_test(a_follower_that_falls_behind_remembers_until_its_own_read_reaches_the_end),
                cmocka_unit_test(documents_beyond_the_limit_are_unknown_until_the_tail_has_passed_them),
                cmocka_unit_test(what_a_client_had_before_is_unknown_until_the_tail_has_passed_it),
        };
        return cmocka_run_group_tests_name("documents that a follower has", tests, NULL, NULL);
}
