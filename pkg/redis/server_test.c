/* Tests of the client against a real redis-server that is killed, stopped, locked and filled. */
#include "redis/real_redis_test.h"
#include "redis/rig_test.h"

static struct rig rig;
static struct real_server server;

static struct redis_target *target_of(const struct real_server *s, const char *username, const char *password,
                                      unsigned database)
{
        struct redis_target_options options = {
                .socket_path = s->socket_path, .username = username, .database = database, .key_prefix = "p:"
        };
        options.client_name = "test";
        if (password)
                options.password = (struct secret){ (char *)(uintptr_t)password, strlen(password) };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        return target;
}

static void ask(struct job *job, const char *name, const char *key, const char *value)
{
        job_send(job, &rig, name, key, value);
        RUN_UNTIL(&rig, job->is_done);
}

static int make_folder(void **state UNUSED)
{
        server_make_folder(&server);
        rig_init(&rig);
        return 0;
}

static int clean_up(void **state UNUSED)
{
        if (server.pid > 0)
                server_stop(&server, SIGKILL);
        rig_fini(&rig);
        server_remove(&server);
        return 0;
}

static void values_of_every_kind_are_returned_unchanged(void **state UNUSED)
{
        struct job a;
        server_start(&server, NULL);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(&server, NULL, NULL, 3));
        ask(&a, "SET", "k", "v");
        assert_answer(&a, "OK");
        ask(&a, "GET", "k", NULL);
        assert_answer(&a, "v");
        ask(&a, "GET", "missing", NULL);
        assert_int_equal(a.type, REDIS_NIL);
        ask(&a, "STRLEN", "k", NULL);
        assert_int_equal(a.type, REDIS_INTEGER);
        ask(&a, "LPUSH", "k", "v");
        assert_int_equal(a.type, REDIS_ERROR);
        assert_true(strncmp(a.text, "WRONGTYPE", 9) == 0);
        ask(&a, "CLIENT", "INFO", NULL);
        assert_true(strstr(a.text, " name=test ") != NULL);
        ask(&a, "CLIENT", "LIST", NULL);
        assert_int_equal(a.type, REDIS_STRING);
        struct redis *client = rig.client;
        assert_int_equal(client->client->target->database, 3);
}

static void large_values_are_sent_in_parts_and_returned_whole(void **state UNUSED)
{
        enum { BYTES = 3 << 20, COUNT = 12 };
        static struct job jobs[COUNT];
        struct job last;
        char *value = malloc(BYTES + 1), key[12];
        assert_non_null(value);
        memset(value, 'x', BYTES);
        value[BYTES] = '\0';
        server_start(&server, NULL);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(&server, NULL, NULL, 0));
        for (int i = 0; i < COUNT; i++) {
                (void)snprintf(key, sizeof(key), "%d", i);
                job_send(&jobs[i], &rig, "SET", key, value);
        }
        RUN_UNTIL(&rig, rig.answered == COUNT);
        for (int i = 0; i < COUNT; i++) {
                assert_answer(&jobs[i], "OK");
                assert_int_equal(jobs[i].command.attempts, 1);
        }
        ask(&last, "GET", "11", NULL);
        assert_int_equal(strspn(last.text, "x"), sizeof(last.text) - 1);
        assert_true(redis_counters(rig.client).bytes_in > BYTES);
        free(value);
}

/* Keys are unique, so the server must end up with exactly the keys that it acknowledged. */
static void a_server_that_is_killed_three_times_under_traffic_loses_no_command(void **state UNUSED)
{
        enum { COUNT = 1500 };
        static struct job jobs[COUNT];
        static const char *const durable[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };
        char key[12];
        struct job size;
        server_start(&server, durable);
        rig_open_target(&rig, (struct redis_options){ .stall_ms = 2000 }, target_of(&server, NULL, NULL, 0));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        for (int i = 0; i < COUNT; i++) {
                (void)snprintf(key, sizeof(key), "%d", i);
                job_send(&jobs[i], &rig, "SET", key, "1");
                if (i % 10 == 0)
                        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
                if (i % 400 == 399) {
                        server_stop(&server, SIGKILL);
                        rig_run_for(&rig, 30);
                        server_start(&server, durable);
                }
        }
        RUN_UNTIL(&rig, rig.answered == COUNT);
        for (int i = 0; i < COUNT; i++)
                assert_answer(&jobs[i], "OK");
        for (int i = 0; i < COUNT; i++) {
                (void)snprintf(key, sizeof(key), "%d", i);
                ask(&size, "GET", key, NULL);
                assert_answer(&size, "1");
        }
}

