/* Tests of turns: who comes next, and what becomes of those that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "turns.h"

struct waiter {
        struct turn turn;
        int number; /* when it had its turn, counted from 1 */
        char text[256];
};

static struct turns turns;
static int count;

static void on_turn(struct turn *turn, const struct err *err)
{
        struct waiter *waiter = CONTAINER_OF(turn, struct waiter, turn);
        waiter->number = ++count;
        if (err)
                memcpy(waiter->text, err->text, sizeof(waiter->text));
}

static int setup(void **state UNUSED)
{
        turns = (struct turns){ 0 };
        count = 0;
        return 0;
}

static void those_that_wait_come_in_order(void **state UNUSED)
{
        struct waiter a = { .turn.on_turn = on_turn }, b = a, c = a, d = a;
        turns_take(&turns, &a.turn);
        turns_take(&turns, &b.turn);
        turns_take(&turns, &c.turn);
        assert_true(a.number == 1 && b.number == 0 && c.number == 0);
        turns_give(&turns);
        assert_true(b.number == 2 && c.number == 0);
        turns_take(&turns, &a.turn); /* again: behind the others */
        turns_give(&turns);
        assert_true(c.number == 3 && a.number == 1);
        turns_give(&turns);
        assert_int_equal(a.number, 4);
        turns_give(&turns);
        turns_take(&turns, &d.turn);
        assert_int_equal(d.number, 5);
        turns_give(&turns);
}

static void those_that_wait_fail_with_the_one_whose_turn_it_was(void **state UNUSED)
{
        struct waiter a = { .turn.on_turn = on_turn }, b = a, c = a, d = a;
        struct err err;
        turns_take(&turns, &a.turn);
        turns_take(&turns, &b.turn);
        turns_take(&turns, &c.turn);
        (void)err_set(&err, ERR_UNAVAILABLE, "Redis is away");
        turns_fail(&turns, &err);
        assert_true(b.number == 2 && c.number == 3);
        assert_string_equal(b.text, "Redis is away");
        assert_string_equal(c.text, "Redis is away");
        turns_take(&turns, &d.turn);
        assert_int_equal(d.number, 4);
        assert_string_equal(d.text, "");
        turns_give(&turns);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(those_that_wait_come_in_order, setup),
                cmocka_unit_test_setup(those_that_wait_fail_with_the_one_whose_turn_it_was, setup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
