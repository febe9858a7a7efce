/* Tables of strings for each public parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/quote.h"

struct case_of_number {
        const char *text;
        bool is_good;
        int64_t number;
};

static void run_numbers(const struct case_of_number *cases, size_t count,
                        bool (*parse)(const char *, size_t, int64_t *))
{
        for (size_t i = 0; i < count; i++) {
                int64_t number = -77;
                bool is_good = parse(cases[i].text, strlen(cases[i].text), &number);
                if (is_good != cases[i].is_good || number != (is_good ? cases[i].number : -77))
                        fail_msg("\"%s\": %d, %lld", cases[i].text, is_good, (long long)number);
        }
}

static void durations_have_a_unit_and_may_be_sums(void **state UNUSED)
{
        static const struct case_of_number cases[] = {
                { "0", true, 0 },
                { "0s", true, 0 },
                { "150ms", true, 150 },
                { "30s", true, 30000 },
                { "5m", true, 300000 },
                { "1h", true, 3600000 },
                { "7d", true, 604800000 },
                { "1m30s", true, 90000 },
                { "1d2h3m4s5ms", true, 93784005 },
                { "106751991167d", true, 9223372036828800000 },
                { "106751991168d", false, 0 },
                { "9223372036854775807ms1ms", false, 0 },
                { "99999999999999999999s", false, 0 },
                { "", false, 0 },
                { "5", false, 0 },
                { "00", false, 0 },
                { "s", false, 0 },
                { "soon", false, 0 },
                { "-1s", false, 0 },
                { "1.5s", false, 0 },
                { "30 s", false, 0 },
                { "30S", false, 0 },
                { "30s1m", false, 0 },
                { "1s1s", false, 0 },
                { "30s ", false, 0 },
                { "1s5", false, 0 },
        };
        run_numbers(cases, COUNT_OF(cases), config_parse_duration);
}

static void sizes_are_bytes_or_binary_multiples(void **state UNUSED)
{
        static const struct case_of_number cases[] = {
                { "0", true, 0 },
                { "65536", true, 65536 },
                { "5B", true, 5 },
                { "64KiB", true, 65536 },
                { "64Ki", true, 65536 },
                { "1MiB", true, 1 << 20 },
                { "1Mi", true, 1 << 20 },
                { "2GiB", true, INT64_C(2) << 30 },
                { "2Gi", true, INT64_C(2) << 30 },
                { "9223372036854775807", true, INT64_MAX },
                { "9223372036854775808", false, 0 },
                { "9223372036854775807Ki", false, 0 },
                { "", false, 0 },
                { "KiB", false, 0 },
                { "1MB", false, 0 },
                { "1kib", false, 0 },
                { "-1", false, 0 },
                { "1 MiB", false, 0 },
                { "1.5MiB", false, 0 },
        };
        run_numbers(cases, COUNT_OF(cases), config_parse_bytes);
}

static void whole_numbers_are_decimal(void **state UNUSED)
{
        static const struct case_of_number cases[] = {
                { "0", true, 0 },     { "42", true, 42 },  { "-7", true, -7 },
                { "+7", true, 7 },    { "007", true, 7 },  { "9223372036854775807", true, INT64_MAX },
                { "", false, 0 },     { "-", false, 0 },   { "9223372036854775808", false, 0 },
                { "0x10", false, 0 }, { "1e3", false, 0 }, { " 1", false, 0 },
                { "1 ", false, 0 },   { "1.0", false, 0 }, { "--1", false, 0 },
        };
        run_numbers(cases, COUNT_OF(cases), config_parse_int);
}

static void bools_are_words_in_any_letter_case(void **state UNUSED)
{
        static const char *const yes[] = { "true", "TRUE", "Yes", "on", "1" };
        static const char *const no[] = { "false", "No", "OFF", "0" };
        static const char *const neither[] = { "", "tru", "truee", "2", "enabled" };
        for (size_t i = 0; i < COUNT_OF(yes); i++) {
                bool value = false;
                assert_true(config_parse_bool(yes[i], strlen(yes[i]), &value) && value);
        }
        for (size_t i = 0; i < COUNT_OF(no); i++) {
                bool value = true;
                assert_true(config_parse_bool(no[i], strlen(no[i]), &value) && !value);
        }
        for (size_t i = 0; i < COUNT_OF(neither); i++) {
                bool value;
                assert_false(config_parse_bool(neither[i], strlen(neither[i]), &value));
        }
}

static void addresses_are_host_and_port(void **state UNUSED)
{
        static const struct {
                const char *text, *host; /* host NULL: no address */
                uint16_t port;
        } cases[] = {
                { "localhost:6379", "localhost", 6379 },
                { "10.0.0.9:4001", "10.0.0.9", 4001 },
                { "[::1]:4001", "::1", 4001 },
                { "[fe80::1%eth0]:80", "fe80::1%eth0", 80 },
                { ":4001", "", 4001 },
                { "my_host-1.example.org.:65535", "my_host-1.example.org.", 65535 },
                { "h:0", "h", 0 },
                { "h:65536", NULL, 0 },
                { "h:", NULL, 0 },
                { "h", NULL, 0 },
                { "", NULL, 0 },
                { ":", NULL, 0 },
                { "4001", NULL, 0 },
                { "::1:4001", NULL, 0 },
                { "[::1]", NULL, 0 },
                { "[localhost]:80", NULL, 0 },
                { "[]:80", NULL, 0 },
                { "h:+80", NULL, 0 },
                { "h:80x", NULL, 0 },
                { "h h:80", NULL, 0 },
                { "tcp://10.96.0.7:4001", NULL, 0 },
                { "u@h:80", NULL, 0 },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct config_address address = { .port = 7 };
                bool is_good = config_parse_address(cases[i].text, strlen(cases[i].text), &address);
                if (is_good != (cases[i].host != NULL))
                        fail_msg("\"%s\": %d", cases[i].text, is_good);
                assert_string_equal(address.host, is_good ? cases[i].host : "");
                assert_int_equal(address.port, is_good ? cases[i].port : 7);
        }
}

static void a_host_of_256_bytes_or_with_a_nul_is_rejected(void **state UNUSED)
{
        char text[300];
        struct config_address address;
        memset(text, 'a', sizeof(text));
        memcpy(text + 256, ":80", 3);
        assert_false(config_parse_address(text, 259, &address));
        assert_true(config_parse_address(text + 1, 258, &address));
        assert_false(config_parse_address("a\0b:80", 6, &address));
}

static void a_quote_is_short_printable_and_hides_credentials(void **state UNUSED)
{
        char out[QUOTE_SIZE];
        char longest[200];
        memset(longest, 'x', sizeof(longest));
        assert_string_equal(config_quote("a\nb", 3, out), "\"a?b\"");
        assert_int_equal(strlen(config_quote(longest, sizeof(longest), out)), 61);
        assert_null(strstr(config_quote("redis://u:hunter2@h", 19, out), "hunter2"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(durations_have_a_unit_and_may_be_sums),
                cmocka_unit_test(sizes_are_bytes_or_binary_multiples),
                cmocka_unit_test(whole_numbers_are_decimal),
                cmocka_unit_test(bools_are_words_in_any_letter_case),
                cmocka_unit_test(addresses_are_host_and_port),
                cmocka_unit_test(a_host_of_256_bytes_or_with_a_nul_is_rejected),
                cmocka_unit_test(a_quote_is_short_printable_and_hides_credentials),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