static void a_server_that_stops_for_a_while_causes_only_a_delay(void **state UNUSED)
{
        struct job a, b;
        server_start(&server, NULL);
        rig_open_target(&rig, (struct redis_options){ .stall_ms = 150 }, target_of(&server, NULL, NULL, 0));
        ask(&a, "SET", "k", "1");
        assert_int_equal(kill(server.pid, SIGSTOP), 0);
        job_send(&b, &rig, "SET", "k", "2");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DISCONNECTED] == 1);
        assert_int_equal(kill(server.pid, SIGCONT), 0);
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&b, "OK");
}

static void commands_are_denied_until_the_password_is_right(void **state UNUSED)
{
        static const char *const locked[] = { "--requirepass", "new", NULL };
        struct job a, b;
        server_start(&server, locked);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(&server, NULL, "old", 0));
        job_send(&a, &rig, "SET", "k", "1");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DENIED] >= 2);
        assert_true(strstr(rig.last_error.text, "refused (WRONGPASS)") != NULL);
        assert_false(a.is_done);
        struct redis_target *right = target_of(&server, "default", "new", 0);
        redis_set_target(rig.client, right, 2);
        redis_target_unref(right);
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        ask(&b, "GET", "k", NULL);
        assert_answer(&b, "1");
}

static void a_password_that_the_server_does_not_need_is_accepted(void **state UNUSED)
{
        struct job a;
        server_start(&server, NULL);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(&server, NULL, "unneeded", 0));
        ask(&a, "SET", "k", "1");
        assert_answer(&a, "OK");
        assert_int_equal(rig.events[REDIS_EVENT_DENIED], 0);
}

static void a_user_with_few_rights_is_served_and_sees_what_is_denied(void **state UNUSED)
{
        static const char *const acl[] = { "--user", "app", "on", ">secret", "~*", "+get", "+set", "+select", NULL };
        struct job a;
        server_start(&server, acl);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(&server, "app", "secret", 1));
        ask(&a, "SET", "k", "1");
        assert_answer(&a, "OK");
        ask(&a, "DEL", "k", NULL);
        assert_int_equal(a.type, REDIS_ERROR);
        assert_true(strncmp(a.text, "NOPERM", 6) == 0);
}

static void a_missing_database_is_reported(void **state UNUSED)
{
        struct job a;
        server_start(&server, NULL);
        rig_open_target(&rig, (struct redis_options){ .hold_ms = 150 }, target_of(&server, NULL, NULL, 99));
        ask(&a, "SET", "k", "1");
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        assert_true(strstr(a.text, "select: ERR DB index is out of range") != NULL);
}

static void a_full_server_replies_oom(void **state UNUSED)
{
        static const char *const small[] = { "--maxmemory", "1kb", "--maxmemory-policy", "noeviction", NULL };
        struct job a;
        server_start(&server, small);
        rig_open_target(&rig, (struct redis_options){ 0 }, target_of(&server, NULL, NULL, 0));
        ask(&a, "SET", "k", "1");
        assert_int_equal(a.type, REDIS_ERROR);
        assert_true(strncmp(a.text, "OOM", 3) == 0);
        assert_int_equal(redis_away_ms(rig.client), 0);
}

/* --- Probe ----------------------------------------------------------------------------------------------- */

static struct {
        bool is_done;
        int rc;
        struct redis_probe_result result;
        char text[256];
} probed;

