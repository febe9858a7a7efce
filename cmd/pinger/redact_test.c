/* redact: names and values that must not be shown, and those that may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "redact.h"

static void check(bool (*judge)(const char *), const char *const *texts, size_t count, bool expected)
{
        for (size_t i = 0; i < count; i++) {
                if (judge(texts[i]) != expected)
                        fail_msg("\"%s\" is %sredacted", texts[i], expected ? "not " : "");
        }
}

static void names_of_secrets_are_known_in_any_case(void **state UNUSED)
{
        static const char *const names[] = { "DB_PASSWORD",   "MYSQL_PWD",   "apiKey",       "ACCESS_TOKEN",
                                             "client.secret", "PASSPHRASE",  "GITHUB_PAT",   "DATABASE_DSN",
                                             "aws_session",   "PRIVATE_PEM", "REDISCLI_AUTH" };
        check(redact_name, names, COUNT_OF(names), true);
}

static void plain_names_are_left_alone(void **state UNUSED)
{
        static const char *const names[] = { "PATH",     "HOME",  "PWD",
                                             "OLDPWD",   "LANG",  "PINGER_PORT",
                                             "HOSTNAME", "SHLVL", "KUBERNETES_SERVICE_HOST",
                                             "SPIN",     "TERM" };
        check(redact_name, names, COUNT_OF(names), false);
}

static void values_that_look_secret_are_known(void **state UNUSED)
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

static void plain_values_are_left_alone(void **state UNUSED)
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

static void headers_that_carry_secrets_are_known_and_others_stay(void **state UNUSED)
{
        static const char *const secret[] = { "Authorization",  "proxy-authorization", "Cookie",
                                              "set-cookie",     "X-Api-Key",           "x-auth-user",
                                              "X-Access-Token", "x-amz-security-token" };
        static const char *const plain[] = {
                "host",         "user-agent",       "accept", "idempotency-key", "x-correlation-id", "x-forwarded-for",
                "content-type", "sec-websocket-key"
        };
        check(redact_header, secret, COUNT_OF(secret), true);
        check(redact_header, plain, COUNT_OF(plain), false);
}

static void a_known_form_does_not_guess_at_random_characters(void **state UNUSED)
{
        assert_false(redact_known_form("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
        assert_true(redact_known_form("Bearer x"));
}

static void a_target_keeps_all_but_secret_parameters(void **state UNUSED)
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
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct buf out;
                buf_init(&out, 0);
                assert_int_equal(redact_target(&out, cases[i].target), 0);
                assert_string_equal(out.data, cases[i].expected);
                buf_fini(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_of_secrets_are_known_in_any_case),
                cmocka_unit_test(plain_names_are_left_alone),
                cmocka_unit_test(values_that_look_secret_are_known),
                cmocka_unit_test(plain_values_are_left_alone),
                cmocka_unit_test(headers_that_carry_secrets_are_known_and_others_stay),
                cmocka_unit_test(a_known_form_does_not_guess_at_random_characters),
                cmocka_unit_test(a_target_keeps_all_but_secret_parameters),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
