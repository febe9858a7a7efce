/* Tests of the client against a scripted server: the failure table, time, and switching targets. */
#include "redis/fake_redis_test.h"

static struct rig rig;
static struct fake fake, other;

static void start(fake_answer_fn *answer, struct redis_options options)
{
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, answer);
        rig_open(&rig, options, fake.port);
}

static void stop(void)
{
        fake_stop(&fake);
        rig_fini(&rig);
}

static bool is(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* A port where nothing listens. */
static uint16_t dead_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        (void)close(fd); /* was only asked for its port */
        return ntohs(address.sin_port);
}

static void commands_are_answered_in_order_with_one_write_a_turn(void **state UNUSED)
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

static const char *half_a_reply(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (is(argv[0], "GET") && conn->number == 1)
                return "$10\r\n01234" FAKE_CLOSE;
        return is(argv[0], "GET") ? "$2\r\nok\r\n" : NULL;
}

static void a_reply_cut_off_in_the_middle_is_asked_for_again(void **state UNUSED)
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

static void tryagain_is_asked_again_on_the_same_connection(void **state UNUSED)
{
        struct job a, b, c;
        start(try_again, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        job_send(&b, &rig, "SET", "b", "1");
        job_send(&c, &rig, "SET", "c", "1");
        RUN_UNTIL(&rig, a.is_done && b.is_done && c.is_done);
        assert_answer(&b, "OK");
        assert_int_equal(b.order, 3);
        assert_int_equal(b.resends, 0); /* it was certainly not done */
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

static void readonly_looks_for_the_primary_and_keeps_the_order(void **state UNUSED)
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

static void a_silent_server_is_given_up(void **state UNUSED)
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

static const char *always_silent(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") ? "" : NULL;
}

static void a_command_is_sent_again_until_its_hold_time_has_passed(void **state UNUSED)
{
        struct job a;
        start(always_silent, (struct redis_options){ .stall_ms = 60, .hold_ms = 900 });
        int64_t before_ms = clock_monotonic_ms();
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT);
        assert_true(clock_monotonic_ms() - before_ms >= 890);
        assert_true(a.command.attempts > 4);
        assert_int_equal(a.resends, a.command.attempts - 1);
        stop();
}

static void a_command_that_must_be_sent_once_fails_when_it_is_in_doubt(void **state UNUSED)
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

static void a_loading_server_only_delays(void **state UNUSED)
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

static void garbage_breaks_the_connection_not_the_command(void **state UNUSED)
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

static void a_reply_over_the_limit_breaks_the_protocol(void **state UNUSED)
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
        job_send(&a, &rig, "GET", "a", NULL); /* announced, but it never comes: time ends it */
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        stop();
}

static const char *unasked(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") && conn->number == 1 ? "+OK\r\n+OK\r\n" : NULL;
}

static void a_reply_that_nothing_asked_for_breaks_the_protocol(void **state UNUSED)
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

static void without_the_password_that_is_asked_for_commands_end_denied(void **state UNUSED)
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

static void a_password_that_the_server_echoes_is_not_repeated(void **state UNUSED)
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

static void a_replica_is_not_written_to_and_a_forbidden_role_is_no_failure(void **state UNUSED)
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

static void too_many_clients_is_waited_for(void **state UNUSED)
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

static void noauth_on_a_live_connection_logs_in_again_and_oom_is_an_answer(void **state UNUSED)
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

static void a_server_that_comes_later_gets_what_was_held(void **state UNUSED)
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

static void a_held_command_fails_when_its_hold_time_has_passed(void **state UNUSED)
{
        struct job a;
        rig_init(&rig);
        rig_open(&rig, (struct redis_options){ .hold_ms = 120 }, dead_port());
        int64_t began_ms = clock_monotonic_ms();
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_in_range(clock_monotonic_ms() - began_ms, 110, 1000);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        assert_true(strstr(a.text, "refused") != NULL);
        rig_fini(&rig);
}

static const char *silent_to_a(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        return argc > 1 && is(argv[1], "a") ? "" : NULL;
}

static void a_write_that_is_lost_is_in_doubt_and_a_read_is_not(void **state UNUSED)
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

static const char *dies(struct fake *f, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        if (!is(argv[0], "SET"))
                return NULL;
        fake_stop(f);
        return FAKE_CLOSE;
}

static void one_that_may_have_been_done_times_out_instead(void **state UNUSED)
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