static void on_probed(const struct redis_probe_result *result, int rc, const struct err *err, void *data)
{
        assert_ptr_equal(data, &rig);
        assert_false(probed.is_done);
        probed.is_done = true;
        probed.rc = rc;
        probed.result = *result;
        (void)snprintf(probed.text, sizeof(probed.text), "%s", err ? err->text : "");
}

static void probe(struct redis_target *target)
{
        memset(&probed, 0, sizeof(probed));
        assert_int_equal(redis_probe(&rig.loop, target, NULL, 1000, on_probed, &rig, NULL, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, probed.is_done);
        rig.is_closed = true; /* there is no client to wait for */
}

static void a_probe_describes_the_server(void **state UNUSED)
{
        static const char *const options[] = {
                "--maxmemory-policy", "allkeys-lru", "--user", "app", "on", ">secret", "~*", "+get", "+set", NULL
        };
        server_start(&server, options);
        probe(target_of(&server, NULL, NULL, 0));
        assert_string_equal(probed.text, "");
        assert_int_equal(probed.rc, 0);
        assert_true(strncmp(probed.result.server, "redis ", 6) == 0 ||
                    strncmp(probed.result.server, "valkey ", 7) == 0);
        assert_string_equal(probed.result.role, "master");
        assert_string_equal(probed.result.mode, "standalone");
        assert_string_equal(probed.result.maxmemory_policy, "allkeys-lru");
        assert_true(probed.result.append_only_known && !probed.result.append_only);
        assert_int_equal(probed.result.replicas, 0);
        probe(target_of(&server, "app", "secret", 0));
        assert_int_equal(probed.rc, 0);
        assert_string_equal(probed.result.server, "");
        assert_false(probed.result.append_only_known);
        assert_int_equal(probed.result.replicas, -1);
}

static void a_probe_names_the_step_that_failed(void **state UNUSED)
{
        static const char *const acl[] = { "--user", "reader", "on", ">secret", "~*", "+get", NULL };
        static const char *const replica[] = { "--user", "reader",      "on",        ">secret", "~*",
                                               "+get",   "--replicaof", "127.0.0.1", "1",       NULL };
        struct redis_target_options nowhere = { .host = "host.invalid" };
        probe(target_of(&server, NULL, NULL, 0));
        assert_true(probed.rc < 0);
        assert_true(strstr(probed.text, "connect: No such file") != NULL);
        probe(redis_target_new(&nowhere, NULL));
        assert_true(strstr(probed.text, "look up host.invalid: ") != NULL);
        server_start(&server, replica);
        probe(target_of(&server, NULL, NULL, 0));
        assert_int_equal(probed.rc, ERR_UNAVAILABLE);
        assert_true(strstr(probed.text, "role: this server is a replica") != NULL);
        probe(target_of(&server, "reader", "wrong", 0));
        assert_int_equal(probed.rc, ERR_DENIED);
        assert_true(strstr(probed.text, "authentication: ") != NULL);
        server_stop(&server, SIGKILL);
        server_start(&server, acl);
        probe(target_of(&server, "reader", "secret", 0));
        assert_int_equal(probed.rc, ERR_DENIED);
        assert_true(strncmp(probed.text, "write: NOPERM", 13) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, clean_up)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(values_of_every_kind_are_returned_unchanged),
                TEST(large_values_are_sent_in_parts_and_returned_whole),
                TEST(a_server_that_is_killed_three_times_under_traffic_loses_no_command),
                TEST(a_server_that_stops_for_a_while_causes_only_a_delay),
                TEST(commands_are_denied_until_the_password_is_right),
                TEST(a_password_that_the_server_does_not_need_is_accepted),
                TEST(a_user_with_few_rights_is_served_and_sees_what_is_denied),
                TEST(a_missing_database_is_reported),
                TEST(a_full_server_replies_oom),
                TEST(a_probe_describes_the_server),
                TEST(a_probe_names_the_step_that_failed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
