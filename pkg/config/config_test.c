/* One program's table, read from all sources: which source takes precedence, and the error messages. */
#include "config/program_test.h"

static void defaults_pass_through_the_parsers(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, NULL, NULL, NULL), CONFIG_READY);
        assert_int_equal(f->s.port, 4001);
        assert_string_equal(f->s.listen.host, "");
        assert_int_equal(f->s.body_max, 1 << 20);
        assert_int_equal(f->s.hold_time_ms, 30000);
        assert_string_equal(f->s.redis_host, "localhost");
        assert_null(f->s.redis_password.bytes);
        assert_int_equal(f->s.access_log, ACCESS_ERRORS);
        assert_false(f->s.check);
        assert_int_equal(f->s.nodes.count, 0);
        assert_string_equal(config_origin(f->report, "port")->place, "default");
        assert_null(config_origin(f->report, "nothing"));
}

static void a_flag_overrides_the_environment_the_file_and_the_default(void **state)
{
        struct fixture *f = *state;
        const char *yaml = "# comment\nhold-time: 3s\n";
        const char *const *variables = LIST("HOME=/", "COLLECTOR_HOLD_TIME=2s");
        assert_int_equal(read_all(f, LIST("--hold-time", "1s"), variables, yaml), 0);
        assert_int_equal(f->s.hold_time_ms, 1000);
        assert_int_equal(config_origin(f->report, "hold-time")->kind, CONFIG_FROM_FLAG);
        assert_string_equal(config_origin(f->report, "hold-time")->place, "--hold-time");
        assert_int_equal(read_all(f, NULL, variables, yaml), 0);
        assert_int_equal(f->s.hold_time_ms, 2000);
        assert_string_equal(config_origin(f->report, "hold-time")->place, "COLLECTOR_HOLD_TIME");
        assert_int_equal(read_all(f, NULL, NULL, yaml), 0);
        assert_int_equal(f->s.hold_time_ms, 3000);
        assert_int_equal(config_origin(f->report, "hold-time")->kind, CONFIG_FROM_FILE);
        assert_non_null(strstr(config_origin(f->report, "hold-time")->place, "c.yaml:2: hold-time"));
}

static void the_additional_names_of_a_variable_have_lower_precedence(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, NULL, LIST("REDIS_HOST=c", "COLLECTOR_DELEGATE_HOSTNAME=b"), NULL), 0);
        assert_string_equal(f->s.redis_host, "b");
        assert_int_equal(read_all(f, NULL, LIST("REDIS_HOST=c", "COLLECTOR_REDIS_HOST=a"), NULL), 0);
        assert_string_equal(f->s.redis_host, "a");
        assert_int_equal(read_all(f, NULL, LIST("REDIS_HOST=c", "COLLECTOR_REDIS_HOST="), NULL), 0);
        assert_string_equal(f->s.redis_host, "c");
}

static void a_service_link_is_skipped_with_a_warning(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(
                read_all(f, NULL, LIST("COLLECTOR_PORT=tcp://10.96.0.7:4001", "REDIS_PORT=udp://10.96.0.8:1"), NULL),
                0);
        assert_int_equal(f->s.port, 4001);
        assert_int_equal(f->s.redis_port, 6379);
        assert_int_equal(config_warning_count(f->report), 2);
        assert_string_equal(config_warning(f->report, 0),
                            "COLLECTOR_PORT: skipped \"tcp://10.96.0.7:4001\", which Kubernetes sets for a Service");
        assert_null(config_warning(f->report, 2));
        assert_int_equal(read_all(f, NULL, LIST("COLLECTOR_DELEGATE_PORT=tcp://x:1", "REDIS_PORT=7"), NULL), 0);
        assert_int_equal(f->s.redis_port, 7);
        assert_int_equal(read_all(f, LIST("--port=5"), LIST("COLLECTOR_PORT=tcp://10.96.0.7:4001"), NULL), 0);
        assert_int_equal(f->s.port, 5);
        assert_int_equal(config_warning_count(f->report), 0);
        assert_refused(f, read_all(f, LIST("--port=tcp://10.96.0.7:4001"), NULL, NULL),
                       "--port: expected a port from 1 to 65535, got \"tcp://10.96.0.7:4001\"");
}

