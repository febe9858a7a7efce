/* Tests of Sentinel support with scripted Sentinels: which reply is used, and when the next Sentinel is queried. */
#include "redis/sentinel_rig_test.h"

/* --- Choosing an answer --------------------------------------------------------------------------------------- */

static void the_first_sentinel_that_answers_names_the_primary(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        assert_names(rig.last_event.address, &one);
        assert_names(rig.last_event.sentinel, &sentinels[0]);
        assert_int_equal(asked[1] + asked[2], 0);
        set_is_answered_by(&one);
        stop();
}

static void a_sentinel_that_is_down_is_skipped_and_not_queried_first_again(void **state UNUSED)
{
        start(server_answer);
        struct redis_node nodes[SENTINELS];
        struct redis_target_options at = target_options(nodes);
        struct redis_target *target = redis_target_new(&at, NULL);
        assert_non_null(target);
        fake_stop(&sentinels[0]);
        rig_open_target(&rig, (struct redis_options){ 0 }, target);
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
        assert_int_equal(rig.client->client->server.locator.sentinel_first, 1);
        stop();
}

static void an_invalid_answer_is_skipped(void **state UNUSED)
{
        static const char *const answers[] = {
                "*-1\r\n",
                "$-1\r\n",
                "-IDONTKNOW I have not enough information to reply. Please ask another Sentinel.\r\n",
                "-ERR unknown command 'SENTINEL'\r\n",
                "+OK\r\n",
                ":6379\r\n",
                "*0\r\n",
                "*1\r\n$9\r\n127.0.0.1\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$6\r\n000001\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$2\r\n1x\r\n",
                "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
                "*2\r\n$3\r\na b\r\n$1\r\n1\r\n",
                "*2\r\n$-1\r\n$1\r\n1\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
                "!what\r\n",
                "$20000\r\n",
                "*2\r\n$9\r\n127.\x01", /* FAKE_CLOSE */
        };
        for (size_t i = 0; i < COUNT_OF(answers); i++) {
                start(server_answer);
                (void)snprintf(says[0], sizeof(says[0]), "%s", answers[i]);
                connect_with((struct redis_options){ 0 });
                set_is_answered_by(&one);
                assert_int_equal(asked[0], 1);
                assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
                stop();
        }
}

static void if_no_sentinel_knows_the_master_the_error_names_one(void **state UNUSED)
{
        start(server_answer);
        for (size_t i = 0; i < SENTINELS; i++)
                (void)snprintf(says[i], sizeof(says[i]), "*-1\r\n");
        fake_stop(&sentinels[2]); /* queried last, with a less useful error */
        connect_with((struct redis_options){ 0 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] > 0);
        assert_names(rig.last_error.text, &sentinels[1]);
        assert_non_null(strstr(rig.last_error.text, "does not know the master mymaster"));
        name_primary(&one);
        set_is_answered_by(&one);
        stop();
}

static void a_hanging_sentinel_costs_a_quarter_of_a_second(void **state UNUSED)
{
        start(server_answer);
        says[0][0] = '\0';
        int64_t before_ms = clock_monotonic_ms();
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        assert_in_range(clock_monotonic_ms() - before_ms, 200, 8000);
        assert_int_equal(asked[2], 0);
        stop();
}

static void if_all_sentinels_hang_the_attempt_times_out(void **state UNUSED)
{
        start(server_answer);
        for (size_t i = 0; i < SENTINELS; i++)
                says[i][0] = '\0';
        connect_with((struct redis_options){ .connect_timeout_ms = 600 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] > 0);
        assert_non_null(strstr(rig.last_error.text, "no answer within 600 ms"));
        assert_non_null(strstr(rig.last_error.text, "mymaster"));
        stop();
}

static void a_replica_is_rejected_and_another_sentinel_is_queried(void **state UNUSED)
{
        char right[sizeof(says[0])];
        start(server_answer);
        role_of_two = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";
        memcpy(right, says[1], sizeof(right));
        name_primary(&two);
        memcpy(says[1], right, sizeof(right));
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_NOT_WRITABLE], 1);
        assert_names(rig.last_error.text, &two);
        assert_int_equal(two.asked, 0);
        stop();
}

/* --- Passwords --------------------------------------------------------------------------------------------- */

static void log_in(const char *password, const char *of_sentinel)
{
        struct redis_node nodes[SENTINELS];
        struct redis_target_options at = target_options(nodes);
        at.password = (struct secret){ (char *)(uintptr_t)password, strlen(password) };
        at.database = 3;
        at.sentinel_username = "watcher";
        at.sentinel_password = (struct secret){ (char *)(uintptr_t)of_sentinel, strlen(of_sentinel) };
        rig_open_target(&rig, (struct redis_options){ 0 }, redis_target_new(&at, NULL));
}

static void sentinels_and_servers_have_separate_passwords(void **state UNUSED)
{
        start(server_answer);
        auth_of_one = NULL;
        log_in("of-server", "right");
        set_is_answered_by(&one);
        assert_string_equal(auth_of_one, "right");
        stop();
}

static void a_password_that_sentinels_refuse_is_denied_and_never_printed(void **state UNUSED)
{
        start(server_answer);
        log_in("of-server", "wr0ng");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DENIED] > 0);
        assert_int_equal(rig.last_error.code, ERR_DENIED);
        assert_non_null(strstr(rig.last_error.text, "Sentinel: 127.0.0.1:"));
        assert_null(strstr(rig.last_error.text, "wr0ng"));
        assert_int_equal(one.connections, 0);
        stop();
}

