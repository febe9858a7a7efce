/* Tests of the reply reader and of the parsing of error replies. */
#include "redis/rig_test.h"

static struct redis_reader *reader;
static struct err err;

static int make_reader(void **state UNUSED)
{
        reader = redis_reader_new(4096);
        return reader ? 0 : -1;
}

static int free_reader(void **state UNUSED)
{
        redis_reader_free(reader);
        return 0;
}

static const struct redis_reply *read_one(const char *bytes, size_t length)
{
        const struct redis_reply *reply = NULL;
        assert_int_equal(redis_reader_feed(reader, bytes, length, &err), 0);
        return redis_reader_next(reader, &reply, &err) == 1 ? reply : NULL;
}

static const struct redis_reply *read_text(const char *text)
{
        const struct redis_reply *reply = read_one(text, strlen(text));
        assert_non_null(reply);
        return reply;
}

static void every_type_of_resp2_is_read(void **state UNUSED)
{
        size_t length = 7;
        assert_int_equal(redis_reply_type(read_text("+OK\r\n")), REDIS_STATUS);
        assert_int_equal(redis_reply_type(read_text("$-1\r\n")), REDIS_NIL);
        assert_int_equal(redis_reply_type(read_text("*-1\r\n")), REDIS_NIL);
        assert_int_equal(redis_reply_integer(read_text(":-42\r\n")), -42);
        assert_int_equal(redis_reply_integer(read_text(":9223372036854775807\r\n")), INT64_MAX);
        assert_string_equal(redis_reply_text(read_text("$0\r\n\r\n"), &length), "");
        assert_int_equal(length, 0);
        const struct redis_reply *binary = read_one("$3\r\na\0b\r\n", 9);
        assert_memory_equal(redis_reply_text(binary, &length), "a\0b", 4);
        assert_int_equal(length, 3);
        assert_int_equal(redis_reply_count(read_text("*0\r\n")), 0);
        assert_null(redis_reply_text(read_text(":1\r\n"), &length));
        assert_int_equal(redis_reply_integer(read_text("+1\r\n")), 0);
}

static void arrays_nest(void **state UNUSED)
{
        const struct redis_reply *reply = read_text("*3\r\n*2\r\n:1\r\n$1\r\na\r\n$-1\r\n-ERR x\r\n");
        assert_int_equal(redis_reply_count(reply), 3);
        assert_int_equal(redis_reply_integer(redis_reply_at(redis_reply_at(reply, 0), 0)), 1);
        assert_string_equal(redis_reply_text(redis_reply_at(redis_reply_at(reply, 0), 1), NULL), "a");
        assert_int_equal(redis_reply_type(redis_reply_at(reply, 1)), REDIS_NIL);
        assert_true(redis_reply_is_error(redis_reply_at(reply, 2), "ERR"));
        assert_null(redis_reply_at(reply, 3));
        assert_null(redis_reply_at(redis_reply_at(reply, 1), 0));
}

static void a_reply_may_arrive_byte_by_byte(void **state UNUSED)
{
        static const char bytes[] = "*2\r\n$5\r\nhello\r\n*1\r\n+x\r\n";
        const struct redis_reply *reply = NULL;
        for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
                assert_null(reply);
                reply = read_one(bytes + i, 1);
        }
        assert_non_null(reply);
        assert_string_equal(redis_reply_text(redis_reply_at(reply, 0), NULL), "hello");
        assert_string_equal(redis_reply_text(redis_reply_at(redis_reply_at(reply, 1), 0), NULL), "x");
}

static void many_replies_in_one_read_are_returned_in_order(void **state UNUSED)
{
        const struct redis_reply *reply;
        for (int i = 0; i < 3000; i++)
                assert_int_equal(redis_reader_feed(reader, ":7\r\n", 4, &err), 0);
        for (int i = 0; i < 3000; i++) {
                assert_int_equal(redis_reader_next(reader, &reply, &err), 1);
                assert_int_equal(redis_reply_integer(reply), 7);
        }
        assert_int_equal(redis_reader_next(reader, &reply, &err), 0);
}

static void input_that_is_not_resp2_is_a_protocol_error(void **state UNUSED)
{
        static const char *const cases[] = {
                "HTTP/1.1 400 Bad Request\r\n",
                "\r\n",
                "$x\r\n",
                "*2147483647\r\n",
                "*1000\r\n",
                "*400\r\n*400\r\n",
                ",1.5\r\n",
                "#t\r\n",
                "%1\r\n+a\r\n+b\r\n",
                "~1\r\n+a\r\n",
                "=7\r\ntxt:abc\r\n",
                "(12345\r\n",
                ">1\r\n+a\r\n",
                "*1\r\n,1.5\r\n",
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                const struct redis_reply *reply;
                assert_int_equal(redis_reader_feed(reader, cases[i], strlen(cases[i]), &err), 0);
                int rc = redis_reader_next(reader, &reply, &err);
                if (rc != ERR_PROTOCOL)
                        fail_msg("%s gave %d", cases[i], rc);
                assert_true(strncmp(err.text, "reply: ", 7) == 0);
                redis_reader_free(reader);
                reader = redis_reader_new(4096);
                assert_non_null(reader);
        }
}