static void flags_are_accepted_in_each_form(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f,
                                  LIST("--check", "--workers", "1", "--workers=2", "--redis-sentinel-nodes", "a:1, b:2",
                                       "--redis-sentinel-nodes=c:3", "--debug-crash", "yes", "--access-log=ON"),
                                  LIST("COLLECTOR_REDIS_SENTINEL_NODES=z"), NULL),
                         0);
        assert_true(f->s.check && f->s.debug_crash);
        assert_int_equal(f->s.workers, 2);
        assert_int_equal(f->s.nodes.count, 3);
        assert_string_equal(f->s.nodes.items[1], "b:2");
        assert_string_equal(f->s.nodes.items[2], "c:3");
        assert_int_equal(f->s.access_log, ACCESS_ON);
}

static void invalid_flags_are_named(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *first, *second, *expected;
        } cases[] = {
                { "--port", NULL, "--port: missing value" },
                { "--port", "--check", "--port: missing value" },
                { "--port", "0", "--port: expected a port from 1 to 65535, got \"0\"" },
                { "--hold-tme=1s", NULL, "--hold-tme: unknown option; did you mean --hold-time?" },
                { "--hold_time", "1s", "--hold_time: unknown option; did you mean --hold-time?" },
                { "-port", "1", "-port: unknown option; did you mean --port?" },
                { "--hepl", NULL, "--hepl: unknown option; did you mean --help?" },
                { "--nothing-like-it=s3cret", NULL, "--nothing-like-it: unknown option" },
                { "request", NULL, "\"request\": unexpected argument; options start with --, see --help" },
                { "--", NULL, "--: unknown option" },
                { "--redis-password=x", NULL,
                  "--redis-password: others could read a secret on the command line; use "
                  "--redis-password-file "
                  "PATH" },
                { "--access-log=all", NULL, "--access-log: expected off, errors or on, got \"all\"" },
                { "--ack=tape", NULL, "--ack: expected memory or replica[:N]" },
                { "--workers=65", NULL, "--workers: expected a whole number from 0 to 64, got \"65\"" },
                { "--body-max=0", NULL,
                  "--body-max: expected a size such as 65536, 64KiB or 1MiB of at least 1, got \"0\"" },
                { "--check=maybe", NULL, "--check: expected true or false, got \"maybe\"" },
                { "--listen=4001", NULL,
                  "--listen: expected HOST:PORT such as 127.0.0.1:4001, [::1]:4001 or :4001, got \"4001\"" },
                { "--redis-sentinel-nodes=a,,b", NULL, "--redis-sentinel-nodes: an empty entry in the list" },
                { "--version=1", NULL, "--version: takes no value" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_refused(f, read_all(f, LIST(cases[i].first, cases[i].second), NULL, NULL), cases[i].expected);
        assert_refused(f, read_all(f, NULL, LIST("COLLECTOR_PORT=high"), NULL),
                       "COLLECTOR_PORT: expected a port from 1 to 65535, got \"high\"");
}

static void the_environment_may_name_the_file(void **state)
{
        struct fixture *f = *state;
        char variable[96];
        put_file(f->yaml, "port: 77\n");
        (void)snprintf(variable, sizeof(variable), "COLLECTOR_CONFIG=%s", f->yaml);
        assert_int_equal(read_all(f, NULL, LIST(variable), NULL), 0);
        assert_int_equal(f->s.port, 77);
}

static void secrets_come_from_the_environment_or_a_file(void **state)
{
        struct fixture *f = *state;
        char yaml[160];
        char variable[120];
        assert_int_equal(read_all(f, NULL, LIST("REDIS_PASSWORD=hunter2"), NULL), 0);
        assert_string_equal(f->s.redis_password.bytes, "hunter2");
        put_file(f->other, "hunter3\r\n");
        (void)snprintf(variable, sizeof(variable), "COLLECTOR_REDIS_PASSWORD_FILE=%s", f->other);
        assert_int_equal(read_all(f, NULL, LIST("REDIS_PASSWORD=hunter2", variable), NULL), 0);
        assert_string_equal(f->s.redis_password.bytes, "hunter3");
        assert_int_equal(read_all(f, LIST("--redis-password-file", f->other), NULL, NULL), 0);
        assert_int_equal(f->s.redis_password.length, 7);
        (void)snprintf(yaml, sizeof(yaml), "redis: {password: {file: %s}}\n", f->other);
        assert_int_equal(read_all(f, NULL, NULL, yaml), 0);
        assert_int_equal(f->s.redis_password.length, 7);
        put_file(f->other, "\n");
        assert_int_equal(read_all(f, NULL, NULL, yaml), ERR_INVALID);
        assert_non_null(strstr(f->err.text, "is empty"));
}

static void a_password_on_the_command_line_causes_a_warning(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--redis-url=redis://u:hunter2@h"), NULL, NULL), 0);
        assert_int_equal(config_warning_count(f->report), 1);
        assert_string_equal(config_warning(f->report, 0),
                            "--redis-url: others can read a password on the command line");
        assert_string_equal(f->s.redis_url.bytes, "redis://u:hunter2@h");
}

static void rereading_sees_the_new_file_and_a_broken_file_changes_nothing(void **state)
{
        struct fixture *f = *state;
        struct settings second = { 0 };
        char *const argv[] = { (char *)(uintptr_t) "collector", (char *)(uintptr_t) "--config", f->yaml, NULL };
        const struct config_source source = { 3, argv, NULL };
        assert_int_equal(read_all(f, NULL, NULL, "port: 1\nredis-host: a\n"), 0);
        put_file(f->yaml, "port: 2\nredis-host: b\n");
        assert_int_equal(config_read(&program, &source, &second, NULL, &f->err), 0);
        assert_int_equal(second.port, 2);
        assert_string_equal(f->s.redis_host, "a");
        config_free(&program, &second);
        put_file(f->yaml, "port: 3\nredis-host: [\n");
        assert_int_equal(config_read(&program, &source, &second, NULL, &f->err), ERR_INVALID);
        assert_zero(&second);
        assert_int_equal(f->s.port, 1);
}

static void a_mistake_in_the_table_is_reported(void **state UNUSED)
{
        static const struct config_option wrong[] = {
                { "port", CONFIG_PORT_AT(struct settings, port), .fallback = "none" },
        };
        struct config_program copy = program;
        struct settings s = { 0 };
        struct err err;
        copy.options = wrong;
        copy.option_count = 1;
        assert_int_equal(config_read(&copy, &(struct config_source){ 0 }, &s, NULL, &err), ERR_INVALID);
        assert_string_equal(err.text,
                            "the program's table: default: port: expected a port from 1 to 65535, got \"none\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(defaults_pass_through_the_parsers),
                TEST(a_flag_overrides_the_environment_the_file_and_the_default),
                TEST(the_additional_names_of_a_variable_have_lower_precedence),
                TEST(a_service_link_is_skipped_with_a_warning),
                TEST(flags_are_accepted_in_each_form),
                TEST(invalid_flags_are_named),
                TEST(the_environment_may_name_the_file),
                TEST(secrets_come_from_the_environment_or_a_file),
                TEST(a_password_on_the_command_line_causes_a_warning),
                TEST(rereading_sees_the_new_file_and_a_broken_file_changes_nothing),
                TEST(a_mistake_in_the_table_is_reported),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
