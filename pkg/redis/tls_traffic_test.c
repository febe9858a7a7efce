/* Tests of commands over TLS, against a real redis-server: large batches, full sockets, killed servers. */
#include "redis/tls_rig_test.h"

/* --- Bytes ----------------------------------------------------------------------------------------------- */

static void batches_and_large_values_arrive_complete(void **state UNUSED)
{
        enum { SMALL = 64, LARGE = 12, LARGE_BYTES = 1 << 20, ROUNDS = 20 };
        static struct job jobs[SMALL + LARGE];
        char *value = malloc(LARGE_BYTES + 1), small[221], key[12];
        assert_non_null(value);
        for (size_t i = 0; i < LARGE_BYTES; i++)
                value[i] = (char)('a' + i % 23);
        value[LARGE_BYTES] = '\0';
        (void)snprintf(small, sizeof(small), "%.220s", value);
        start_server("server.crt", "server.key", "no", BOTH);
        /* The server is silent while it computes hashes, on a busy machine for longer than the default. */
        rig_open_target(&rig, (struct redis_options){ .stall_ms = 30000 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        for (int round = 0; round < ROUNDS; round++) {
                rig.answered = 0;
                for (int i = 0; i < SMALL + LARGE; i++) {
                        bool is_large = i < LARGE && round == 0;
                        (void)snprintf(key, sizeof(key), "%d", i);
                        job_send(&jobs[i], &rig, "SET", key, is_large ? value : small);
                }
                RUN_UNTIL(&rig, rig.answered == SMALL + LARGE);
                for (int i = 0; i < SMALL + LARGE; i++)
                        assert_answer(&jobs[i], "OK");
                if (round > 0)
                        continue;
                for (int i = 0; i < LARGE; i++) {
                        (void)snprintf(key, sizeof(key), "%d", i);
                        job_send(&jobs[i], &rig, "GET", key, NULL);
                }
                RUN_UNTIL(&rig, rig.answered == SMALL + LARGE + LARGE);
                for (int i = 0; i < LARGE; i++)
                        assert_memory_equal(jobs[i].text, value, 100);
                for (int i = 0; i < LARGE; i++) {
                        (void)snprintf(key, sizeof(key), "%d", i);
                        job_send(&jobs[i], &rig, "EVAL", "return redis.sha1hex(redis.call('get','3'))", "0");
                }
                RUN_UNTIL(&rig, rig.answered == SMALL + 3 * LARGE);
                for (int i = 1; i < LARGE; i++)
                        assert_string_equal(jobs[i].text, jobs[0].text);
        }
        assert_true(redis_counters(rig.client).bytes_out > LARGE * LARGE_BYTES);
        assert_int_equal(redis_counters(rig.client).resent, 0);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        free(value);
}

static void a_server_that_stops_reading_causes_only_a_delay(void **state UNUSED)
{
        enum { COUNT = 40, BYTES = 512 << 10 };
        static struct job jobs[COUNT];
        char *value = malloc(BYTES + 1);
        assert_non_null(value);
        memset(value, 'x', BYTES);
        value[BYTES] = '\0';
        start_server("server.crt", "server.key", "no", BOTH);
        rig_open_target(&rig, (struct redis_options){ .stall_ms = 5000 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        (void)kill(server.pid, SIGSTOP);
        for (int i = 0; i < COUNT; i++)
                job_send(&jobs[i], &rig, "SET", "k", value);
        rig_run_for(&rig, 300);
        assert_int_equal(rig.answered, 0);
        assert_true(redis_held(rig.client) > 0); /* the socket was full */
        (void)kill(server.pid, SIGCONT);
        RUN_UNTIL(&rig, rig.answered == COUNT);
        for (int i = 0; i < COUNT; i++)
                assert_int_equal(jobs[i].command.attempts, 1);
        free(value);
}

static void servers_killed_under_traffic_lose_no_command(void **state UNUSED)
{
        enum { COUNT = 300 };
        static struct job jobs[COUNT];
        char key[12];
        unsigned sent = 0;
        start_server("server.crt", "server.key", "no", BOTH);
        rig_open_target(&rig, (struct redis_options){ 0 },
                        target_of((struct redis_target_options){ .ca = pem("ca.crt") }));
        const char *const options[] = { "--bind",
                                        "127.0.0.1",
                                        "--tls-port",
                                        port_text,
                                        "--tls-cert-file",
                                        path_of("server.crt"),
                                        "--tls-key-file",
                                        path_of("server.key"),
                                        "--tls-ca-cert-file",
                                        path_of("ca.crt"),
                                        "--tls-auth-clients",
                                        "no",
                                        NULL };
        for (int i = 0; i < 3; i++) {
                for (unsigned until = sent + COUNT / 3; sent < until; sent++) {
                        (void)snprintf(key, sizeof(key), "%u", sent);
                        job_send(&jobs[sent], &rig, "SET", key, "v");
                        if (sent == until - 20)
                                (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
                }
                server_stop(&server, SIGKILL);
                server_start(&server, options);
                RUN_UNTIL(&rig, rig.answered == sent);
        }
        for (unsigned i = 0; i < COUNT; i++)
                assert_answer(&jobs[i], "OK");
}

static void a_switch_to_new_certificates_under_traffic_loses_nothing(void **state UNUSED)
{
        enum { COUNT = 5000 };
        static struct job jobs[COUNT];
        const struct redis_target_options before = { .ca = pem("ca.crt"),
                                                     .certificate = pem("client.crt"),
                                                     .private_key = pem("client.key") };
        struct redis_target_options after = before;
        unsigned sent = 0;
        start_server("server.crt", "server.key", "yes", BOTH);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(before));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        after.ca = pem("bundle.crt");
        struct redis_target *target = target_of(after);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        for (; sent < COUNT && rig.events[REDIS_EVENT_DRAINED] == 0; sent++) {
                job_send(&jobs[sent], &rig, "SET", "k", "v");
                (void)uv_run(&rig.loop, UV_RUN_ONCE);
        }
        RUN_UNTIL(&rig, rig.answered == sent);
        for (unsigned i = 0; i < sent; i++) {
                assert_answer(&jobs[i], "OK");
                assert_int_equal(jobs[i].command.attempts, 1);
        }
        assert_int_equal(rig.events[REDIS_EVENT_DRAINED], 1);
        assert_int_equal(redis_generation(rig.client), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(batches_and_large_values_arrive_complete),
                TEST(a_server_that_stops_reading_causes_only_a_delay),
                TEST(servers_killed_under_traffic_lose_no_command),
                TEST(a_switch_to_new_certificates_under_traffic_loses_nothing),
        };
        return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
