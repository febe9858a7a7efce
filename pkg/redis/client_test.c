/* Tests of a client against a scripted server: which commands are held and for how long, and closing. */
#include "redis/client_rig_test.h"

static void commands_are_answered_in_order_with_one_write_per_turn(void **state UNUSED)
{
        struct job jobs[100];
        start(NULL, (struct redis_options){ 0 });
        for (int i = 0; i < 100; i++)
                job_send(&jobs[i], &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, rig.answered == 100);
        for (unsigned i = 0; i < 100; i++) {
                assert_answer(&jobs[i], "OK");
                assert_int_equal(jobs[i].order, i + 1);
                assert_int_equal(jobs[i].command.attempts, 1);
                assert_int_equal(jobs[i].command.connection, 1);
                assert_true(jobs[i].command.sent_first_ms > 0);
        }
        assert_int_equal(redis_counters(rig.client).batches, 1);
        assert_int_equal(redis_counters(rig.client).batch_commands_max, 100);
        assert_int_equal(redis_away_ms(rig.client), 0);
        assert_int_equal(redis_state(rig.client), REDIS_READY);
        stop();
}

static void held_commands_are_sent_when_the_server_comes_up(void **state UNUSED)
{
        struct job a;
        uint16_t port = dead_port();
        rig_init(&rig);
        rig_open(&rig, (struct redis_options){ 0 }, port);
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] >= 3);
        assert_int_equal(redis_state(rig.client), REDIS_CONNECTING);
        assert_int_equal(redis_held(rig.client), 1);
        assert_true(redis_away_ms(rig.client) > 0);
        fake_start(&fake, &rig.loop, port, NULL);
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(a.resends, 0);
        stop();
}

static void a_held_command_fails_when_its_hold_time_is_over(void **state UNUSED)
{
        struct job a;
        rig_init(&rig);
        rig_open(&rig, (struct redis_options){ .hold_ms = 120 }, dead_port());
        int64_t began_ms = clock_monotonic_ms();
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_in_range(clock_monotonic_ms() - began_ms, 110, 8000);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        assert_true(strstr(a.text, "refused") != NULL);
        rig_fini(&rig);
}

static const char *silent_to_a(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        return argc > 1 && is(argv[1], "a") ? "" : NULL;
}

static void a_lost_write_is_in_doubt_but_a_lost_read_is_not(void **state UNUSED)
{
        static const struct {
                const char *name;
                int code;
        } cases[] = { { "GET", ERR_UNAVAILABLE },       { "GETRANGE", ERR_UNAVAILABLE }, { "XRANGE", ERR_UNAVAILABLE },
                      { "XREVRANGE", ERR_UNAVAILABLE }, { "EXISTS", ERR_UNAVAILABLE },   { "GETDEL", ERR_TIMEOUT },
                      { "XADD", ERR_TIMEOUT },          { "OTHER", ERR_TIMEOUT } };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct job a;
                start(silent_to_a, (struct redis_options){ .hold_ms = 150 });
                job_send(&a, &rig, cases[i].name, "a", "1");
                RUN_UNTIL(&rig, a.is_done);
                assert_int_equal(a.code, cases[i].code);
                stop();
        }
}

static void a_command_that_redis_may_have_executed_times_out(void **state UNUSED)
{
        struct job a;
        start(dies, (struct redis_options){ .hold_ms = 150 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT);
        stop();
}

static struct fake_conn *slow_conn;

static const char *slow(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        slow_conn = conn;
        return is(argv[0], "SLOW") ? "" : NULL;
}

static void a_late_reply_is_dropped_and_not_mistaken_for_the_next_one(void **state UNUSED)
{
        struct job a, b;
        start(slow, (struct redis_options){ .hold_ms = 150, .stall_ms = 5000 });
        job_send(&a, &rig, "SLOW", "a", NULL);
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT);
        RUN_UNTIL(&rig, redis_away_ms(rig.client) == 0); /* connected, without an error */
        job_send(&b, &rig, "SLOW", "b", NULL);
        RUN_UNTIL(&rig, fake.asked == 2);
        fake_say(slow_conn, "+A\r\n+B\r\n");
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&b, "B");
        assert_int_equal(fake.connections, 1);
        stop();
}

static void a_command_over_the_budget_is_rejected_at_the_next_flush(void **state UNUSED)
{
        struct job jobs[4];
        rig_init(&rig);
        rig.budget.commands_max = 2;
        rig_open(&rig, (struct redis_options){ .hold_ms = 100 }, dead_port());
        for (int i = 0; i < 4; i++)
                job_send(&jobs[i], &rig, "SET", "a", "1");
        assert_int_equal(rig.answered, 0); /* never from inside redis_send */
        redis_flush(rig.client);
        assert_int_equal(rig.answered, 2);
        assert_int_equal(jobs[2].code, ERR_UNAVAILABLE);
        assert_string_equal(jobs[3].text, "too many requests are waiting for Redis");
        RUN_UNTIL(&rig, rig.answered == 4);
        rig.budget.bytes_max = 40;
        job_send(&jobs[0], &rig, "SET", "a", "a value that is longer than the budget has bytes");
        redis_flush(rig.client);
        assert_string_equal(jobs[0].text, "too many requests are waiting for Redis");
        rig_fini(&rig);
}

