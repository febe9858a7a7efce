/* Tests of targets, of formatted commands, and of the bytes that the handshake sends. */
#include "redis/rig_test.h"

static struct err err;

static struct redis_target *try_to_make(struct redis_target_options options)
{
        return redis_target_new(&options, &err);
}

static struct redis_target *make(struct redis_target_options options)
{
        struct redis_target *target = try_to_make(options);
        assert_non_null(target);
        return target;
}

static void without_options_the_target_is_localhost(void **state UNUSED)
{
        struct redis_target *target = make((struct redis_target_options){ 0 });
        assert_string_equal(redis_target_address(target), "localhost:6379");
        assert_null(target->username);
        assert_false(redis_target_has_password(target));
        assert_int_equal(target->database, 0);
        redis_target_unref(target);
        redis_target_unref(NULL);
}

static void an_address_is_printed_in_its_usual_form(void **state UNUSED)
{
        static const struct {
                struct redis_target_options options;
                const char *address;
        } cases[] = {
                { { .host = "10.0.0.9" }, "10.0.0.9:6379" },
                { { .host = "redis.example", .port = 7000 }, "redis.example:7000" },
                { { .host = "::1", .port = 1 }, "[::1]:1" },
                { { .socket_path = "/run/redis.sock" }, "unix:/run/redis.sock" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_target *target = make(cases[i].options);
                assert_string_equal(redis_target_address(target), cases[i].address);
                redis_target_unref(target);
        }
}

static void contradictory_options_are_rejected(void **state UNUSED)
{
        char longest[300];
        memset(longest, 'a', sizeof(longest));
        longest[299] = '\0';
        const struct redis_target_options cases[] = {
                { .host = "h", .socket_path = "/s" }, { .host = "" },        { .host = longest },
                { .socket_path = longest },           { .socket_path = "" }, { .username = "app" },
                { .database = 4000000000U },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_null(try_to_make(cases[i]));
                assert_int_equal(err.code, ERR_INVALID);
        }
}

static void targets_are_equal_if_all_relevant_options_are(void **state UNUSED)
{
        const struct redis_target_options base = { .host = "h", .username = "u", .password = { (char[]){ "p" }, 1 } };
        struct redis_target_options others[7];
        for (size_t i = 0; i < COUNT_OF(others); i++)
                others[i] = base;
        others[0].host = "i";
        others[1].port = 6380;
        others[2].username = "v";
        others[3].password = (struct secret){ (char[]){ "q" }, 1 };
        others[4].database = 1;
        others[5].client_name = "c";
        others[6].username = NULL;
        struct redis_target *a = make(base), *b = make(base);
        assert_true(redis_target_equal(a, b));
        redis_target_unref(b);
        for (size_t i = 0; i < COUNT_OF(others); i++) {
                b = make(others[i]);
                assert_false(redis_target_equal(a, b));
                redis_target_unref(b);
        }
        assert_ptr_equal(redis_target_ref(a), a);
        redis_target_unref(a);
        redis_target_unref(a);
}

static void a_command_is_an_array_of_strings_and_may_be_formatted_again(void **state UNUSED)
{
        struct redis_command command;
        redis_command_init(&command, NULL);
        assert_int_equal(redis_command_args(&command, 2, (const char *[]){ "GET", "a\0b" }, (size_t[]){ 3, 3 }, &err),
                         0);
        assert_memory_equal(inside(&command)->bytes, "*2\r\n$3\r\nGET\r\n$3\r\na\0b\r\n", 22);
        assert_int_equal(inside(&command)->length, 22);
        assert_int_equal(redis_command_args(&command, 1, (const char *[]){ "PING" }, (size_t[]){ 4 }, &err), 0);
        assert_int_equal(inside(&command)->length, 14);
        assert_memory_equal(inside(&command)->bytes, "*1\r\n$4\r\nPING\r\n", 14);
        assert_int_equal(redis_command_args(&command, 0, NULL, NULL, &err), ERR_INVALID);
        redis_command_fini(&command);
        redis_command_fini(&command);
}

static void the_handshake_is_sent_in_one_write_and_wiped(void **state UNUSED)
{
        struct redis_handshake handshake;
        struct redis_target *target = make((struct redis_target_options){
                .username = "u", .password = { (char[]){ "hush" }, 4 }, .database = 12, .client_name = "me" });
        assert_int_equal(redis_handshake_init(&handshake, target, false, &err), 0);
        assert_int_equal(handshake.count, 8);
        const char *at = handshake.out.data;
        static const char *const parts[] = { "AUTH\r\n$1\r\nu\r\n$4\r\nhush\r\n",
                                             "SELECT\r\n$2\r\n12\r\n",
                                             "SETNAME\r\n$2\r\nme\r\n",
                                             "LIB-NAME",
                                             "LIB-VER",
                                             "CLUSTER\r\n$5\r\nSLOTS\r\n",
                                             "ROLE",
                                             "PING" };
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
                at = strstr(at, parts[i]);
                assert_non_null(at);
        }
        redis_handshake_fini(&handshake);
        assert_null(handshake.out.data);
        redis_target_unref(target);
}

