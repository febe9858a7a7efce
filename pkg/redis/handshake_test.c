/* Tests of logging in with two passwords, against a scripted server. */
#include "redis/rig_test.h"

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

static void two_wrong_passwords_are_rejected(void **state UNUSED)
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_second_password_is_tried_on_the_same_connection_and_remembered),
                cmocka_unit_test(two_wrong_passwords_are_rejected),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
