/* Tests of the source that provides the settings of a Redis: flags, file, binding, variables, default. */
#include "backing/test_redis.h"

#define FIXTURES "tests/support/bindings"

static void only_the_source_with_the_highest_precedence_is_used(void **state UNUSED)
{
        static const struct backing_value values[] = {
                { "host", BACKING_FROM_FLAG, "flag", 4, "--redis-host" },
                { "host", BACKING_FROM_FILE, "file", 4, "c.yaml:1" },
                { "password", BACKING_FROM_FILE, MARK, sizeof(MARK) - 1, "c.yaml:2" },
                { "key-prefix", BACKING_FROM_FILE, "k", 1, "c.yaml:3" },
                { "database", BACKING_FROM_DEFAULT, "5", 1, "default" },
        };
        char *environment[] = { "REDIS_HOST=env", "REDIS_PASSWORD=" MARK, NULL };
        struct backing_redis_input input = {
                .values = values, .value_count = COUNT_OF(values), .binding = "redis-ha", .environment = environment
        };
        struct world w;
        open_world(&w, FIXTURES, input);
        assert_string_equal(w.settings.host, "flag");
        assert_int_equal(w.settings.password.length, 0);
        assert_string_equal(w.settings.key_prefix, "k");
        assert_int_equal(w.settings.database, 0);
        assert_int_equal(w.notes.report.source, BACKING_FROM_FLAG);
        close_world(&w);

        input.values++;
        input.value_count--;
        open_world(&w, FIXTURES, input);
        assert_string_equal(w.settings.host, "file");
        assert_string_equal(w.settings.password.bytes, MARK);
        assert_int_equal(w.notes.report.source, BACKING_FROM_FILE);
        close_world(&w);

        input.value_count = 0;
        open_world(&w, FIXTURES, input);
        assert_string_equal(w.settings.host, "redis-ha-haproxy");
        assert_string_equal(w.notes.report.binding, "redis-ha");
        assert_string_equal(w.notes.report.type, "redis");
        assert_null(w.notes.report.provider);
        close_world(&w);

        input.binding = NULL;
        open_world(&w, NULL, input);
        assert_string_equal(w.settings.host, "env");
        assert_int_equal(w.notes.report.source, BACKING_FROM_ENVIRONMENT);
        close_world(&w);

        input.environment = NULL;
        open_world(&w, NULL, input);
        assert_string_equal(w.settings.host, "localhost");
        assert_int_equal(w.settings.port, 6379);
        assert_int_equal(w.notes.report.source, BACKING_FROM_DEFAULT);
        assert_string_equal(w.notes.settings[0].place, "default");
        close_world(&w);
}

static void an_option_without_an_address_is_rejected(void **state UNUSED)
{
        static const struct backing_value value = { "password", BACKING_FROM_FLAG, MARK, sizeof(MARK) - 1,
                                                    "--redis-password-file" };
        struct world w;
        open_world(&w, NULL, (struct backing_redis_input){ .values = &value, .value_count = 1 });
        assert_int_equal(w.rc, ERR_INVALID);
        assert_non_null(strstr(w.err.text, "--redis-password-file"));
        close_world(&w);
}

static void missing_and_ambiguous_bindings_are_reported(void **state UNUSED)
{
        struct world w;
        open_world(&w, FIXTURES, (struct backing_redis_input){ .binding = "absent" });
        assert_int_equal(w.rc, ERR_NOT_FOUND);
        close_world(&w);
        open_world(&w, NULL, (struct backing_redis_input){ .binding = "absent" });
        assert_int_equal(w.rc, ERR_NOT_FOUND);
        close_world(&w);
        open_world(&w, FIXTURES, (struct backing_redis_input){ 0 });
        assert_int_equal(w.rc, ERR_CONFLICT);
        close_world(&w);
        open_world(&w, FIXTURES, (struct backing_redis_input){ .provider = "Bitnami" });
        assert_int_equal(w.rc, 0);
        assert_string_equal(w.notes.report.binding, "bitnami-binding");
        assert_string_equal(w.notes.report.provider, "bitnami");
        close_world(&w);
}

