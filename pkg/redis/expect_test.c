/* Tests of the replies that fit a command, and of those that do not. */
#include "redis/rig_test.h"

static struct rig rig;
static struct fake fake;
static const char *wrong; /* the fake's reply to everything but the handshake, on its first connections */
static int wrong_until;

static bool fits(const char *words, const char *text)
{
        char copy[64], *argv[8], *rest = copy;
        size_t lengths[8], argc = 0;
        struct redis_command command;
        struct err err;
        const struct redis_reply *reply;
        struct redis_reader *reader = redis_reader_new(4096);
        assert_non_null(reader);
        (void)snprintf(copy, sizeof(copy), "%s", words);
        for (char *word; (word = strsep(&rest, " "));) {
                argv[argc] = word;
                lengths[argc++] = strlen(word);
        }
        redis_command_init(&command, NULL);
        assert_int_equal(redis_command_args(&command, argc, (const char *const *)argv, lengths, &err), 0);
        assert_int_equal(redis_reader_feed(reader, text, strlen(text), &err), 0);
        assert_int_equal(redis_reader_next(reader, &reply, &err), 1);
        bool result = redis_expected_fits(&inside(&command)->expected, reply);
        redis_reader_free(reader);
        redis_command_fini(&command);
        return result;
}

#define NIL "$-1\r\n"
#define ENTRY(id) "*2\r\n$3\r\n" id "\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n"

static void each_command_accepts_only_its_own_replies(void **state UNUSED)
{
        static const struct {
                const char *command, *reply;
                bool fits;
        } cases[] = {
                { "SET k v", "+OK\r\n", true },
                { "SET k v", NIL, false },
                { "SET k v", ":1\r\n", false },
                { "SET k v", "+QUEUED\r\n", false },
                { "SET k v", "$2\r\nOK\r\n", false },
                { "SET k v", "-OOM no\r\n", true },
                { "SET k v PX 9", NIL, false },
                { "SET k v NX", NIL, true },
                { "SET k v PX 9 NX", NIL, true },
                { "SET k NX PX 9", NIL, false }, /* a value */
                { "SET k v NX", "*0\r\n", false },
                { "XADD s * k v", "$3\r\n1-1\r\n", true },
                { "XADD s * k v", NIL, false },
                { "XADD s NOMKSTREAM * k v", NIL, true },
                { "XADD s NOMKSTREAM * k v", "$3\r\n1-1\r\n", true },
                { "XADD s NOMKSTREAM * k v", ":1\r\n", false },
                { "XADD s * k v", "+OK\r\n", false },
                { "XADD s * k v", "$1\r\n1\r\n", false },
                { "XADD s * k v", "$4\r\n-1-1\r\n", false },
                { "GET k", NIL, true },
                { "GET k", "$1\r\nv\r\n", true },
                { "GET k", "+v\r\n", false },
                { "GET k", "*1\r\n$1\r\nv\r\n", false },
                { "GETDEL k", ":1\r\n", false },
                { "GETRANGE k 0 2", "$3\r\nabc\r\n", true },
                { "GETRANGE k 0 2", "$4\r\nabcd\r\n", false },
                { "GETRANGE k 0 2", NIL, false },
                { "GETRANGE k 0 -1", "$4\r\nabcd\r\n", true },
                { "XRANGE s - + COUNT 1", "*0\r\n", true },
                { "XRANGE s - + COUNT 1", "*1\r\n" ENTRY("1-1"), true },
                { "XRANGE s - + COUNT 1", "*2\r\n" ENTRY("1-1") ENTRY("1-2"), false },
                { "XRANGE s - +", "*2\r\n" ENTRY("1-1") ENTRY("1-2"), true },
                { "XRANGE s - + COUNT 1", "*1\r\n" ENTRY("1.1"), false },
                { "XRANGE s - + COUNT 1", "*1\r\n*2\r\n$3\r\n1-1\r\n*1\r\n$1\r\nk\r\n", false },
                { "XRANGE s - + COUNT 1", "*1\r\n*2\r\n$3\r\n1-1\r\n" NIL, false },
                { "XRANGE s - + COUNT 1", "*1\r\n$3\r\n1-1\r\n", false },
                { "XRANGE s - + COUNT 1", NIL, false },
                { "EXISTS k", ":0\r\n", true },
                { "EXISTS k", ":-1\r\n", false },
                { "EXPIREAT k 1", "$1\r\n1\r\n", false },
                { "WAIT 1 10", ":3\r\n", true },
                { "WAIT 1 10", ":-3\r\n", false },
                { "WAIT 1 10", "*1\r\n:1\r\n", false },
                { "WAITAOF 1 0 10", "*2\r\n:1\r\n:0\r\n", true },
                { "WAITAOF 1 0 10", "*2\r\n:1\r\n$1\r\n0\r\n", false },
                { "WAITAOF 1 0 10", "*1\r\n:1\r\n", false },
                { "PING", "+PONG\r\n", true },
                { "PING", ":1\r\n", false },
                { "INFO", "$1\r\nx\r\n", true },
                { "INFO", "*0\r\n", false },
                { "CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n", true },
                { "CONFIG GET save", "*1\r\n$4\r\nsave\r\n", false },
                { "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", true },
                { "SUBSCRIBE c", "+OK\r\n", false },
                { "NEVERHEARD k", "*1\r\n:1\r\n", true },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (fits(cases[i].command, cases[i].reply) != cases[i].fits)
                        fail_msg("%s: %s", cases[i].command, cases[i].reply);
}

static const char *wrong_at_first(struct fake *f UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        return fake_is_handshake(argv[0]) || conn->number > wrong_until ? NULL : wrong;
}

static void a_reply_that_does_not_fit_closes_the_connection_and_the_command_is_resent(void **state UNUSED)
{
        static const char *const replies[] = { NIL, ":-5\r\n", "*1\r\n+OK\r\n", "+NO\r\n", "$2\r\nOK\r\n" };
        for (size_t i = 0; i < COUNT_OF(replies); i++) {
                struct job a, b;
                wrong = replies[i];
                wrong_until = 2;
                rig_init(&rig);
                fake_start(&fake, &rig.loop, 0, wrong_at_first);
                rig_open(&rig, (struct redis_options){ 0 }, fake.port);
                job_send(&a, &rig, "SET", "a", "1");
                job_send(&b, &rig, "SET", "b", "1");
                RUN_UNTIL(&rig, a.is_done && b.is_done);
                assert_answer(&a, "OK");
                assert_answer(&b, "OK");
                assert_int_equal(a.resends, 2);
                assert_int_equal(redis_counters(rig.client).protocol_errors, 2);
                assert_int_equal(rig.last_error.code, ERR_PROTOCOL);
                assert_non_null(strstr(rig.last_error.text, "unexpected reply to SET"));
                fake_stop(&fake);
                rig_fini(&rig);
        }
}

static void a_server_that_never_replies_correctly_delays_for_the_hold_time(void **state UNUSED)
{
        struct job a;
        wrong = NIL;
        wrong_until = INT_MAX;
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, wrong_at_first);
        rig_open(&rig, (struct redis_options){ .hold_ms = 400 }, fake.port);
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_TIMEOUT); /* Redis may have executed it */
        assert_in_range(fake.connections, 4, 60);
        fake_stop(&fake);
        rig_fini(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_command_accepts_only_its_own_replies),
                cmocka_unit_test(a_reply_that_does_not_fit_closes_the_connection_and_the_command_is_resent),
                cmocka_unit_test(a_server_that_never_replies_correctly_delays_for_the_hold_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