static void a_string_over_the_limit_is_rejected_before_it_is_whole(void **state UNUSED)
{
        static char bytes[5000];
        const struct redis_reply *reply;
        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(redis_reader_feed(reader, "$100000\r\n", 9, &err), 0);
        assert_int_equal(redis_reader_next(reader, &reply, &err), 0);
        assert_int_equal(redis_reader_feed(reader, bytes, sizeof(bytes), &err), 0);
        assert_int_equal(redis_reader_next(reader, &reply, &err), ERR_PROTOCOL);
        assert_string_equal(err.text, "reply: a reply over the limit");
}

static void each_error_code_has_its_meaning(void **state UNUSED)
{
        static const struct {
                const char *text;
                enum redis_failure failure;
        } cases[] = {
                { "-LOADING Redis is loading the dataset in memory\r\n", FAILURE_WAIT },
                { "-BUSY Redis is busy running a script.\r\n", FAILURE_WAIT },
                { "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", FAILURE_WAIT },
                { "-READONLY You can't write against a read only replica.\r\n", FAILURE_RECONNECT },
                { "-MASTERDOWN Link with MASTER is down\r\n", FAILURE_RECONNECT },
                { "-CLUSTERDOWN The cluster is down\r\n", FAILURE_RECONNECT },
                { "-NOREPLICAS Not enough good replicas to write.\r\n", FAILURE_RECONNECT },
                { "-NOAUTH Authentication required.\r\n", FAILURE_RECONNECT },
                { "-ERR max number of clients reached\r\n", FAILURE_RECONNECT },
                { "-ERR max number of clients + cluster connections reached\r\n", FAILURE_RECONNECT },
                { "-UNBLOCKED force unblock from blocking operation\r\n", FAILURE_UNKNOWN },
                { "-OOM command not allowed\r\n", FAILURE_NONE },
                { "-MISCONF Redis is configured to save RDB snapshots\r\n", FAILURE_NONE },
                { "-NOPERM this user has no permissions\r\n", FAILURE_NONE },
                { "-BUSYGROUP Consumer Group name already exists\r\n", FAILURE_NONE },
                { "-BUSYKEY Target key name already exists.\r\n", FAILURE_NONE },
                { "-MOVED 1 127.0.0.1:7000\r\n", FAILURE_NONE },
                { "-ERR max number of arguments\r\n", FAILURE_NONE },
                { "-ERR LOADING\r\n", FAILURE_NONE },
                { "-loading\r\n", FAILURE_NONE },
                { "-\r\n", FAILURE_NONE },
                { "+LOADING\r\n", FAILURE_NONE },
                { "$7\r\nLOADING\r\n", FAILURE_NONE },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (redis_failure_of(read_text(cases[i].text)) != cases[i].failure)
                        fail_msg("%s", cases[i].text);
}

static void the_text_of_an_error_is_cut_and_cleaned_and_lacks_our_arguments(void **state UNUSED)
{
        char bytes[600] = "-ERR ";
        assert_int_equal(redis_reply_error(read_text("-OOM no\r\n"), &err), ERR_LIMIT);
        assert_string_equal(err.text, "OOM no");
        assert_int_equal(redis_reply_error(read_text("-NOPERM no\r\n"), &err), ERR_DENIED);
        assert_int_equal(redis_reply_error(read_text("-MISCONF no\r\n"), &err), ERR_UNAVAILABLE);
        (void)redis_reply_error(read_text("-ERR unknown command 'X', with args beginning with: 'hush' \r\n"), &err);
        assert_string_equal(err.text, "ERR unknown command 'X'");
        (void)redis_reply_error(read_text("-ERR unknown command `AUTH`, with args beginning with: `hush`, \r\n"), &err);
        assert_string_equal(err.text, "ERR unknown command `AUTH`");
        (void)redis_reply_error(read_text("-ERR a\tb\033[31m\r\n"), &err);
        assert_string_equal(err.text, "ERR a?b?[31m");
        memset(bytes + 5, 'y', 500);
        memcpy(bytes + 505, "\r\n", 3);
        (void)redis_reply_error(read_text(bytes), &err);
        assert_int_equal(strlen(err.text), 120);
        (void)redis_reply_error(read_text("+OK\r\n"), &err);
        assert_string_equal(err.text, "");
}

static void is_error_compares_the_entire_first_word(void **state UNUSED)
{
        assert_true(redis_reply_is_error(read_text("-OOM\r\n"), "OOM"));
        assert_true(redis_reply_is_error(read_text("-OOM x\r\n"), "OOM"));
        assert_false(redis_reply_is_error(read_text("-OOMX x\r\n"), "OOM"));
        assert_false(redis_reply_is_error(read_text("-OO\r\n"), "OOM"));
        assert_false(redis_reply_is_error(read_text("+OOM\r\n"), "OOM"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_reader, free_reader)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_type_of_resp2_is_read),
                TEST(arrays_nest),
                TEST(a_reply_may_arrive_byte_by_byte),
                TEST(many_replies_in_one_read_are_returned_in_order),
                TEST(input_that_is_not_resp2_is_a_protocol_error),
                TEST(a_string_over_the_limit_is_rejected_before_it_is_whole),
                TEST(each_error_code_has_its_meaning),
                TEST(the_text_of_an_error_is_cut_and_cleaned_and_lacks_our_arguments),
                TEST(is_error_compares_the_entire_first_word),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