static void a_reply_after_the_deadline_is_dropped_and_not_taken_for_the_next(void **state UNUSED)
{
        struct job a, b;
        start(slow, (struct redis_options){ .hold_ms = 150, .stall_ms = 5000 });
        job_send(&a, &rig, "SLOW", "a", NULL);
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT);
        RUN_UNTIL(&rig, redis_away_ms(rig.client) == 0); /* connected, and nothing speaks against it */
        job_send(&b, &rig, "SLOW", "b", NULL);
        RUN_UNTIL(&rig, fake.asked == 2);
        fake_say(slow_conn, "+A\r\n+B\r\n");
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&b, "B");
        assert_int_equal(fake.connections, 1);
        stop();
}

static void beyond_the_budget_a_command_is_refused_at_the_next_flush(void **state UNUSED)
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

static void a_held_command_can_be_taken_back_and_one_in_flight_cannot(void **state UNUSED)
{
        struct job a, b;
        start(slow, (struct redis_options){ 0 });
        job_send(&a, &rig, "SET", "a", "1");
        assert_true(redis_cancel(rig.client, &a.command));
        redis_command_fini(&a.command);
        job_send(&b, &rig, "SLOW", "b", NULL);
        RUN_UNTIL(&rig, fake.asked == 1);
        assert_false(redis_cancel(rig.client, &b.command));
        assert_string_equal(fake.log[0].text, "SLOW b ");
        fake_say(slow_conn, "+B\r\n");
        RUN_UNTIL(&rig, b.is_done);
        stop();
}

static void a_command_that_must_not_hold_fails_at_once_without_a_connection(void **state UNUSED)
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

static void closing_in_the_middle_of_an_attempt_leaves_nothing(void **state UNUSED)
{
        start(always_silent, (struct redis_options){ 0 });
        RUN_UNTIL(&rig, fake.connections == 1);
        stop();
        rig_init(&rig);
        struct redis_target_options options = { .host = "localhost", .port = 1 };
        rig_open_target(&rig, (struct redis_options){ 0 }, redis_target_new(&options, NULL));
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT); /* the look-up is on its way */
        rig_fini(&rig);
}

static void a_name_is_looked_up_and_its_addresses_are_tried_in_turn(void **state UNUSED)
{
        struct job a;
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, NULL); /* on 127.0.0.1 alone; localhost may be ::1 first */
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

static void a_handshake_without_an_answer_ends_in_time(void **state UNUSED)
{
        struct job a;
        start(mute, (struct redis_options){ .connect_timeout_ms = 100 });
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_true(strstr(rig.last_error.text, "handshake: no answer within 100 ms") != NULL);
        stop();
}

/* --- Switching ------------------------------------------------------------------------------------------- */

enum { STREAM_JOBS = 600 };

static void a_switch_under_traffic_loses_nothing_and_keeps_the_order(void **state UNUSED)
{
        static struct job jobs[STREAM_JOBS];
        char key[12];
        start(NULL, (struct redis_options){ 0 });
        fake_start(&other, &rig.loop, 0, NULL);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        for (unsigned i = 0; i < STREAM_JOBS; i++) {
                (void)snprintf(key, sizeof(key), "%u", i);
                job_send(&jobs[i], &rig, "SET", key, "1");
                if (i == 200) {
                        struct redis_target *target = target_at(other.port);
                        redis_set_target(rig.client, target, 2);
                        redis_target_unref(target);
                }
                if (i % 5 == 0)
                        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
        }
        RUN_UNTIL(&rig, rig.answered == STREAM_JOBS && fake.open == 0);
        assert_int_equal(fake.logged + other.logged, STREAM_JOBS);
        for (size_t i = 0; i < STREAM_JOBS; i++) {
                const char *text = i < fake.logged ? fake.log[i].text : other.log[i - fake.logged].text;
                assert_int_equal(strtoul(text + 4, NULL, 10), i);
        }
        for (unsigned i = 0; i < STREAM_JOBS; i++)
                assert_answer(&jobs[i], "OK");
        assert_true(other.logged > 0 && fake.logged > 200);
        assert_int_equal(redis_generation(rig.client), 2);
        assert_int_equal(rig.events[REDIS_EVENT_SWITCHED], 1);
        assert_int_equal(rig.events[REDIS_EVENT_DRAINED], 1);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        fake_stop(&other);
        stop();
}

