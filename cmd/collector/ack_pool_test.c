/* Tests of the pool without a server: which client takes documents, and that every ticket gets an outcome. For tests
 * with servers see tests/integration/test_acks.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ack_pool.h"
#include "base/attr.h"
#include "base/clock.h"

struct told {
        struct ack_ticket ticket;
        struct redis_command written;
        unsigned times;
        enum ack_outcome outcome;
        char text[256];
};

static void on_done(struct ack_ticket *ticket, enum ack_outcome outcome, const struct err *err)
{
        struct told *told = CONTAINER_OF(ticket, struct told, ticket);
        told->times++;
        told->outcome = outcome;
        if (err)
                memcpy(told->text, err->text, sizeof(told->text));
}

static uv_loop_t loop;
static struct ack_pool pool;
static struct redis_budget waiting;
static struct redis_target *target;

static int setup(void **state UNUSED)
{
        struct err err;
        waiting = (struct redis_budget){ .commands_max = 2, .bytes_max = 1000 };
        const struct ack_pool_options options = { .level = { .kind = ACK_REPLICA, .replicas = 1 },
                                                  .redis = { .hold_ms = 1000, .stall_ms = 500 },
                                                  .waiting = &waiting };
        /* Nothing listens on port 1 (tcpmux), so nothing is sent. */
        target = redis_target_new(&(struct redis_target_options){ .host = "127.0.0.1", .port = 1 }, &err);
        assert_non_null(target);
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(ack_pool_open(&pool, &loop, &options, target, 1, &err), 0);
        return 0;
}

static int teardown(void **state UNUSED)
{
        if (!pool.is_closing)
                ack_pool_close(&pool);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        redis_target_unref(target);
        return 0;
}

static void gather(struct told *told, struct ack_client *client)
{
        *told = (struct told){ .ticket = { .on_done = on_done,
                                           .written = { &told->written },
                                           .deadline_ms = clock_monotonic_ms() + 1000,
                                           .bytes = 100 },
                               .written = { .connection = 1 } };
        redis_command_init(&told->written, NULL);
        told->written.connection = 1;
        ack_client_await(client, &told->ticket);
}

static void documents_go_to_one_client_until_it_waits(void **state UNUSED)
{
        assert_ptr_equal(ack_pool_pick(&pool), &pool.clients[0]);
        assert_ptr_equal(ack_pool_pick(&pool), &pool.clients[0]);
        pool.clients[0].is_waiting = pool.clients[1].is_waiting = true;
        assert_ptr_equal(ack_pool_pick(&pool), &pool.clients[2]);
        pool.clients[0].is_waiting = false;
        assert_ptr_equal(ack_pool_pick(&pool), &pool.clients[2]);
        pool.clients[2].is_waiting = pool.clients[3].is_waiting = true;
        assert_ptr_equal(ack_pool_pick(&pool), &pool.clients[0]);
        for (size_t i = 0; i < ACK_CLIENTS; i++)
                pool.clients[i].is_waiting = false;
}

static void the_last_free_client_does_not_wait(void **state UNUSED)
{
        struct told told;
        for (size_t i = 1; i < ACK_CLIENTS; i++)
                pool.clients[i].is_waiting = true;
        gather(&told, &pool.clients[0]);
        ack_pool_turn(&pool);
        assert_false(pool.clients[0].is_waiting);
        assert_int_equal(told.times, 0);
        pool.clients[1].is_waiting = false;
        ack_pool_turn(&pool); /* sends the WAIT, which fails in the same turn for lack of a connection */
        assert_int_equal(told.times, 1);
        for (size_t i = 1; i < ACK_CLIENTS; i++)
                pool.clients[i].is_waiting = false;
}

static void without_a_connection_documents_are_written_again(void **state UNUSED)
{
        struct told a, b;
        gather(&a, &pool.clients[0]);
        gather(&b, &pool.clients[0]);
        assert_int_equal(atomic_load(&waiting.commands), 2);
        assert_int_equal(atomic_load(&waiting.bytes), 200);
        ack_pool_turn(&pool);
        assert_true(a.times == 1 && b.times == 1);
        assert_true(a.outcome == ACK_REWRITE && b.outcome == ACK_REWRITE);
        assert_int_equal(atomic_load(&waiting.commands), 0);
        assert_int_equal(atomic_load(&waiting.bytes), 0);
}

static void the_number_of_waiting_documents_is_bounded(void **state UNUSED)
{
        struct told a, b, refused = { .ticket = { .on_done = on_done } };
        assert_false(ack_pool_is_full(&pool));
        gather(&a, &pool.clients[0]);
        assert_false(ack_pool_is_full(&pool));
        gather(&b, &pool.clients[0]);
        assert_true(ack_pool_is_full(&pool));
        ack_pool_refuse(&pool, &refused.ticket);
        assert_int_equal(refused.times, 0);
        ack_pool_turn(&pool);
        assert_int_equal(refused.times, 1);
        assert_int_equal(refused.outcome, ACK_REFUSED);
        assert_string_equal(refused.text, "too many requests are waiting for Redis");
}

static void closing_completes_every_ticket(void **state UNUSED)
{
        struct told a, b;
        gather(&a, &pool.clients[0]);
        gather(&b, &pool.clients[3]);
        ack_pool_close(&pool);
        assert_true(a.times == 1 && b.times == 1);
        assert_true(a.outcome == ACK_UNSAFE && b.outcome == ACK_UNSAFE);
        assert_string_equal(a.text, "Collector stops");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(documents_go_to_one_client_until_it_waits, setup, teardown),
                cmocka_unit_test_setup_teardown(the_last_free_client_does_not_wait, setup, teardown),
                cmocka_unit_test_setup_teardown(without_a_connection_documents_are_written_again, setup, teardown),
                cmocka_unit_test_setup_teardown(the_number_of_waiting_documents_is_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(closing_completes_every_ticket, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