static void an_uncounted_command_is_accepted_when_the_command_limit_is_reached(void **state UNUSED)
{
        struct job counted, extra, refused;
        rig_init(&rig);
        rig.budget.commands_max = 1;
        rig_open(&rig, (struct redis_options){ .hold_ms = 100 }, dead_port());
        job_send(&counted, &rig, "SET", "a", "1");
        job_init(&extra, &rig, "XADD", "feed", "1");
        extra.command.is_uncounted = true;
        redis_send(rig.client, &extra.command);
        job_send(&refused, &rig, "SET", "b", "1");
        redis_flush(rig.client);
        assert_int_equal(rig.answered, 1);
        assert_true(refused.is_done);
        assert_int_equal(atomic_load(&rig.budget.commands), 1);
        RUN_UNTIL(&rig, rig.answered == 3);
        rig_fini(&rig); /* checks that all charges were returned */
}

static void a_held_command_can_be_cancelled_but_one_in_flight_cannot(void **state UNUSED)
{
        struct job a, b;
        start(slow, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        assert_true(redis_cancel(rig.client, &a.command));
        redis_command_fini(&a.command);
        job_send(&b, &rig, "SLOW", "b", NULL);
        RUN_UNTIL(&rig, fake.asked == 1);
        assert_false(redis_cancel(rig.client, &b.command));
        assert_string_equal(fake.log[0].text, "SLOW b");
        fake_say(slow_conn, "+B\r\n");
        RUN_UNTIL(&rig, b.is_done);
        stop();
}

static void a_must_not_hold_command_fails_at_once_without_a_connection(void **state UNUSED)
{
        struct job a, b;
        start(NULL, (struct redis_options){ 0 });
        job_init(&a, &rig, "GET", "a", NULL);
        a.command.must_not_hold = true;
        redis_send(rig.client, &a.command);
        redis_flush(rig.client);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        job_init(&b, &rig, "GET", "b", NULL);
        b.command.must_not_hold = true;
        redis_send(rig.client, &b.command);
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&b, "OK");
        stop();
}

static void a_callback_may_close_the_client(void **state UNUSED)
{
        struct job a, b, c;
        start(NULL, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        job_send(&b, &rig, "SET", "b", "1");
        a.closes = true;
        RUN_UNTIL(&rig, rig.is_closed);
        assert_answer(&a, "OK");
        assert_int_equal(b.code, ERR_TIMEOUT);
        stop();
        rig_init(&rig);
        rig_open(&rig, (struct redis_options){ .hold_ms = 100 }, dead_port());
        job_send(&c, &rig, "SET", "c", "1");
        job_send(&b, &rig, "SET", "b", "1");
        c.closes = true;
        RUN_UNTIL(&rig, rig.is_closed);
        assert_int_equal(b.code, ERR_UNAVAILABLE);
        rig_fini(&rig);
}

static void closing_during_a_connection_attempt_leaks_nothing(void **state UNUSED)
{
        start(always_silent, (struct redis_options){ 0 });
        RUN_UNTIL(&rig, fake.connections == 1);
        stop();
        rig_init(&rig);
        struct redis_target_options options = { .host = "localhost", .port = 1 };
        rig_open_target(&rig, (struct redis_options){ 0 }, redis_target_new(&options, NULL));
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT); /* the look-up is in progress */
        rig_fini(&rig);
}

static void a_name_is_looked_up_and_its_addresses_are_tried_in_turn(void **state UNUSED)
{
        struct job a;
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, NULL); /* only on 127.0.0.1; localhost may be ::1 first */
        struct redis_target_options options = { .host = "localhost", .port = fake.port };
        rig_open_target(&rig, (struct redis_options){ 0 }, redis_target_new(&options, NULL));
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
        stop();
}

static const char *mute(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv UNUSED)
{
        return conn->number == 1 ? "" : NULL;
}

static void a_handshake_without_a_reply_times_out(void **state UNUSED)
{
        struct job a;
        start(mute, (struct redis_options){ .connect_timeout_ms = 100 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_true(strstr(rig.last_error.text, "handshake: no answer within 100 ms") != NULL);
        stop();
}

static void a_command_without_bytes_fails_with_nomem(void **state UNUSED)
{
        struct job job;
        start(NULL, (struct redis_options){ 0 });
        job_init(&job, &rig, "GET", "k", NULL);
        redis_command_fini(&job.command);
        redis_send(rig.client, &job.command);
        assert_false(job.is_done);
        RUN_UNTIL(&rig, job.is_done);
        assert_int_equal(job.code, ERR_NOMEM);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(commands_are_answered_in_order_with_one_write_per_turn),
                cmocka_unit_test(held_commands_are_sent_when_the_server_comes_up),
                cmocka_unit_test(a_held_command_fails_when_its_hold_time_is_over),
                cmocka_unit_test(a_command_that_redis_may_have_executed_times_out),
                cmocka_unit_test(a_lost_write_is_in_doubt_but_a_lost_read_is_not),
                cmocka_unit_test(a_late_reply_is_dropped_and_not_mistaken_for_the_next_one),
                cmocka_unit_test(a_command_over_the_budget_is_rejected_at_the_next_flush),
                cmocka_unit_test(an_uncounted_command_is_accepted_when_the_command_limit_is_reached),
                cmocka_unit_test(a_held_command_can_be_cancelled_but_one_in_flight_cannot),
                cmocka_unit_test(a_must_not_hold_command_fails_at_once_without_a_connection),
                cmocka_unit_test(a_callback_may_close_the_client),
                cmocka_unit_test(closing_during_a_connection_attempt_leaks_nothing),
                cmocka_unit_test(a_name_is_looked_up_and_its_addresses_are_tried_in_turn),
                cmocka_unit_test(a_handshake_without_a_reply_times_out),
                cmocka_unit_test(a_command_without_bytes_fails_with_nomem),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
