/* Tests of lanes where no server is: which one takes documents, and that every ticket is told what became of it. With
 * servers, tests/integration/test_acks.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "lanes.h"

struct told {
        struct lane_ticket ticket;
        struct redis_command written;
        unsigned times;
        enum lane_outcome outcome;
        char text[256];
};

static void on_done(struct lane_ticket *ticket, enum lane_outcome outcome, const struct err *err)
{
        struct told *told = CONTAINER_OF(ticket, struct told, ticket);
        told->times++;
        told->outcome = outcome;
        if (err)
                memcpy(told->text, err->text, sizeof(told->text));
}

static uv_loop_t loop;
static struct lanes lanes;
static struct redis_budget waiting;
static struct redis_target *target;

static int setup(void **state UNUSED)
{
        struct err err;
        waiting = (struct redis_budget){ .commands_max = 2, .bytes_max = 1000 };
        const struct lanes_options options = { .level = { .kind = ACK_REPLICA, .replicas = 1 },
                                               .redis = { .hold_ms = 1000, .stall_ms = 500 },
                                               .waiting = &waiting };
        /* Port 1 (tcpmux): nothing listens there, and nothing is sent. */
        target = redis_target_new(&(struct redis_target_options){ .host = "127.0.0.1", .port = 1 }, &err);
        assert_non_null(target);
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(lanes_open(&lanes, &loop, &options, target, 1, &err), 0);
        return 0;
}

static int teardown(void **state UNUSED)
{
        if (!lanes.is_closing)
                lanes_close(&lanes);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        redis_target_unref(target);
        return 0;
}

static void gather(struct told *told, struct lane *lane)
{
        *told = (struct told){ .ticket = { .on_done = on_done,
                                           .written = { &told->written },
                                           .deadline_ms = clock_monotonic_ms() + 1000,
                                           .bytes = 100 },
                               .written = { .connection = 1 } };
        redis_command_init(&told->written, NULL);
        told->written.connection = 1;
        lane_await(lane, &told->ticket);
}

static void documents_go_to_one_lane_until_it_waits(void **state UNUSED)
{
        assert_ptr_equal(lanes_pick(&lanes), &lanes.lane[0]);
        assert_ptr_equal(lanes_pick(&lanes), &lanes.lane[0]);
        lanes.lane[0].is_waiting = lanes.lane[1].is_waiting = true;
        assert_ptr_equal(lanes_pick(&lanes), &lanes.lane[2]);
        lanes.lane[0].is_waiting = false;
        assert_ptr_equal(lanes_pick(&lanes), &lanes.lane[2]);
        lanes.lane[2].is_waiting = lanes.lane[3].is_waiting = true;
        assert_ptr_equal(lanes_pick(&lanes), &lanes.lane[0]);
        for (size_t i = 0; i < LANES; i++)
                lanes.lane[i].is_waiting = false;
}

static void the_last_free_lane_does_not_wait(void **state UNUSED)
{
        struct told told;
        for (size_t i = 1; i < LANES; i++)
                lanes.lane[i].is_waiting = true;
        gather(&told, &lanes.lane[0]);
        lanes_turn(&lanes);
        assert_false(lanes.lane[0].is_waiting);
        assert_int_equal(told.times, 0);
        lanes.lane[1].is_waiting = false;
        lanes_turn(&lanes); /* asks, and learns in the same turn that there is no connection */
        assert_int_equal(told.times, 1);
        for (size_t i = 1; i < LANES; i++)
                lanes.lane[i].is_waiting = false;
}

static void without_a_connection_documents_are_written_again(void **state UNUSED)
{
        struct told a, b;
        gather(&a, &lanes.lane[0]);
        gather(&b, &lanes.lane[0]);
        assert_int_equal(atomic_load(&waiting.commands), 2);
        assert_int_equal(atomic_load(&waiting.bytes), 200);
        lanes_turn(&lanes);
        assert_true(a.times == 1 && b.times == 1);
        assert_true(a.outcome == LANE_REWRITE && b.outcome == LANE_REWRITE);
        assert_int_equal(atomic_load(&waiting.commands), 0);
        assert_int_equal(atomic_load(&waiting.bytes), 0);
}

static void what_waits_is_bounded(void **state UNUSED)
{
        struct told a, b, refused = { .ticket = { .on_done = on_done } };
        assert_false(lanes_are_full(&lanes));
        gather(&a, &lanes.lane[0]);
        assert_false(lanes_are_full(&lanes));
        gather(&b, &lanes.lane[0]);
        assert_true(lanes_are_full(&lanes));
        lanes_refuse(&lanes, &refused.ticket);
        assert_int_equal(refused.times, 0);
        lanes_turn(&lanes);
        assert_int_equal(refused.times, 1);
        assert_int_equal(refused.outcome, LANE_REFUSED);
        assert_string_equal(refused.text, "too many requests are waiting for Redis");
}

static void closing_tells_every_ticket(void **state UNUSED)
{
        struct told a, b;
        gather(&a, &lanes.lane[0]);
        gather(&b, &lanes.lane[3]);
        lanes_close(&lanes);
        assert_true(a.times == 1 && b.times == 1);
        assert_true(a.outcome == LANE_UNSAFE && b.outcome == LANE_UNSAFE);
        assert_string_equal(a.text, "Collector stops");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(documents_go_to_one_lane_until_it_waits, setup, teardown),
                cmocka_unit_test_setup_teardown(the_last_free_lane_does_not_wait, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_connection_documents_are_written_again, setup, teardown),
                cmocka_unit_test_setup_teardown(what_waits_is_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(closing_tells_every_ticket, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