static void while_the_new_target_is_dead_the_old_one_works_and_is_not_called_again(void **state UNUSED)
{
        struct job a, b;
        start(dies, (struct redis_options){ 0 });
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        uint16_t port = dead_port();
        struct redis_target *target = target_at(port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] >= 3);
        job_send(&a, &rig, "GET", "a", NULL);
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(redis_generation(rig.client), 1);
        job_send(&b, &rig, "SET", "b", "1"); /* kills the old one */
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DISCONNECTED] == 1);
        fake_start(&other, &rig.loop, port, NULL);
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&b, "OK");
        assert_int_equal(other.logged, 1);
        assert_int_equal(fake.connections, 1);
        fake_stop(&other);
        stop();
}

static void answers_of_the_old_target_do_not_hasten_attempts_at_a_dead_new_one(void **state UNUSED)
{
        struct job a;
        start(NULL, (struct redis_options){ .backoff_min_ms = 20, .backoff_max_ms = 1000 });
        struct redis_target *target = target_at(dead_port());
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        int64_t until_ms = clock_monotonic_ms() + 300;
        while (clock_monotonic_ms() < until_ms) {
                job_send(&a, &rig, "GET", "a", NULL);
                RUN_UNTIL(&rig, a.is_done);
        }
        assert_in_range(rig.events[REDIS_EVENT_CONNECT_FAILED], 1, 15);
        stop();
}

static void what_the_old_target_never_answers_is_sent_again_on_the_new_one(void **state UNUSED)
{
        struct job a;
        start(always_silent, (struct redis_options){ .stall_ms = 150 });
        fake_start(&other, &rig.loop, 0, NULL);
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, fake.asked == 1);
        struct redis_target *target = target_at(other.port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, a.is_done && rig.events[REDIS_EVENT_DRAINED] == 1);
        assert_answer(&a, "OK");
        assert_int_equal(a.resends, 1);
        assert_int_equal(other.logged, 1);
        fake_stop(&other);
        stop();
}

static void a_second_switch_overrides_the_first(void **state UNUSED)
{
        struct job a;
        start(NULL, (struct redis_options){ 0 });
        fake_start(&other, &rig.loop, 0, NULL);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        struct redis_target *dead = target_at(dead_port()), *target = target_at(other.port);
        redis_set_target(rig.client, dead, 2);
        redis_set_target(rig.client, target, 3);
        RUN_UNTIL(&rig, redis_generation(rig.client) == 3);
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(other.logged, 1);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
        redis_target_unref(dead);
        redis_target_unref(target);
        fake_stop(&other);
        stop();
}

static void a_command_without_bytes_fails_for_want_of_memory(void **state UNUSED)
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

static const char *nothing(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv UNUSED)
{
        return "";
}

static void never_probed(const struct redis_probe_result *result UNUSED, int rc UNUSED, const struct err *err UNUSED,
                         void *data UNUSED)
{
        fail_msg("the probe was cancelled");
}

