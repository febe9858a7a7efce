/* Tests of keys, maps and redirections of a Cluster. */
#include "redis/rig_test.h"

static struct err err;

static unsigned slot(const char *key)
{
        return redis_slot_of_key(key, strlen(key));
}

static void the_checksum_matches_the_specification(void **state UNUSED)
{
        assert_int_equal(slot("123456789"), 0x31C3 % REDIS_SLOTS);
        assert_int_equal(slot(""), 0);
        assert_int_equal(slot("foo"), 12182);
        assert_int_equal(slot("somekey"), 11058);
}

static void a_hash_tag_determines_the_slot_of_the_key(void **state UNUSED)
{
        static const struct {
                const char *key;
                unsigned slot; /* of the named part */
        } cases[] = {
                { "{user1000}.following", 3443 }, /* user1000 */
                { "a{user1000}", 3443 },          /* user1000 */
                { "foo{}{bar}", 8363 },           /* foo{}{bar}: the first is empty, no hash tag */
                { "foo{{bar}}zap", 4015 },        /* {bar */
                { "foo{bar}{zap}", 5061 },        /* bar */
                { "foo{bar", 15278 },             /* foo{bar */
                { "foo}bar{", 11073 },            /* foo}bar{ */
                { "{", 4092 },                    /* { */
                { "{}", 15257 },                  /* {} */
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_int_equal(slot(cases[i].key), cases[i].slot);
}

static void a_command_is_routed_by_its_first_argument(void **state UNUSED)
{
        char long_key[300];
        struct redis_command command;
        memset(long_key, 'k', sizeof(long_key));
        redis_command_init(&command, NULL);
        assert_int_equal(redis_command_args(&command, 1, (const char *[]){ "PING" }, (size_t[]){ 4 }, &err), 0);
        assert_int_equal(redis_command_slot(&command), SLOT_NONE);
        for (size_t length = 0; length < sizeof(long_key); length += 7) {
                const char *argv[] = { "SET", long_key, "v", "PX", "1", "NX", "a", "b", "c", "d" };
                size_t lengths[] = { 3, length, 1, 2, 1, 2, 1, 1, 1, 1 };
                for (size_t argc = 2; argc <= COUNT_OF(argv); argc++) {
                        assert_int_equal(redis_command_args(&command, argc, argv, lengths, &err), 0);
                        assert_int_equal(redis_command_slot(&command), redis_slot_of_key(long_key, length));
                }
        }
        redis_command_fini(&command);
}

/* Parses one reply. */
static int parse(const char *text, struct redis_slots **out)
{
        const struct redis_reply *reply;
        struct redis_reader *reader = redis_reader_new(1 << 20);
        assert_non_null(reader);
        assert_int_equal(redis_reader_feed(reader, text, strlen(text), &err), 0);
        assert_int_equal(redis_reader_next(reader, &reply, &err), 1);
        int rc = redis_slots_parse(reply, "asked", out, &err);
        redis_reader_free(reader);
        return rc;
}

#define IP "$9\r\n127.0.0.1\r\n"

static void a_map_names_the_master_of_each_slot(void **state UNUSED)
{
        struct redis_slots *slots = NULL;
        assert_int_equal(parse("*3\r\n"
                               "*4\r\n:0\r\n:99\r\n*3\r\n" IP ":7000\r\n$2\r\nid\r\n*3\r\n" IP ":7003\r\n$2\r\nir\r\n"
                               "*3\r\n:100\r\n:100\r\n*4\r\n" IP ":7001\r\n$2\r\nix\r\n*0\r\n"
                               "*3\r\n:16383\r\n:16383\r\n*3\r\n" IP ":7000\r\n$2\r\nid\r\n",
                               &slots),
                         0);
        assert_int_equal(slots->covered, 102);
        assert_int_equal(slots->node_count, 3);
        assert_int_equal(slots->nodes[slots->owner[0] - 1].port, 7000);
        assert_int_equal(slots->owner[99], slots->owner[0]);
        assert_int_equal(slots->nodes[slots->owner[100] - 1].port, 7001);
        assert_int_equal(slots->owner[101], 0);
        assert_int_equal(slots->owner[16383], slots->owner[0]);
        redis_slots_free(slots);
}

static void a_node_without_a_host_has_the_host_that_was_queried(void **state UNUSED)
{
        static const struct {
                const char *node, *host; /* NULL: unreachable */
        } cases[] = {
                { "*2\r\n$-1\r\n:7000\r\n", "asked" },
                { "*2\r\n$0\r\n\r\n:7000\r\n", "asked" },
                { "*4\r\n$1\r\n?\r\n:7000\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n" IP, "127.0.0.1" },
                { "*4\r\n$1\r\n?\r\n:7000\r\n$2\r\nid\r\n*0\r\n", NULL },
                { "*3\r\n$1\r\n?\r\n:7000\r\n$2\r\nid\r\n", NULL },
                { "*4\r\n$4\r\nname\r\n:7000\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n" IP, "name" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_slots *slots = NULL;
                char text[256];
                (void)snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:1\r\n%s", cases[i].node);
                assert_int_equal(parse(text, &slots), 0);
                assert_int_equal(slots->covered, cases[i].host ? 2 : 0);
                if (cases[i].host)
                        assert_string_equal(slots->nodes[0].host, cases[i].host);
                redis_slots_free(slots);
        }
}

static void an_invalid_map_is_rejected_and_the_error_names_the_range(void **state UNUSED)
{
        static const char *const cases[] = {
                "+OK\r\n",
                "*1\r\n:1\r\n",
                "*1\r\n*0\r\n",
                "*1\r\n*2\r\n:0\r\n:1\r\n",
                "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n" IP ":7000\r\n",
                "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n" IP ":7000\r\n",
                "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n" IP ":7000\r\n",
                "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*2\r\n" IP ":7000\r\n",
                "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n" IP,
                "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n" IP ":0\r\n",
                "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n" IP ":65536\r\n",
                "*1\r\n*3\r\n:0\r\n:1\r\n$4\r\nnode\r\n",
                "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$3\r\na b\r\n:7000\r\n",
                "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$2\r\n\x1b[\r\n:7000\r\n",
                "*1\r\n*4\r\n:0\r\n:1\r\n*2\r\n" IP ":7000\r\n:7\r\n",
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_slots *slots = NULL;
                if (parse(cases[i], &slots) != ERR_PROTOCOL || slots)
                        fail_msg("%s", cases[i]);
                if (i > 0)
                        assert_non_null(strstr(err.text, "range 0"));
        }
}

static void a_redirection_names_slot_and_node(void **state UNUSED)
{
        static const struct {
                const char *text, *host; /* NULL: none */
                unsigned slot;
                uint16_t port;
                bool is_ask;
        } cases[] = {
                { "MOVED 3999 127.0.0.1:6381", "127.0.0.1", 3999, 6381, false },
                { "ASK 3999 127.0.0.1:6381", "127.0.0.1", 3999, 6381, true },
                { "MOVED 0 fd00::3:6381", "fd00::3", 0, 6381, false },
                { "MOVED 1 redis-1.example:6381", "redis-1.example", 1, 6381, false },
                { "MOVED 1 :6381", "asked", 1, 6381, false },
                { "ASK 1 :6381", "asked", 1, 6381, true },
                { "MOVED 1 ?:6381", "", 1, 6381, false },
                { "ASK 1 ?:6381", "", 1, 6381, true },
                { "MOVED 1 ??:6381", "??", 1, 6381, false },
                { "MOVED 1 ?", NULL, 0, 0, false },
                { "MOVED 16384 h:1", NULL, 0, 0, false },
                { "MOVED -1 h:1", NULL, 0, 0, false },
                { "MOVED x h:1", NULL, 0, 0, false },
                { "MOVED 1", NULL, 0, 0, false },
                { "MOVED 1 h", NULL, 0, 0, false },
                { "MOVED 1 h:", NULL, 0, 0, false },
                { "MOVED 1 h:0", NULL, 0, 0, false },
                { "MOVED 1 h:65536", NULL, 0, 0, false },
                { "MOVED 1 h:1 more", NULL, 0, 0, false },
                { "MOVEDX 1 h:1", NULL, 0, 0, false },
                { "MOVED 1 h\x01:1", NULL, 0, 0, false },
                { "MOVED 1 a b:1", NULL, 0, 0, false },
                { "ERR no", NULL, 0, 0, false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_redirect to;
                if (redis_redirect_parse(cases[i].text, "asked", &to) != (cases[i].host != NULL))
                        fail_msg("%s", cases[i].text);
                if (!cases[i].host)
                        continue;
                assert_string_equal(to.host, cases[i].host);
                assert_int_equal(to.slot, cases[i].slot);
                assert_int_equal(to.port, cases[i].port);
                assert_int_equal(to.is_ask, cases[i].is_ask);
        }
        struct redis_redirect to;
        assert_false(redis_redirect_parse("MOVED 1 :6381", NULL, &to));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_checksum_matches_the_specification),
                cmocka_unit_test(a_hash_tag_determines_the_slot_of_the_key),
                cmocka_unit_test(a_command_is_routed_by_its_first_argument),
                cmocka_unit_test(a_map_names_the_master_of_each_slot),
                cmocka_unit_test(a_node_without_a_host_has_the_host_that_was_queried),
                cmocka_unit_test(an_invalid_map_is_rejected_and_the_error_names_the_range),
                cmocka_unit_test(a_redirection_names_slot_and_node),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
