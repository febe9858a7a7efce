/* Tests of redis_uri.c: both forms, lenient parsing of charts' URIs, and no secrets in errors. */
#include "backing/test_support.h"

#include "backing/redis_names.h"
#include "backing/redis_uri.h"

struct expected {
        const char *text;
        const char *host, *port, *user, *password, *database, *socket, *tls;
};

static const char *value(const struct draft *parts, unsigned field)
{
        return draft_has(parts, field) ? parts->raw[field].value.bytes : NULL;
}

static void assert_same(const char *input, const char *got, const char *expected)
{
        if (expected ? !got || strcmp(got, expected) != 0 : got != NULL)
                fail_msg("%s: got %s, expected %s", input, got ? got : "(nothing)", expected ? expected : "(nothing)");
}

static void check(const struct expected *e)
{
        struct draft parts = { 0 };
        struct notes notes = { 0 };
        struct err err = { 0 };
        if (redis_uri_parse(e->text, strlen(e->text), "P", &parts, &notes, &err) < 0)
                fail_msg("%s: %s", e->text, err.text);
        assert_same(e->text, value(&parts, FIELD_HOST), e->host);
        assert_same(e->text, value(&parts, FIELD_PORT), e->port);
        assert_same(e->text, value(&parts, FIELD_USERNAME), e->user);
        assert_same(e->text, value(&parts, FIELD_PASSWORD), e->password);
        assert_same(e->text, value(&parts, FIELD_DATABASE), e->database);
        assert_same(e->text, value(&parts, FIELD_SOCKET), e->socket);
        assert_same(e->text, value(&parts, FIELD_TLS), e->tls);
        draft_fini(&parts);
        notes_fini(&notes);
}

static void uris_are_split_into_their_parts(void **state UNUSED)
{
        static const struct expected table[] = {
                { "redis://h", .host = "h" },
                { "redis://h:1", .host = "h", .port = "1" },
                { "redis://h:1/", .host = "h", .port = "1" },
                { "redis://h/3", .host = "h", .database = "3" },
                { "redis://h:1/3/", .host = "h", .port = "1", .database = "3" },
                { "REDIS://h\r\n", .host = "h" },
                { "valkey://h", .host = "h" },
                { "tcp://10.0.0.9:6379", .host = "10.0.0.9", .port = "6379" },
                { "rediss://h", .host = "h", .tls = "true" },
                { "valkeys://h", .host = "h", .tls = "true" },
                { "rediss://h?ssl=false", .host = "h", .tls = "true" },
                { "redis://h?ssl=true", .host = "h", .tls = "true" },
                { "redis://h/1?db=2", .host = "h", .database = "2" },
                { "redis://u:p@h:1/3", "h", "1", "u", "p", "3", NULL, NULL },
                { "redis://:p@h", .host = "h", .password = "p" },
                { "redis://p@h", .host = "h", .password = "p" },
                { "redis://u:@h", .host = "h", .user = "u" },
                { "redis://@h", .host = "h" },
                { "redis://:a:b@h", .host = "h", .password = "a:b" },
                { "redis://:p@:/#?x@h:1/2", .host = "h", .port = "1", .password = "p@:/#?x", .database = "2" },
                { "redis://:p%40%3a%2F%23@h", .host = "h", .password = "p@:/#" },
                { "redis://:100%@h", .host = "h", .password = "100%" },
                { "redis://:%zz%4@h", .host = "h", .password = "%zz%4" },
                { "redis://[::1]:7", .host = "[::1]", .port = "7" },
                { "redis://[fe80::1%25eth0]", .host = "[fe80::1%eth0]" },
                { "redis://::1", .host = "::1" },
                { "redis://", .host = NULL },
                { "redis:///2", .database = "2" },
                { "redis://:7", .port = "7" },
                { "unix:///run/r.sock", .socket = "/run/r.sock" },
                { "unix:///run/a@b.sock?db=4", .socket = "/run/a@b.sock", .database = "4" },
                { "unix://u:p@/run/r%20s", .socket = "/run/r s", .user = "u", .password = "p" },
                { "redis://h#frag", .host = "h" },
                { "redis://h/1#frag", .host = "h", .database = "1" },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++)
                check(&table[i]);
}

