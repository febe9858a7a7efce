/* Tests of the queries that `--check` sends to each Sentinel. */
#include "redis/rig_test.h"
#include "redis/sentinel_check.h"

enum { SENTINELS = 3 };

#define NOPERM "-NOPERM this user has no permissions to run this command\r\n"

static uv_loop_t loop;
static struct fake sentinels[SENTINELS];
static const char *refused[SENTINELS]; /* a command, or a word after SENTINEL; NULL: all are allowed */
static const char *place;
static struct redis_sentinel_found found[SENTINELS];
static size_t found_count;
static unsigned calls;

static const char *sentinel_answer(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        const char *no = refused[fake - sentinels];
        for (size_t i = 0; no && i < argc && i < 2; i++)
                if (strcmp(argv[i], no) == 0)
                        return strcmp(no, "AUTH") == 0 ? "-WRONGPASS invalid username-password pair\r\n" : NOPERM;
        if (strcmp(argv[0], "SUBSCRIBE") == 0) {
                assert_int_equal(argc, 5);
                return "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n";
        }
        if (strcmp(argv[0], "SENTINEL") != 0)
                return NULL;
        assert_string_equal(argv[2], "mymaster");
        return strcmp(argv[1], "MASTER") == 0 ? "*2\r\n$4\r\nname\r\n$8\r\nmymaster\r\n" : place;
}

static void on_checked(const struct redis_sentinel_found *list, size_t count, void *data UNUSED)
{
        assert_in_range(count, 1, SENTINELS);
        memcpy(found, list, count * sizeof(*list));
        found_count = count;
        calls++;
}

static void start(void)
{
        assert_int_equal(uv_loop_init(&loop), 0);
        for (size_t i = 0; i < SENTINELS; i++) {
                fake_start(&sentinels[i], &loop, 0, sentinel_answer);
                uv_unref((uv_handle_t *)&sentinels[i].tcp);
                refused[i] = NULL;
        }
        place = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n";
        memset(found, 0, sizeof(found));
        calls = 0;
}

/* Runs the loop until only the Sentinels are left, which shows that the check has closed everything it opened. */
static void check(int64_t timeout_ms)
{
        struct redis_node nodes[SENTINELS];
        for (size_t i = 0; i < SENTINELS; i++)
                nodes[i] = (struct redis_node){ "127.0.0.1", sentinels[i].port };
        char password[] = "s3cret";
        struct redis_target_options options = { .sentinel_master = "mymaster",
                                                .sentinel_nodes = nodes,
                                                .sentinel_count = SENTINELS,
                                                .sentinel_username = "watcher",
                                                .sentinel_password = { password, strlen(password) } };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        assert_int_equal(redis_sentinels_check(&loop, target, timeout_ms, on_checked, NULL, NULL), 0);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(calls, 1);
        assert_int_equal(found_count, SENTINELS);
        for (size_t i = 0; i < SENTINELS; i++)
                assert_null(strstr(found[i].err.text, password));
        redis_target_unref(target);
}

static void stop(void)
{
        for (size_t i = 0; i < SENTINELS; i++)
                fake_stop(&sentinels[i]);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
}

static void assert_begins(size_t index, const char *text)
{
        if (strncmp(found[index].err.text, text, strlen(text)) != 0)
                fail_msg("not %s: %s", text, found[index].err.text);
}

static void sentinels_that_allow_everything_pass(void **state UNUSED)
{
        start();
        check(5000);
        for (size_t i = 0; i < SENTINELS; i++) {
                assert_int_equal(found[i].err.code, 0);
                assert_false(found[i].is_refusal);
                assert_int_equal(sentinels[i].asked, 3);
        }
        stop();
}

static void each_refused_command_is_reported_with_its_sentinel(void **state UNUSED)
{
        start();
        refused[0] = "SUBSCRIBE";
        refused[1] = "MASTER";
        refused[2] = "GET-MASTER-ADDR-BY-NAME";
        check(5000);
        assert_begins(0, "SUBSCRIBE: NOPERM");
        assert_begins(1, "SENTINEL MASTER: NOPERM");
        assert_begins(2, "SENTINEL GET-MASTER-ADDR-BY-NAME: NOPERM");
        for (size_t i = 0; i < SENTINELS; i++)
                assert_true(found[i].is_refusal);
        stop();
}

static void a_refused_password_or_an_unreachable_sentinel_hides_no_other(void **state UNUSED)
{
        start();
        refused[0] = "AUTH";
        fake_stop(&sentinels[1]);
        check(5000);
        assert_int_equal(found[0].err.code, ERR_DENIED);
        assert_true(found[0].is_refusal);
        assert_int_equal(found[1].err.code, ERR_UNAVAILABLE);
        assert_false(found[1].is_refusal);
        assert_int_equal(found[2].err.code, 0);
        stop();
}

static void a_sentinel_that_does_not_know_the_master_is_reported(void **state UNUSED)
{
        start();
        place = "*-1\r\n";
        check(5000);
        assert_begins(0, "does not know the master mymaster");
        assert_false(found[0].is_refusal);
        stop();
}

static void a_hanging_sentinel_delays_the_check_only_up_to_the_limit(void **state UNUSED)
{
        start();
        place = "";
        int64_t before_ms = clock_monotonic_ms();
        check(300);
        assert_in_range(clock_monotonic_ms() - before_ms, 250, 8000);
        for (size_t i = 0; i < SENTINELS; i++)
                assert_int_not_equal(found[i].err.code, 0);
        stop();
}

static void a_target_without_sentinels_is_rejected(void **state UNUSED)
{
        struct err err;
        struct redis_target *target = redis_target_new(&(struct redis_target_options){ .host = "h" }, NULL);
        assert_non_null(target);
        assert_int_equal(redis_sentinels_check(&loop, target, 1000, on_checked, NULL, &err), ERR_INVALID);
        redis_target_unref(target);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sentinels_that_allow_everything_pass),
                cmocka_unit_test(each_refused_command_is_reported_with_its_sentinel),
                cmocka_unit_test(a_refused_password_or_an_unreachable_sentinel_hides_no_other),
                cmocka_unit_test(a_sentinel_that_does_not_know_the_master_is_reported),
                cmocka_unit_test(a_hanging_sentinel_delays_the_check_only_up_to_the_limit),
                cmocka_unit_test(a_target_without_sentinels_is_rejected),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