static void a_probe_that_is_cancelled_leaves_the_loop_at_once(void **state UNUSED)
{
        struct redis_probe *probe = NULL;
        start(nothing, (struct redis_options){ 0 });
        struct redis_target *target = target_at(fake.port);
        assert_int_equal(redis_probe(&rig.loop, target, NULL, 60000, never_probed, NULL, &probe, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, fake.connections == 2);
        int64_t before_ms = clock_monotonic_ms();
        redis_probe_cancel(probe);
        stop();
        assert_true(clock_monotonic_ms() - before_ms < 5000);
}

static void a_client_whose_target_is_nowhere_tries_nothing_until_it_gets_one(void **state UNUSED)
{
        struct job late, held;
        struct redis_target *target = redis_target_new(&(struct redis_target_options){ .is_nowhere = true }, NULL);
        assert_non_null(target);
        assert_null(redis_target_address(target));
        rig_init(&rig);
        rig_open_target(&rig, (struct redis_options){ .hold_ms = 300 }, target);
        assert_true(redis_is_nowhere(rig.client));
        job_send(&late, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, late.is_done);
        assert_int_equal(late.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(late.text, "address of Redis is not known yet"));
        for (size_t i = 0; i < COUNT_OF(rig.events); i++)
                assert_int_equal(rig.events[i], 0);
        fake_start(&fake, &rig.loop, 0, NULL);
        job_send(&held, &rig, "SET", "k", "v");
        target = target_at(fake.port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, held.is_done);
        assert_answer(&held, "OK");
        assert_false(redis_is_nowhere(rig.client));
        assert_int_equal(redis_generation(rig.client), 2);
        fake_stop(&fake);
        rig_fini(&rig);
}

static void on_no_probe(const struct redis_probe_result *result UNUSED, int rc UNUSED, const struct err *err UNUSED,
                        void *data UNUSED)
{
        fail();
}

static void nowhere_is_not_probed(void **state UNUSED)
{
        struct err err;
        struct redis_target *target = redis_target_new(&(struct redis_target_options){ .is_nowhere = true }, NULL);
        assert_non_null(target);
        assert_int_equal(redis_probe(NULL, target, NULL, 1000, on_no_probe, NULL, NULL, &err), ERR_UNAVAILABLE);
        redis_target_unref(target);
        assert_null(redis_target_new(&(struct redis_target_options){ .is_nowhere = true, .host = "h" }, &err));
        assert_int_equal(err.code, ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_client_whose_target_is_nowhere_tries_nothing_until_it_gets_one),
                cmocka_unit_test(nowhere_is_not_probed),
                cmocka_unit_test(commands_are_answered_in_order_with_one_write_a_turn),
                cmocka_unit_test(a_reply_cut_off_in_the_middle_is_asked_for_again),
                cmocka_unit_test(tryagain_is_asked_again_on_the_same_connection),
                cmocka_unit_test(readonly_looks_for_the_primary_and_keeps_the_order),
                cmocka_unit_test(a_silent_server_is_given_up),
                cmocka_unit_test(a_command_is_sent_again_until_its_hold_time_has_passed),
                cmocka_unit_test(a_command_that_must_be_sent_once_fails_when_it_is_in_doubt),
                cmocka_unit_test(a_loading_server_only_delays),
                cmocka_unit_test(garbage_breaks_the_connection_not_the_command),
                cmocka_unit_test(a_reply_over_the_limit_breaks_the_protocol),
                cmocka_unit_test(a_reply_that_nothing_asked_for_breaks_the_protocol),
                cmocka_unit_test(without_the_password_that_is_asked_for_commands_end_denied),
                cmocka_unit_test(a_password_that_the_server_echoes_is_not_repeated),
                cmocka_unit_test(a_replica_is_not_written_to_and_a_forbidden_role_is_no_failure),
                cmocka_unit_test(too_many_clients_is_waited_for),
                cmocka_unit_test(noauth_on_a_live_connection_logs_in_again_and_oom_is_an_answer),
                cmocka_unit_test(a_server_that_comes_later_gets_what_was_held),
                cmocka_unit_test(a_held_command_fails_when_its_hold_time_has_passed),
                cmocka_unit_test(one_that_may_have_been_done_times_out_instead),
                cmocka_unit_test(a_write_that_is_lost_is_in_doubt_and_a_read_is_not),
                cmocka_unit_test(a_reply_after_the_deadline_is_dropped_and_not_taken_for_the_next),
                cmocka_unit_test(beyond_the_budget_a_command_is_refused_at_the_next_flush),
                cmocka_unit_test(a_held_command_can_be_taken_back_and_one_in_flight_cannot),
                cmocka_unit_test(a_command_that_must_not_hold_fails_at_once_without_a_connection),
                cmocka_unit_test(a_callback_may_close_the_client),
                cmocka_unit_test(closing_in_the_middle_of_an_attempt_leaves_nothing),
                cmocka_unit_test(a_name_is_looked_up_and_its_addresses_are_tried_in_turn),
                cmocka_unit_test(a_handshake_without_an_answer_ends_in_time),
                cmocka_unit_test(a_switch_under_traffic_loses_nothing_and_keeps_the_order),
                cmocka_unit_test(while_the_new_target_is_dead_the_old_one_works_and_is_not_called_again),
                cmocka_unit_test(answers_of_the_old_target_do_not_hasten_attempts_at_a_dead_new_one),
                cmocka_unit_test(what_the_old_target_never_answers_is_sent_again_on_the_new_one),
                cmocka_unit_test(a_second_switch_overrides_the_first),
                cmocka_unit_test(a_command_without_bytes_fails_for_want_of_memory),
                cmocka_unit_test(a_probe_that_is_cancelled_leaves_the_loop_at_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
