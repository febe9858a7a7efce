/* Tests of PINGs and of replacing old connections, and of the second password, against a scripted server. */
#include "redis/fake_redis_test.h"
#include "redis/random.h"

static struct rig rig;
static struct fake fake;

static void start(fake_answer_fn *answer, struct redis_options options, struct redis_target_options place)
{
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, answer);
        place.host = "127.0.0.1";
        place.port = fake.port;
        struct redis_target *target = redis_target_new(&place, NULL);
        assert_non_null(target);
        rig_open_target(&rig, options, target);
}

static void stop(void)
{
        fake_stop(&fake);
        rig_fini(&rig);
}

static struct secret secret_of(const char *text)
{
        return (struct secret){ (char *)(uintptr_t)text, strlen(text) };
}

/* --- The second password --------------------------------------------------------------------------------- */

static int auths;

/* Like Redis, refuses everything but AUTH before AUTH has succeeded. */
static const char *only_new_is_right(struct fake *f UNUSED, struct fake_conn *conn, size_t argc, char **argv)
{
        static int entered; /* the last connection that logged in */
        if (strcmp(argv[0], "AUTH") == 0) {
                auths++;
                if (strcmp(argv[argc - 1], "new") != 0)
                        return "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
                entered = conn->number;
                return NULL;
        }
        if (strcmp(argv[0], "GET") == 0 && strcmp(argv[1], "bye") == 0)
                return "$2\r\nOK\r\n" FAKE_CLOSE;
        return entered == conn->number ? NULL : "-NOAUTH Authentication required.\r\n";
}

static void the_second_password_is_tried_on_the_same_connection_and_remembered(void **state UNUSED)
{
        struct job job;
        auths = 0;
        start(only_new_is_right, (struct redis_options){ 0 },
              (struct redis_target_options){
                      .username = "u", .password = secret_of("old"), .password_secondary = secret_of("new") });
        job_send(&job, &rig, "GET", "bye", NULL);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        assert_int_equal(rig.last_event.password_now, 2);
        assert_int_equal(fake.connections, 1);
        assert_int_equal(auths, 2);
        assert_int_equal(rig.events[REDIS_EVENT_DENIED], 0);
        RUN_UNTIL(&rig, job.is_done && rig.events[REDIS_EVENT_CONNECTED] == 2);
        job_send(&job, &rig, "GET", "k", NULL);
        RUN_UNTIL(&rig, job.is_done);
        assert_int_equal(fake.connections, 2);
        assert_int_equal(auths, 3);
        assert_int_equal(rig.last_event.password_now, 0);
        stop();
}

static void two_wrong_passwords_are_denied(void **state UNUSED)
{
        struct job job;
        start(only_new_is_right, (struct redis_options){ .hold_ms = 200 },
              (struct redis_target_options){ .password = secret_of("old"), .password_secondary = secret_of("older") });
        job_send(&job, &rig, "GET", "k", NULL);
        RUN_UNTIL(&rig, job.is_done);
        assert_int_equal(job.code, ERR_DENIED);
        assert_non_null(strstr(rig.last_error.text, "both passwords are refused (WRONGPASS)"));
        assert_null(strstr(job.text, "old"));
        stop();
}

/* --- Idle and old ---------------------------------------------------------------------------------------- */

static const char *mute_once_it_is_in(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (strcmp(argv[0], "PING") == 0 && conn->number == 1)
                conn->is_mute = true;
        return NULL;
}

static void an_idle_peer_that_is_gone_is_noticed(void **state UNUSED)
{
        start(mute_once_it_is_in, (struct redis_options){ .idle_ping_ms = 50, .stall_ms = 100 },
              (struct redis_target_options){ 0 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 1);
        stop();
}

static void an_idle_peer_that_answers_is_kept(void **state UNUSED)
{
        start(NULL, (struct redis_options){ .idle_ping_ms = 20, .stall_ms = 100 }, (struct redis_target_options){ 0 });
        RUN_UNTIL(&rig, redis_counters(rig.client).commands >= 5);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        assert_int_equal(fake.connections, 1);
        stop();
}

static void an_old_connection_is_replaced_without_a_gap(void **state UNUSED)
{
        struct job jobs[200];
        unsigned sent = 0;
        start(NULL, (struct redis_options){ .max_age_ms = 50 }, (struct redis_target_options){ 0 });
        while (rig.events[REDIS_EVENT_DRAINED] < 3) {
                if (rig.answered == sent && sent < 200)
                        job_send(&jobs[sent++], &rig, "SET", "k", "v");
                (void)uv_run(&rig.loop, UV_RUN_ONCE);
        }
        RUN_UNTIL(&rig, rig.answered == sent);
        for (unsigned i = 0; i < sent; i++)
                assert_int_equal(jobs[i].command.attempts, 1);
        assert_true(fake.connections >= 4);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        assert_int_equal(redis_counters(rig.client).resent, 0);
        stop();
}

/* Processes that connected at the same time must not reconnect at the same time. */
static void the_age_at_which_connections_are_replaced_differs_by_a_tenth_either_way(void **state UNUSED)
{
        enum { AGE_MS = 1000000, TENTH_MS = AGE_MS / 10, TIMES = 200 };
        int64_t least_ms = INT64_MAX, most_ms = 0;
        start(NULL, (struct redis_options){ .max_age_ms = AGE_MS }, (struct redis_target_options){ 0 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        for (int i = 0; i < TIMES; i++) {
                struct client *client = rig.client->client;
                redis_upkeep_use(&client->upkeep, client->active, redis_random(&client->random));
                int64_t age_ms = client->active->renew_ms - redis_now_ms(&client->server);
                least_ms = age_ms < least_ms ? age_ms : least_ms;
                most_ms = age_ms > most_ms ? age_ms : most_ms;
        }
        assert_in_range(least_ms, AGE_MS - TENTH_MS, AGE_MS - TENTH_MS / 2);
        assert_in_range(most_ms, AGE_MS + TENTH_MS / 2, AGE_MS + TENTH_MS);
        stop();
}

static unsigned messages;

static void on_message(const struct redis_reply *message, void *data UNUSED)
{
        messages += strcmp(redis_reply_text(redis_reply_at(message, 0), NULL), "message") == 0;
}

/* The first PING is part of the handshake; later ones are upkeep. */
static const char *message_before_pong(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        if (strcmp(argv[0], "PING") != 0 || conn->commands++ == 0)
                return NULL;
        return "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\ntext\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n";
}

static void a_message_that_comes_before_the_answer_to_a_ping_is_none(void **state UNUSED)
{
        messages = 0;
        start(message_before_pong, (struct redis_options){ .idle_ping_ms = 30 }, (struct redis_target_options){ 0 });
        rig.client->client->server.on_message = on_message;
        RUN_UNTIL(&rig, messages == 3);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_second_password_is_tried_on_the_same_connection_and_remembered),
                cmocka_unit_test(two_wrong_passwords_are_denied),
                cmocka_unit_test(an_idle_peer_that_is_gone_is_noticed),
                cmocka_unit_test(an_idle_peer_that_answers_is_kept),
                cmocka_unit_test(a_message_that_comes_before_the_answer_to_a_ping_is_none),
                cmocka_unit_test(an_old_connection_is_replaced_without_a_gap),
                cmocka_unit_test(the_age_at_which_connections_are_replaced_differs_by_a_tenth_either_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
