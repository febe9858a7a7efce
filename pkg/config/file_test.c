/* file: the accepted YAML, the error messages, and the limits. */
#include "config/program_test.h"

static void errors_in_files_name_line_and_key(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *yaml, *expected;
        } cases[] = {
                { "port: 1\n\nhold-time: soon\n",
                  "c.yaml:3: hold-time: expected a duration such as 500ms or 30s from 1s to 1h, got \"soon\"" },
                { "redis:\n  hots: a\n", "c.yaml:2: redis.hots: unknown setting; did you mean redis-host?" },
                { "hold_time: 1s\n", "c.yaml:1: hold_time: unknown setting; did you mean hold-time?" },
                { "zebra: {a: 1}\n", "c.yaml:1: zebra: unknown setting" },
                { "port: 1\nport: 2\n", "c.yaml:2: port: given twice, first in line 1" },
                { "redis-host: a\nredis: {host: b}\n", "c.yaml:2: redis.host: given twice, first in line 1" },
                { "redis: {host: a}\nredis: {port: 1}\n", "c.yaml:2: redis: given twice, first in line 1" },
                { "port:\n", "c.yaml:1: port: missing value" },
                { "redis: x\n", "c.yaml:1: redis: expected a mapping" },
                { "port: {a: 1}\n", "c.yaml:1: port: expected a value, got a mapping" },
                { "port: [1]\n", "c.yaml:1: port: expected one value, got a list" },
                { "check: true\n", "c.yaml:1: check: can't be set in a file" },
                { "redis-password: x\n",
                  "c.yaml:1: redis-password: secrets are not read from this file; name a separate file with redis-password-file" },
                { "redis-host: \"a\\0b\"\n", "c.yaml:1: redis-host: a string can't contain a NUL" },
                { "redis-sentinel-nodes:\n  - a\n  - {b: c}\n",
                  "c.yaml:3:5: an entry of a list must be a plain value" },
                { "redis-sentinel-nodes:\n  - a\n  -\n", "c.yaml:3: redis-sentinel-nodes: missing value" },
                { "a: &x 1\n", "c.yaml:1:4: an anchor (&name) is not allowed here" },
                { "port: *x\n", "c.yaml:1:7: an alias (*name) is not allowed here" },
                { "port: !!int 1\n", "c.yaml:1:7: a tag (!name) is not allowed here" },
                { "port: 1\n---\nport: 2\n", "c.yaml:2:1: a second document (---) is not allowed" },
                { "- port\n", "c.yaml:1:1: expected settings of the form `name: value`" },
                { "port\n", "c.yaml:1:1: expected settings of the form `name: value`" },
                { "[a]: 1\n", "c.yaml:1:1: a key must be a plain word" },
                { "port: 1\n\"\": 1\n", "c.yaml:2:1: an empty key" },
                { "port: 1\n? [a]\n: 1\n", "c.yaml:2:3: a key must be a plain word" },
                { "redis-host: a\n  port: 2\n", "c.yaml:2:7: mapping values are not allowed in this context" },
                { "port: 1\nack: \xff\n", "c.yaml:2:6: invalid leading UTF-8 octet" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int rc = read_all(f, NULL, NULL, cases[i].yaml);
                assert_refused(f, rc, cases[i].expected);
        }
}

static void a_mistake_in_the_file_is_reported_even_if_a_flag_overrides_it(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--port=1"), NULL, "port: high\n"), ERR_INVALID);
}

static void nested_keys_and_lists_are_read(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, NULL, NULL,
                                  "redis:\n  host: h\n  port: 7\n  sentinel:\n    nodes:\n      - a:1\n      - b:2\n"
                                  "access-log: off\nack: \"replica:2\"\n"),
                         0);
        assert_string_equal(f->s.redis_host, "h");
        assert_int_equal(f->s.redis_port, 7);
        assert_int_equal(f->s.nodes.count, 2);
        assert_string_equal(f->s.nodes.items[1], "b:2");
        assert_int_equal(f->s.access_log, ACCESS_OFF);
        assert_string_equal(f->s.ack, "replica:2");
        assert_non_null(strstr(config_origin(f->report, "redis-sentinel-nodes")->place, "c.yaml:5: redis"));
        assert_int_equal(read_all(f, NULL, NULL, ""), 0);
        assert_int_equal(read_all(f, NULL, NULL, "---\n# nothing\n...\n"), 0);
        assert_int_equal(read_all(f, NULL, NULL, "redis-sentinel-nodes: []\n"), 0);
        assert_int_equal(f->s.nodes.count, 0);
}

static void a_missing_or_oversized_file_is_rejected(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--config", f->other), NULL, NULL), ERR_NOT_FOUND);
        assert_non_null(strstr(f->err.text, f->other));
        char *large = malloc(FILE_MAX + 2);
        assert_non_null(large);
        memset(large, '\n', FILE_MAX + 1);
        large[FILE_MAX + 1] = '\0';
        assert_int_equal(read_all(f, NULL, NULL, large), ERR_LIMIT);
        large[FILE_MAX] = '\0';
        assert_int_equal(read_all(f, NULL, NULL, large), 0);
        free(large);
}

/* "<start>", then `each` repeated, then "\n". */
static char *repeated(const char *start, const char *each, size_t count)
{
        size_t head = strlen(start), part = strlen(each);
        char *text = malloc(head + count * part + 2);
        assert_non_null(text);
        memcpy(text, start, head);
        for (size_t i = 0; i < count; i++)
                memcpy(text + head + i * part, each, part);
        memcpy(text + head + count * part, "\n", 2);
        return text;
}

static void texts_and_lists_have_limits(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *start, *each, *expected; /* NULL: it fits */
                size_t count;
        } cases[] = {
                { "redis-host: ", "x", NULL, TEXT_MAX },
                { "redis-host: ", "x", "c.yaml:1: redis-host: longer than 65536 bytes", TEXT_MAX + 1 },
                { "redis-sentinel-nodes: a", ",a", NULL, LIST_MAX - 1 },
                { "redis-sentinel-nodes: a", ",a", "c.yaml:1: redis-sentinel-nodes: more than 1000 entries", LIST_MAX },
                { "redis-sentinel-nodes:", "\n- a", NULL, LIST_MAX },
                { "redis-sentinel-nodes:", "\n- a", "c.yaml:1002: redis-sentinel-nodes: more than 1000 entries",
                  LIST_MAX + 1 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char *text = repeated(cases[i].start, cases[i].each, cases[i].count);
                int rc = read_all(f, NULL, NULL, text);
                free(text);
                if (cases[i].expected)
                        assert_refused(f, rc, cases[i].expected);
                else
                        assert_int_equal(rc, 0);
        }
        assert_true(f->s.nodes.count == 0); /* the last one was refused */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(errors_in_files_name_line_and_key),
                TEST(a_mistake_in_the_file_is_reported_even_if_a_flag_overrides_it),
                TEST(nested_keys_and_lists_are_read),
                TEST(a_missing_or_oversized_file_is_rejected),
                TEST(texts_and_lists_have_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