static void only_one_family_of_variables_is_used(void **state UNUSED)
{
        static const struct {
                char *environment[6];
                const char *host;
                uint16_t port;
                const char *password;
                bool tls;
                size_t warnings;
                enum backing_source source;
                const char *place;
        } table[] = {
                { { "COLLECTOR_DELEGATE_HOSTNAME=c", "COLLECTOR_DELEGATE_PORT=1", "REDIS_HOST=r",
                    "REDIS_PASSWORD=" MARK },
                  .host = "c",
                  .port = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "COLLECTOR_DELEGATE_PORT=7" }, .host = "localhost", .port = 7, .source = BACKING_FROM_ENVIRONMENT },
                { { "COLLECTOR_DELEGATE_HOSTNAME=c", "COLLECTOR_DELEGATE_PORT=tcp://10.0.0.9:1" },
                  .host = "c",
                  .port = 6379,
                  .warnings = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "COLLECTOR_DELEGATE_HOSTNAME=", "REDIS_HOST=r", "REDIS_PORT=2" },
                  .host = "r",
                  .port = 2,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_PORT=tcp://10.0.0.9:6379", "REDIS_SERVICE_HOST=10.0.0.9" },
                  .host = "localhost",
                  .port = 6379,
                  .warnings = 1,
                  .source = BACKING_FROM_DEFAULT },
                { { "REDIS_URL=redis://:" MARK "@u:3", "REDIS_HOST=r", "REDIS_PORT=tcp://10.0.0.9:6379" },
                  .host = "r",
                  .port = 3,
                  .password = MARK,
                  .warnings = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_URL=redis://:" MARK "@u:3", "REDIS_TLS_URL=rediss://:" MARK "2@u:4" },
                  .host = "u",
                  .port = 4,
                  .password = MARK "2",
                  .tls = true,
                  .source = BACKING_FROM_ENVIRONMENT,
                  .place = "REDIS_TLS_URL" },
                { { "REDIS_PASSWORD=" MARK, "VALKEY_HOST=v" },
                  .host = "v",
                  .port = 6379,
                  .warnings = 1,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "VALKEY_URL=valkey://v:5", "VALKEY_TLS=true" },
                  .host = "v",
                  .port = 5,
                  .tls = true,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_HOST=r\n", "REDIS_PASSWORD=" MARK " \r\n" },
                  .host = "r",
                  .port = 6379,
                  .password = MARK " ",
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "REDIS_HOST=r", "REDIS_PASSWORD=\n" },
                  .host = "r",
                  .port = 6379,
                  .source = BACKING_FROM_ENVIRONMENT },
                { { "redis_host=r" }, .host = "localhost", .port = 6379, .source = BACKING_FROM_DEFAULT },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct world w;
                open_world(&w, NULL, (struct backing_redis_input){ .environment = table[i].environment });
                if (w.rc < 0)
                        fail_msg("row %zu: %s", i, w.err.text);
                assert_text("host", w.settings.host, table[i].host);
                assert_text("password", w.settings.password.bytes, table[i].password);
                assert_int_equal(w.settings.port, table[i].port);
                assert_int_equal(w.settings.tls, table[i].tls);
                assert_int_equal(w.notes.report.warning_count, table[i].warnings);
                assert_int_equal(w.notes.report.source, table[i].source);
                if (table[i].place)
                        assert_string_equal(w.notes.report.place, table[i].place);
                close_world(&w);
        }
}

static void the_programs_own_variable_has_the_highest_precedence(void **state UNUSED)
{
        static const struct backing_value value = { "url", BACKING_FROM_ENVIRONMENT, "redis://own", 11,
                                                    "COLLECTOR_REDIS_URL" };
        char *environment[] = { "COLLECTOR_DELEGATE_HOSTNAME=c", NULL };
        struct world w;
        open_world(&w, NULL,
                   (struct backing_redis_input){ .values = &value, .value_count = 1, .environment = environment });
        assert_string_equal(w.settings.host, "own");
        close_world(&w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_the_source_with_the_highest_precedence_is_used),
                cmocka_unit_test(an_option_without_an_address_is_rejected),
                cmocka_unit_test(missing_and_ambiguous_bindings_are_reported),
                cmocka_unit_test(only_one_family_of_variables_is_used),
                cmocka_unit_test(the_programs_own_variable_has_the_highest_precedence),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
