/* Tests of the handling of replies: temporary refusals, malformed replies, and missing ones. */
#include "redis/client_rig_test.h"

static const char *half_a_reply(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (is(argv[0], "GET") && conn->number == 1)
                return "$10\r\n01234" FAKE_CLOSE;
        return is(argv[0], "GET") ? "$2\r\nok\r\n" : NULL;
}

static void a_truncated_reply_makes_the_client_repeat_the_command(void **state UNUSED)
{
        struct job a, b;
        start(half_a_reply, (struct redis_options){ 0 });
        job_send(&a, &rig, "GET", "a", NULL);
        job_send(&b, &rig, "GET", "b", NULL);
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&a, "ok");
        assert_answer(&b, "ok");
        assert_int_equal(a.resends, 1);
        assert_int_equal(a.command.connection, 2);
        assert_int_equal(a.command.attempts, 2);
        assert_int_equal(a.order, 1);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 1);
        assert_int_equal(redis_counters(rig.client).resent, 2);
        stop();
}

static const char *try_again(struct fake *f, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        if (is(argv[0], "SET") && f->asked == 2)
                return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
        return NULL;
}

static void tryagain_is_retried_on_the_same_connection(void **state UNUSED)
{
        struct job a, b, c;
        start(try_again, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        job_send(&b, &rig, "SET", "b", "1");
        job_send(&c, &rig, "SET", "c", "1");
        RUN_UNTIL(&rig, a.is_done && b.is_done && c.is_done);
        assert_answer(&b, "OK");
        assert_int_equal(b.order, 3);
        assert_int_equal(b.resends, 0); /* it was certainly not executed */
        assert_int_equal(fake.connections, 1);
        assert_int_equal(rig.events[REDIS_EVENT_NOT_WRITABLE], 1);
        stop();
}

static const char *read_only_at_first(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (is(argv[0], "SET") && conn->number == 1)
                return "-READONLY You can't write against a read only replica.\r\n";
        return NULL;
}

static void readonly_makes_the_client_find_the_primary_and_keeps_the_order(void **state UNUSED)
{
        struct job jobs[20];
        char key[12];
        start(read_only_at_first, (struct redis_options){ 0 });
        for (int i = 0; i < 20; i++) {
                (void)snprintf(key, sizeof(key), "%d", i);
                job_send(&jobs[i], &rig, "SET", key, "1");
        }
        RUN_UNTIL(&rig, rig.answered == 20);
        for (unsigned i = 0; i < 20; i++) {
                assert_answer(&jobs[i], "OK");
                assert_int_equal(jobs[i].order, i + 1);
                assert_int_equal(jobs[i].resends, 0);
        }
        assert_int_equal(fake.connections, 2);
        assert_true(strstr(rig.last_error.text, "READONLY") != NULL);
        stop();
}

static const char *silent_at_first(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") && conn->number == 1 ? "" : NULL;
}

static void a_silent_server_is_abandoned(void **state UNUSED)
{
        struct job a;
        start(silent_at_first, (struct redis_options){ .stall_ms = 150 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(a.resends, 1);
        assert_int_equal(fake.connections, 2);
        assert_true(strstr(rig.last_error.text, "no answer within 150 ms") != NULL);
        stop();
}

static void a_command_is_repeated_until_its_hold_time_is_over(void **state UNUSED)
{
        struct job a;
        start(always_silent, (struct redis_options){ .stall_ms = 60, .hold_ms = 900 });
        int64_t before_ms = clock_monotonic_ms();
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT);
        assert_true(clock_monotonic_ms() - before_ms >= 890);
        assert_true(a.command.attempts > 4);
        /* The hold time may end between the notice and the write. */
        assert_in_range(a.resends, a.command.attempts - 1, a.command.attempts);
        stop();
}

static void a_once_command_fails_when_its_outcome_is_unknown(void **state UNUSED)
{
        struct job a, b;
        start(silent_at_first, (struct redis_options){ .stall_ms = 60 });
        job_init(&a, &rig, "SET", "a", "1");
        a.command.once = true;
        redis_send(rig.client, &a.command);
        job_send(&b, &rig, "SET", "b", "1");
        RUN_UNTIL(&rig, a.is_done && b.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT);
        assert_int_equal(a.command.attempts, 1);
        assert_answer(&b, "OK");
        stop();
}

static const char *loading(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (conn->number < 4 && is(argv[0], "PING"))
                return "-LOADING Redis is loading the dataset in memory\r\n";
        if (conn->number == 4 && conn->commands < 3 && is(argv[0], "SET"))
                return "-LOADING Redis is loading the dataset in memory\r\n";
        return NULL;
}

static void a_loading_server_causes_only_a_delay(void **state UNUSED)
{
        struct job a, b;
        start(loading, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        job_send(&b, &rig, "SET", "b", "1");
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&a, "OK");
        assert_answer(&b, "OK");
        assert_int_equal(a.order, 1);
        assert_int_equal(fake.connections, 4);
        assert_int_equal(rig.events[REDIS_EVENT_NOT_WRITABLE], 4);
        stop();
}

static const char *garbage_at_first(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") && conn->number == 1 ? "HTTP/1.1 400 Bad Request\r\n\r\n" : NULL;
}

static void garbage_closes_the_connection_and_the_command_is_repeated(void **state UNUSED)
{
        struct job a;
        start(garbage_at_first, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(rig.last_error.code, ERR_PROTOCOL);
        stop();
}

static const char *too_long(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "GET") ? "$3000\r\n" : NULL;
}

static const char *huge(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "GET") ? "*1000000\r\n" : NULL;
}

static void a_reply_over_the_limit_closes_the_connection(void **state UNUSED)
{
        struct job a;
        start(huge, (struct redis_options){ .reply_max_bytes = 2000, .hold_ms = 400 });
        job_send(&a, &rig, "GET", "a", NULL);
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        assert_int_equal(rig.last_error.code, ERR_PROTOCOL);
        assert_true(strstr(rig.last_error.text, "over the limit") != NULL);
        stop();
        start(too_long, (struct redis_options){ .reply_max_bytes = 2000, .hold_ms = 400, .stall_ms = 60 });
        job_send(&a, &rig, "GET", "a", NULL); /* announced but never sent, so the deadline ends it */
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        stop();
}

static const char *unasked(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") && conn->number == 1 ? "+OK\r\n+OK\r\n" : NULL;
}

static void an_unsolicited_reply_closes_the_connection(void **state UNUSED)
{
        struct job a;
        start(unasked, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        assert_answer(&a, "OK");
        assert_int_equal(rig.last_error.code, ERR_PROTOCOL);
        stop();
}

static const char *wants_password(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                  char **argv UNUSED)
{
        return "-NOAUTH Authentication required.\r\n";
}

static void without_the_required_password_commands_are_denied(void **state UNUSED)
{
        struct job a;
        start(wants_password, (struct redis_options){ .hold_ms = 200 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_DENIED);
        assert_true(rig.events[REDIS_EVENT_DENIED] > 1);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
        assert_int_equal(fake.asked, 0);
        stop();
}

static const char *echo_auth(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        static char text[128];
        if (!is(argv[0], "AUTH"))
                return NULL;
        (void)snprintf(text, sizeof(text), "-ERR unknown command 'AUTH', with args beginning with: '%s'\r\n", argv[1]);
        return text;
}

static void a_password_that_the_server_echoes_is_never_reported(void **state UNUSED)
{
        struct job a;
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, echo_auth);
        struct redis_target_options options = { .host = "127.0.0.1",
                                                .port = fake.port,
                                                .password = { (char[]){ "hush" }, 4 } };
        rig_open_target(&rig, (struct redis_options){ .hold_ms = 100 }, redis_target_new(&options, NULL));
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_DENIED);
        assert_null(strstr(a.text, "hush"));
        assert_null(strstr(rig.last_error.text, "hush"));
        assert_true(strstr(rig.last_error.text, "authentication") != NULL);
        stop();
}

static const char *replica(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (is(argv[0], "ROLE") && conn->number < 3)
                return "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:1\r\n";
        return is(argv[0], "ROLE") ? "-NOPERM this user has no permissions to run the 'role' command\r\n" : NULL;
}

static void a_replica_gets_no_writes_and_a_forbidden_role_command_is_tolerated(void **state UNUSED)
{
        struct job a;
        start(replica, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(fake.connections, 3);
        assert_int_equal(fake.asked, 1);
        assert_int_equal(rig.events[REDIS_EVENT_NOT_WRITABLE], 2);
        stop();
}

static const char *full_house(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv UNUSED)
{
        return conn->number == 1 ? "-ERR max number of clients reached\r\n" FAKE_CLOSE : NULL;
}

static void max_clients_errors_are_retried(void **state UNUSED)
{
        struct job a;
        start(full_house, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        stop();
}

static const char *noauth_later(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") && conn->number == 1 ? "-NOAUTH Authentication required.\r\n" : NULL;
}

static const char *out_of_memory(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") ? "-OOM command not allowed when used memory > 'maxmemory'.\r\n" : NULL;
}

static void noauth_on_a_live_connection_logs_in_again_and_oom_is_passed_on(void **state UNUSED)
{
        struct job a;
        start(noauth_later, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(fake.connections, 2);
        stop();
        start(out_of_memory, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, 0);
        assert_int_equal(a.type, REDIS_ERROR);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_truncated_reply_makes_the_client_repeat_the_command),
                cmocka_unit_test(tryagain_is_retried_on_the_same_connection),
                cmocka_unit_test(readonly_makes_the_client_find_the_primary_and_keeps_the_order),
                cmocka_unit_test(a_silent_server_is_abandoned),
                cmocka_unit_test(a_command_is_repeated_until_its_hold_time_is_over),
                cmocka_unit_test(a_once_command_fails_when_its_outcome_is_unknown),
                cmocka_unit_test(a_loading_server_causes_only_a_delay),
                cmocka_unit_test(garbage_closes_the_connection_and_the_command_is_repeated),
                cmocka_unit_test(a_reply_over_the_limit_closes_the_connection),
                cmocka_unit_test(an_unsolicited_reply_closes_the_connection),
                cmocka_unit_test(without_the_required_password_commands_are_denied),
                cmocka_unit_test(a_password_that_the_server_echoes_is_never_reported),
                cmocka_unit_test(a_replica_gets_no_writes_and_a_forbidden_role_command_is_tolerated),
                cmocka_unit_test(max_clients_errors_are_retried),
                cmocka_unit_test(noauth_on_a_live_connection_logs_in_again_and_oom_is_passed_on),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