static enum redis_failure judge(size_t step, const char *text)
{
        struct redis_handshake handshake;
        struct redis_target_options options = { .password = { (char[]){ "hush" }, 4 }, .database = 1 };
        struct redis_target *target = make(options);
        struct redis_reader *reader = redis_reader_new(4096);
        assert_non_null(reader);
        const struct redis_reply *reply;
        enum redis_failure failure;
        assert_int_equal(redis_handshake_init(&handshake, target, false, &err), 0);
        assert_int_equal(redis_reader_feed(reader, text, strlen(text), &err), 0);
        assert_int_equal(redis_reader_next(reader, &reply, &err), 1);
        handshake.next = step;
        int rc = redis_handshake_reply(&handshake, reply, &failure, &err);
        assert_int_equal(rc < 0, failure != FAILURE_NONE);
        redis_reader_free(reader);
        redis_handshake_fini(&handshake);
        redis_target_unref(target);
        return failure;
}

static void each_reply_to_the_handshake_is_evaluated(void **state UNUSED)
{
        enum { AUTH, SELECT, CLIENT, CLUSTER = 4, ROLE, PING };
        static const struct {
                size_t step;
                const char *text;
                enum redis_failure failure;
        } cases[] = {
                { AUTH, "+OK\r\n", FAILURE_NONE },
                { AUTH, "-WRONGPASS invalid username-password pair or user is disabled.\r\n", FAILURE_DENIED },
                { AUTH, "-ERR invalid password\r\n", FAILURE_DENIED },
                { AUTH, "-ERR wrong number of arguments for 'auth' command\r\n", FAILURE_DENIED },
                { AUTH, "-ERR Client sent AUTH, but no password is set\r\n", FAILURE_NONE },
                { AUTH,
                  "-ERR AUTH <password> called without any password configured for the default user. Are you sure?\r\n",
                  FAILURE_NONE },
                { AUTH, "-ERR max number of clients reached\r\n", FAILURE_RECONNECT },
                { AUTH, "-LOADING hush\r\n", FAILURE_WAIT },
                { AUTH, "-DENIED Redis is running in protected mode\r\n", FAILURE_DENIED },
                { SELECT, "-ERR DB index is out of range\r\n", FAILURE_UNKNOWN },
                { SELECT, "-NOPERM no\r\n", FAILURE_DENIED },
                { SELECT, "-NOAUTH Authentication required.\r\n", FAILURE_DENIED },
                { CLIENT, "-ERR unknown subcommand\r\n", FAILURE_NONE },
                { CLIENT, "-DENIED Redis is running in protected mode\r\n", FAILURE_DENIED },
                { CLIENT, "-NOPERM no\r\n", FAILURE_NONE },
                { CLUSTER, "-ERR This instance has cluster support disabled\r\n", FAILURE_NONE },
                { CLUSTER, "-NOPERM no\r\n", FAILURE_NONE },
                { CLUSTER, "-NOAUTH Authentication required.\r\n", FAILURE_DENIED },
                { CLUSTER, "*0\r\n", FAILURE_NONE },
                { CLUSTER, "*1\r\n:1\r\n", FAILURE_UNKNOWN },
                { ROLE, "-NOPERM no\r\n", FAILURE_NONE },
                { ROLE, FAKE_MASTER, FAILURE_NONE },
                { ROLE, "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$4\r\nsync\r\n:-1\r\n", FAILURE_RECONNECT },
                { ROLE, "*2\r\n$8\r\nsentinel\r\n*0\r\n", FAILURE_RECONNECT },
                { ROLE, "*0\r\n", FAILURE_UNKNOWN },
                { ROLE, "*1\r\n:1\r\n", FAILURE_UNKNOWN },
                { ROLE, "+master\r\n", FAILURE_UNKNOWN },
                { AUTH, "$-1\r\n", FAILURE_UNKNOWN },
                { SELECT, ":1\r\n", FAILURE_UNKNOWN },
                { CLUSTER, "+OK\r\n", FAILURE_UNKNOWN },
                { PING, "*0\r\n", FAILURE_UNKNOWN },
                { PING, "+PONG\r\n", FAILURE_NONE },
                { PING, "-NOPERM no\r\n", FAILURE_NONE },
                { PING, "-LOADING Redis is loading the dataset in memory\r\n", FAILURE_WAIT },
                { PING, "-MASTERDOWN Link with MASTER is down\r\n", FAILURE_RECONNECT },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                err = (struct err){ 0 };
                if (judge(cases[i].step, cases[i].text) != cases[i].failure)
                        fail_msg("%s: %s", cases[i].text, err.text);
                assert_null(strstr(err.text, "hush"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_options_the_target_is_localhost),
                cmocka_unit_test(an_address_is_printed_in_its_usual_form),
                cmocka_unit_test(contradictory_options_are_rejected),
                cmocka_unit_test(targets_are_equal_if_all_relevant_options_are),
                cmocka_unit_test(a_command_is_an_array_of_strings_and_may_be_formatted_again),
                cmocka_unit_test(the_handshake_is_sent_in_one_write_and_wiped),
                cmocka_unit_test(each_reply_to_the_handshake_is_evaluated),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