/* --- Life cycle -------------------------------------------------------------------------------------------- */

static void closing_at_any_time_leaks_nothing(void **state UNUSED)
{
        for (int64_t ms = 0; ms <= 400; ms += ms < 10 ? 1 : 30) {
                start(server_answer);
                says[0][0] = '\0'; /* so that several are queried */
                connect_with((struct redis_options){ 0 });
                rig_run_for(&rig, ms);
                stop();
        }
}

static struct {
        struct redis_probe_result result;
        int rc;
        bool is_done;
} probed;

static void on_probed(const struct redis_probe_result *result, int rc, const struct err *err UNUSED, void *data UNUSED)
{
        probed.result = *result;
        probed.rc = rc;
        probed.is_done = true;
}

static const char *probe_answer(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                char **argv)
{
        return is(argv[0], "GET") ? "$5\r\nprobe\r\n" : NULL;
}

static void a_probe_reports_the_primary_and_the_sentinel_that_named_it(void **state UNUSED)
{
        struct redis_node nodes[SENTINELS];
        struct redis_probe *probe;
        start(probe_answer);
        struct redis_target_options at = target_options(nodes);
        struct redis_target *target = redis_target_new(&at, NULL);
        assert_non_null(target);
        memset(&probed, 0, sizeof(probed));
        assert_int_equal(redis_probe(&rig.loop, target, NULL, 1000, on_probed, NULL, &probe, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, probed.is_done);
        assert_int_equal(probed.rc, 0);
        assert_names(probed.result.address, &one);
        assert_names(probed.result.sentinel, &sentinels[0]);
        assert_int_equal(subscriptions, 0);
        rig.is_closed = true; /* there is no client to wait for */
        stop();
}

/* --- Targets ----------------------------------------------------------------------------------------------- */

static const struct redis_node two_nodes[] = { { "10.0.0.1", 0 }, { "fd00::2", 26380 } };
static const struct redis_node other_nodes[] = { { "10.0.0.1", 0 }, { "fd00::2", 26381 } };

static void a_target_lists_its_sentinels_and_is_compared_by_them(void **state UNUSED)
{
        const struct redis_target_options base = { .sentinel_master = "m",
                                                   .sentinel_nodes = two_nodes,
                                                   .sentinel_count = 2,
                                                   .sentinel_username = "u",
                                                   .sentinel_password = { (char[]){ "p" }, 1 } };
        struct redis_target_options others[5];
        for (size_t i = 0; i < COUNT_OF(others); i++)
                others[i] = base;
        others[0].sentinel_master = "n";
        others[1].sentinel_nodes = other_nodes;
        others[2].sentinel_count = 1;
        others[3].sentinel_username = NULL;
        others[4].sentinel_password = (struct secret){ (char[]){ "q" }, 1 };
        struct redis_target *a = redis_target_new(&base, NULL), *b = redis_target_new(&base, NULL);
        assert_non_null(a);
        assert_non_null(b);
        assert_string_equal(redis_target_address(a), "sentinel:m@10.0.0.1:26379,[fd00::2]:26380");
        assert_true(redis_target_equal(a, b));
        redis_target_unref(b);
        for (size_t i = 0; i < COUNT_OF(others); i++) {
                b = redis_target_new(&others[i], NULL);
                assert_non_null(b);
                assert_false(redis_target_equal(a, b));
                redis_target_unref(b);
        }
        redis_target_unref(a);
}

static void invalid_options_are_rejected(void **state UNUSED)
{
        static const struct redis_node nameless[] = { { "", 0 } }, nowhere[] = { { NULL, 0 } };
        const struct redis_target_options cases[] = {
                { .sentinel_master = "m" },
                { .sentinel_nodes = two_nodes, .sentinel_count = 2 },
                { .sentinel_master = "", .sentinel_nodes = two_nodes, .sentinel_count = 2 },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 65 },
                { .sentinel_master = "m", .sentinel_nodes = nameless, .sentinel_count = 1 },
                { .sentinel_master = "m", .sentinel_nodes = nowhere, .sentinel_count = 1 },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 2, .host = "h" },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 2, .socket_path = "/s" },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 2, .sentinel_username = "u" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct err err;
                assert_null(redis_target_new(&cases[i], &err));
                assert_int_equal(err.code, ERR_INVALID);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_sentinel_that_answers_names_the_primary),
                cmocka_unit_test(a_sentinel_that_is_down_is_skipped_and_not_queried_first_again),
                cmocka_unit_test(an_invalid_answer_is_skipped),
                cmocka_unit_test(if_no_sentinel_knows_the_master_the_error_names_one),
                cmocka_unit_test(a_hanging_sentinel_costs_a_quarter_of_a_second),
                cmocka_unit_test(if_all_sentinels_hang_the_attempt_times_out),
                cmocka_unit_test(a_replica_is_rejected_and_another_sentinel_is_queried),
                cmocka_unit_test(sentinels_and_servers_have_separate_passwords),
                cmocka_unit_test(a_password_that_sentinels_refuse_is_denied_and_never_printed),
                cmocka_unit_test(closing_at_any_time_leaks_nothing),
                cmocka_unit_test(a_probe_reports_the_primary_and_the_sentinel_that_named_it),
                cmocka_unit_test(a_target_lists_its_sentinels_and_is_compared_by_them),
                cmocka_unit_test(invalid_options_are_rejected),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