static void connection_strings_are_split_into_their_parts(void **state UNUSED)
{
        static const struct expected table[] = {
                { "h", .host = "h" },
                { "h:6380", .host = "h", .port = "6380" },
                { "h:6380,password=a=b==,ssl=True,defaultDatabase=2", "h", "6380", NULL, "a=b==", "2", NULL, "true" },
                { " h:1 , password = p , SSL = false ,", .host = "h", .port = "1", .password = "p", .tls = "false" },
                { "h,user=u,password=redis://x@y", .host = "h", .user = "u", .password = "redis://x@y" },
                { "password=p,h", .host = "h", .password = "p" },
                { "h,password=100%25", .host = "h", .password = "100%25" },
                { "h,h2,abortConnect=False", .host = "h" },
                { "[::1]:7,ssl=1", .host = "[::1]", .port = "7", .tls = "true" },
        };
        for (size_t i = 0; i < COUNT_OF(table); i++)
                check(&table[i]);
}

static void invalid_values_are_rejected_without_showing_them(void **state UNUSED)
{
        static const char *const table[] = {
                "",
                "http://" MARK "@h",
                "redis-sentinel://:" MARK "@h",
                MARK "://h",
                "unix://" MARK,
                "unix://" MARK ":" MARK "@relative",
                "redis://:" MARK "%00@h",
                "redis://h?ssl=" MARK,
                "password=" MARK,
                "h,ssl=" MARK,
        };
        for (size_t i = 0; i < COUNT_OF(table); i++) {
                struct draft parts = { 0 };
                struct notes notes = { 0 };
                struct err err = { 0 };
                if (redis_uri_parse(table[i], strlen(table[i]), "REDIS_URL", &parts, &notes, &err) != ERR_INVALID)
                        fail_msg("accepted: %s", table[i]);
                assert_null(strstr(err.text, MARK));
                assert_ptr_equal(strstr(err.text, "REDIS_URL"), err.text);
                draft_fini(&parts);
                notes_fini(&notes);
        }
}

static void unknown_parameters_are_ignored_with_a_warning_that_names_them(void **state UNUSED)
{
        static const char text[] = "redis://h/0?ssl_cert_reqs=" MARK "&" MARK "%20=1&" MARK "&pass=" MARK;
        struct draft parts = { 0 };
        struct notes notes = { 0 };
        assert_int_equal(redis_uri_parse(text, strlen(text), "P", &parts, &notes, NULL), 0);
        assert_int_equal(notes.report.warning_count, 4);
        assert_string_equal(notes.warnings[0], "P: the parameter ssl_cert_reqs is ignored");
        for (size_t i = 0; i < notes.report.warning_count; i++)
                assert_null(strstr(notes.warnings[i], MARK));
        draft_fini(&parts);
        notes_fini(&notes);
}

static void a_uri_over_the_limit_is_rejected(void **state UNUSED)
{
        size_t length = URI_MAX_BYTES + 1;
        char *text = malloc(length + 1);
        assert_non_null(text);
        memset(text, 'a', length);
        text[length] = '\0';
        struct draft parts = { 0 };
        struct notes notes = { 0 };
        assert_int_equal(redis_uri_parse(text, length, "P", &parts, &notes, NULL), ERR_LIMIT);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(uris_are_split_into_their_parts),
                cmocka_unit_test(connection_strings_are_split_into_their_parts),
                cmocka_unit_test(invalid_values_are_rejected_without_showing_them),
                cmocka_unit_test(unknown_parameters_are_ignored_with_a_warning_that_names_them),
                cmocka_unit_test(a_uri_over_the_limit_is_rejected),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
