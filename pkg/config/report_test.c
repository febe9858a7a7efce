/* report, help: what --check, --help and --version print. */
#include "config/program_test.h"

/* The output of a function that prints to a stream; the caller frees it. */
static char *printed(const struct fixture *f)
{
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        assert_non_null(out);
        assert_int_equal(f ? config_print(&program, &f->s, f->report, out) : config_help(&program, out), 0);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void check_prints_a_url_without_a_possible_password(void **state UNUSED)
{
        bool is_path;
        static const struct {
                const char *url, *shown;
        } cases[] = {
                { "redis://h", "redis://h" },
                { "redis://h:6379/2", "redis://h:6379/2" },
                { "redis://[::1]:6379/2", "redis://[::1]:6379/2" },
                { "redis://[::1]", "redis://[::1]" },
                { "unix:///run/redis.sock", "unix:///run/redis.sock" },
                { "redis://u:hunter2@h:1", "redis://***@h:1" },
                { "redis://u:hunt@er2@h:1", "redis://***@h:1" },
                { "redis://u:hunt/er2@h:1", "redis://***@h:1" },
                { "redis://h:1/0?password=hunter2", "redis://h:1/0?***" },
                { "redis://h:1/0?password=hunt@er2", "redis://***" },
                { "redis://u:hunt?er2@h:1", "redis://***" },
                { "redis://u:hunt#er2@h:1", "redis://***" },
                { "redis://:hunter2", "redis://***" },
                { "redis://:12345", "redis://***" },
                { "redis://u:hunter2", "redis://***" },
                { "redis://u:hunter2/1", "redis://***" },
                { "redis://u:123456", "redis://***" },
                { "redis://[hunter2", "redis://***" },
                { "redis://[hunter/2]:1", "redis://***" },
                { "redis://[::1]:hunter2", "redis://***" },
                { "u:hunter2@h", "(set)" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                struct settings shown = { .redis_url = { (char *)cases[i].url, strlen(cases[i].url) } };
                buf_init(&out, 0);
                assert_int_equal(config_value_format(config_find(&program, "redis-url", &is_path), &shown, &out), 0);
                assert_string_equal(out.data, cases[i].shown);
                buf_fini(&out);
        }
}

static void check_prints_values_and_origins_without_secrets(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--hold-time", "90s"),
                                  LIST("REDIS_PASSWORD=hunter2",
                                       "COLLECTOR_REDIS_URL=rediss://u:hunter2@h:1/0?password=hunter2"),
                                  "redis: {host: \"a\\nb\", sentinel-nodes: [x, y]}\nlisten: '[::1]:5'\n"),
                         0);
        char *text = printed(f);
        assert_null(strstr(text, "hunter2"));
        assert_null(strstr(text, "[default]"));
        assert_non_null(strstr(text, " other settings have their defaults, see --help\n"));
        assert_non_null(strstr(text, "hold-time             90s  [--hold-time]\n"));
        assert_non_null(strstr(text, "redis-password        (set)  [REDIS_PASSWORD]\n"));
        assert_non_null(strstr(text, "redis-url             rediss://***@h:1/0?***  [COLLECTOR_REDIS_URL]\n"));
        assert_non_null(strstr(text, "redis-host            a?b  ["));
        assert_non_null(strstr(text, "redis-sentinel-nodes  x,y  ["));
        assert_non_null(strstr(text, "listen                [::1]:5  ["));
        free(text);
}

static void help_and_version_are_recognised(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(read_all(f, LIST("--port", "1", "--help"), NULL, NULL), CONFIG_HELP);
        assert_int_equal(read_all(f, LIST("-h"), LIST("COLLECTOR_PORT=wrong"), NULL), CONFIG_HELP);
        assert_int_equal(read_all(f, LIST("--version"), NULL, NULL), CONFIG_VERSION);
        assert_zero(&f->s);
        assert_null(f->report);
}

static void help_mentions_every_option_its_variable_and_its_default(void **state UNUSED)
{
        char *text = printed(NULL);
        char wanted[NAME_SIZE + 16];
        char variable[NAME_SIZE];
        for (size_t i = 0; i < COUNT_OF(options); i++) {
                const struct config_option *option = &options[i];
                bool is_hidden = (option->flags & CONFIG_HIDDEN) != 0;
                const char *fallback = option->fallback_note ? option->fallback_note : option->fallback;
                (void)snprintf(wanted, sizeof(wanted), "  --%s", option->name);
                const char *at = strstr(text, wanted);
                assert_int_equal(at == NULL, is_hidden);
                if (is_hidden)
                        continue;
                (void)snprintf(wanted, sizeof(wanted), "Default: %s", fallback ? fallback : "");
                assert_non_null(strstr(at, wanted));
                config_variable(&program, option->name, variable);
                (void)snprintf(wanted, sizeof(wanted), "Variable: %s", variable);
                assert_int_equal(strstr(at, wanted) == NULL, (option->flags & CONFIG_NOT_IN_ENVIRONMENT) != 0);
                (void)snprintf(wanted, sizeof(wanted), "File: %s", option->name);
                assert_int_equal(strstr(at, wanted) == NULL, (option->flags & CONFIG_NOT_IN_FILE) != 0);
        }
        assert_non_null(strstr(text, "From 1s to 1h."));
        assert_non_null(strstr(text, "\nExamples:\n  collector --port 4001\n"));
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
                assert_true(strcspn(line, "\n") <= 100);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(check_prints_a_url_without_a_possible_password),
                TEST(check_prints_values_and_origins_without_secrets),
                TEST(help_and_version_are_recognised),
                TEST(help_mentions_every_option_its_variable_and_its_default),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
