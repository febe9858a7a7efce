/* Tests of turns: which reader is next, and what happens to the waiting ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "feed_turns.h"

struct waiter {
        struct feed_turn turn;
        int number; /* when it had its turn, counted from 1 */
        char text[256];
};

static struct feed_turns turns;
static int count;

static void on_turn(struct feed_turn *turn, const struct err *err)
{
        struct waiter *waiter = CONTAINER_OF(turn, struct waiter, turn);
        waiter->number = ++count;
        if (err)
                memcpy(waiter->text, err->text, sizeof(waiter->text));
}

static int setup(void **state UNUSED)
{
        turns = (struct feed_turns){ 0 };
        count = 0;
        return 0;
}

static void waiting_readers_get_their_turn_in_order(void **state UNUSED)
{
        struct waiter a = { .turn.on_turn = on_turn }, b = a, c = a, d = a;
        feed_turns_take(&turns, &a.turn);
        feed_turns_take(&turns, &b.turn);
        feed_turns_take(&turns, &c.turn);
        assert_true(a.number == 1 && b.number == 0 && c.number == 0);
        feed_turns_give(&turns);
        assert_true(b.number == 2 && c.number == 0);
        feed_turns_take(&turns, &a.turn); /* takes a turn again, after the others */
        feed_turns_give(&turns);
        assert_true(c.number == 3 && a.number == 1);
        feed_turns_give(&turns);
        assert_int_equal(a.number, 4);
        feed_turns_give(&turns);
        feed_turns_take(&turns, &d.turn);
        assert_int_equal(d.number, 5);
        feed_turns_give(&turns);
}

static void waiting_readers_fail_with_the_one_that_has_the_turn(void **state UNUSED)
{
        struct waiter a = { .turn.on_turn = on_turn }, b = a, c = a, d = a;
        struct err err;
        feed_turns_take(&turns, &a.turn);
        feed_turns_take(&turns, &b.turn);
        feed_turns_take(&turns, &c.turn);
        (void)err_set(&err, ERR_UNAVAILABLE, "Redis is away");
        feed_turns_fail(&turns, &err);
        assert_true(b.number == 2 && c.number == 3);
        assert_string_equal(b.text, "Redis is away");
        assert_string_equal(c.text, "Redis is away");
        feed_turns_take(&turns, &d.turn);
        assert_int_equal(d.number, 4);
        assert_string_equal(d.text, "");
        feed_turns_give(&turns);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(waiting_readers_get_their_turn_in_order, setup),
                cmocka_unit_test_setup(waiting_readers_fail_with_the_one_that_has_the_turn, setup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
