/* redact: which names and values must be hidden, and which may be shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/redact.h"

static void check(bool (*judge)(const char *), const char *const *texts, size_t count, bool expected)
{
        for (size_t i = 0; i < count; i++) {
                if (judge(texts[i]) != expected)
                        fail_msg("\"%s\" is %sredacted", texts[i], expected ? "not " : "");
        }
}

static void names_of_secrets_are_recognised_in_any_case(void **state UNUSED)
{
        static const char *const names[] = { "DB_PASSWORD",   "MYSQL_PWD",   "apiKey",       "ACCESS_TOKEN",
                                             "client.secret", "PASSPHRASE",  "GITHUB_PAT",   "DATABASE_DSN",
                                             "aws_session",   "PRIVATE_PEM", "REDISCLI_AUTH" };
        check(redact_name, names, COUNT_OF(names), true);
}

static void plain_names_are_not_redacted(void **state UNUSED)
{
        static const char *const names[] = { "PATH",     "HOME",  "PWD",
                                             "OLDPWD",   "LANG",  "PINGER_PORT",
                                             "HOSTNAME", "SHLVL", "KUBERNETES_SERVICE_HOST",
                                             "SPIN",     "TERM" };
        check(redact_name, names, COUNT_OF(names), false);
}

static void values_that_look_secret_are_recognised(void **state UNUSED)
{
        static const char *const values[] = {
                "redis://:hunter2@db:6379/0",
                "postgres://bob@db/x",
                "see amqp://a:b@c for more",
                "redis://user:a/b@host",
                "host=db password=hunter2",
                "Server=db;Pwd=x;",
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
                "Bearer abc",
                "basic dXNlcjpwYXNz",
                "ghp_0123456789abcdefghij",
                "x AKIAIOSFODNN7EXAMPLE",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
                "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                "{\"auths\":{\"r\":{\"auth\":\"eA==\"}}}",
        };
        check(redact_value, values, COUNT_OF(values), true);
}

static void plain_values_are_not_redacted(void **state UNUSED)
{
        static const char *const values[] = {
                "",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin",
                "en_US.UTF-8",
                "http://collector.default.svc:4001/base",
                "tcp://10.96.0.7:4001",
                "pinger-7d9c5b7f4-x2x9z",
                "true",
                "3000",
                "1.2.3",
                "xterm-256color",
                "a sentence with several words and 12 numbers",
                "/var/lib/docker/overlay2/merged",
                "10.0.0.1",
        };
        check(redact_value, values, COUNT_OF(values), false);
}

static bool is_redacted_field(const char *name)
{
        struct buf shown;
        buf_init(&shown, 0);
        assert_int_equal(redact_field(&shown, name, "plain"), 0);
        bool is_redacted = strcmp(shown.data, REDACTED) == 0;
        buf_fini(&shown);
        return is_redacted;
}

static void headers_with_secrets_are_recognised_and_others_stay(void **state UNUSED)
{
        static const char *const secret[] = { "Authorization",  "proxy-authorization", "Cookie",
                                              "set-cookie",     "X-Api-Key",           "x-auth-user",
                                              "X-Access-Token", "x-amz-security-token" };
        static const char *const plain[] = {
                "host",         "user-agent",       "accept", "idempotency-key", "x-correlation-id", "x-forwarded-for",
                "content-type", "sec-websocket-key"
        };
        check(is_redacted_field, secret, COUNT_OF(secret), true);
        check(is_redacted_field, plain, COUNT_OF(plain), false);
}

static void looking_for_known_forms_ignores_random_characters(void **state UNUSED)
{
        assert_false(redact_known_form("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
        assert_true(redact_known_form("Bearer x"));
}

static void a_target_keeps_everything_but_secret_parameters(void **state UNUSED)
{
        static const struct {
                const char *target, *expected;
        } cases[] = {
                { "/", "/" },
                { "/a?type=envVars", "/a?type=envVars" },
                { "/?password=x&b=2", "/?password=" REDACTED "&b=2" },
                { "/?b=2&access_token=x", "/?b=2&access_token=" REDACTED },
                { "/?pass%77ord=x", "/?pass%77ord=" REDACTED },
                { "/?token", "/?token" },
                { "/?token=&x", "/?token=" REDACTED "&x" },
                { "/?", "/?" },
                { "/?&&=&", "/?&&=&" },
                { "", "" },
                { "/v1/documents/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                  "/v1/documents/6ba7b810-9dad-11d1-80b4-00c04fd430c8" },
                { "/v1/documents?limit=10&since=2026-01-01T00:00:00Z",
                  "/v1/documents?limit=10&since=2026-01-01T00:00:00Z" },
                { "/?access%5Ftoken=x&a=b", "/?access%5Ftoken=" REDACTED "&a=b" },
                { "/?access%255Ftoken=x", "/?access%255Ftoken=" REDACTED },
                { "/?a=1;token=x", "/?a=1;token=" REDACTED },
                { "/?token=a;b?c#d/e&f=1", "/?token=" REDACTED "&f=1" },
                { "/a;jsessionid=x/b?c=d", "/a;jsessionid=" REDACTED "/b?c=d" },
                { "/a#access_token=x", "/a#access_token=" REDACTED },
                { "/?a=1?token=x", "/?a=1?token=" REDACTED },
                { "http://u:p@h/a?b=1", "http://" REDACTED "/a?b=1" },
                { "http://secret@h/a", "http://" REDACTED "/a" },
                { "/u:p@h/a", "/" REDACTED "/a" },
                { "/?next=http://u:p@h/&b=1", "/?next=" REDACTED "&b=1" },
                { "/?next=http%3A%2F%2Fu%3Ap%40h%2F", "/?next=" REDACTED },
                { "/?next=%2Fcb%3Faccess_token%3Dx", "/?next=" REDACTED },
                { "/?next=%252Fcb%253Faccess_token%253Dx", "/?next=" REDACTED },
                { "/?a=Bearer%20x", "/?a=" REDACTED },
                { "/reset/eyJhbGciOiJub25lIn0.e30./x", "/reset/" REDACTED "/x" },
                { "/v1/ghp_0123456789abcdef", "/v1/" REDACTED },
                { "/?x=ghp%5F0123456789abcdef", "/?x=" REDACTED },
                { "/?a=%&b=%4&c=%zz&d=%00", "/?a=%&b=%4&c=%zz&d=%00" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                buf_init(&out, 0);
                assert_int_equal(redact_target(&out, cases[i].target), 0);
                assert_string_equal(out.data ? out.data : "", cases[i].expected);
                buf_clear(&out, 0);
                assert_string_equal(redact_shown_target(&out, cases[i].target), cases[i].expected);
                buf_fini(&out);
        }
}

static void a_field_is_hidden_because_of_its_name_its_form_or_a_url(void **state UNUSED)
{
        static const struct {
                const char *name, *value, *expected;
        } cases[] = {
                { "Authorization", "x", REDACTED },
                { "x-note", "Bearer x", REDACTED },
                { "x-note", "a?token", "a?token" },
                { "Referer", "https://h/a?code=x&b=1", "https://h/a?code=" REDACTED "&b=1" },
                { "x-original-url", "/?session=x", "/?session=" REDACTED },
                { "user-agent", "curl/8.0 (x; y)", "curl/8.0 (x; y)" },
                { "x-empty", "", "" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                buf_init(&out, 0);
                assert_int_equal(redact_field(&out, cases[i].name, cases[i].value), 0);
                assert_string_equal(out.data ? out.data : "", cases[i].expected);
                buf_fini(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_of_secrets_are_recognised_in_any_case),
                cmocka_unit_test(plain_names_are_not_redacted),
                cmocka_unit_test(values_that_look_secret_are_recognised),
                cmocka_unit_test(plain_values_are_not_redacted),
                cmocka_unit_test(headers_with_secrets_are_recognised_and_others_stay),
                cmocka_unit_test(looking_for_known_forms_ignores_random_characters),
                cmocka_unit_test(a_target_keeps_everything_but_secret_parameters),
                cmocka_unit_test(a_field_is_hidden_because_of_its_name_its_form_or_a_url),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
