/* record: the exact text of both kinds of records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/redact.h"
#include "record.h"

static const struct record_source source = { .hostname = "pod-1", .pid = 7 };

static void expect_request(const struct record_request *request, const char *expected)
{
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(record_request(&source, 1764000000123, request, &out), 0);
        assert_string_equal(out.data, expected);
        buf_fini(&out);
}

static void a_request_has_the_members_of_the_contract(void **state UNUSED)
{
        const struct http_header headers[] = { { "Host", "h:3000" }, { "User-Agent", "curl/8" } };
        expect_request(
                &(struct record_request){ "GET", "/a?b=1", headers, COUNT_OF(headers), "127.0.0.1", 50312 },
                "{\"level\":30,\"time\":1764000000123,\"pid\":7,\"hostname\":\"pod-1\",\"req\":{\"method\":\"GET\","
                "\"url\":\"/a?b=1\",\"headers\":{\"host\":\"h:3000\",\"user-agent\":\"curl/8\"},"
                "\"remoteAddress\":\"127.0.0.1\",\"remotePort\":50312}}");
}

static void a_response_has_a_status_and_headers_instead(void **state UNUSED)
{
        const struct http_header headers[] = { { "Content-Type", "application/json" } };
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(record_response(&source, 5, 503, headers, 1, &out), 0);
        assert_string_equal(out.data,
                            "{\"level\":30,\"time\":5,\"pid\":7,\"hostname\":\"pod-1\","
                            "\"res\":{\"statusCode\":503,\"headers\":{\"content-type\":\"application/json\"}}}");
        buf_fini(&out);
}

static void secrets_are_kept_out_of_a_record(void **state UNUSED)
{
        const struct http_header headers[] = { { "Authorization", "Bearer x" },
                                               { "cookie", "a=b" },
                                               { "referer", "http://u:p@h/" } };
        expect_request(
                &(struct record_request){ "GET", "/?token=x", headers, COUNT_OF(headers), "::1", 1 },
                "{\"level\":30,\"time\":1764000000123,\"pid\":7,\"hostname\":\"pod-1\",\"req\":{\"method\":\"GET\","
                "\"url\":\"/?token=" REDACTED "\",\"headers\":{\"authorization\":\"" REDACTED
                "\",\"cookie\":\"" REDACTED "\",\"referer\":\"http://" REDACTED "/\"},"
                "\"remoteAddress\":\"::1\",\"remotePort\":1}}");
}

static void fields_of_one_name_are_joined_and_odd_bytes_are_escaped(void **state UNUSED)
{
        const struct http_header headers[] = { { "X-A", "1" }, { "x-b", "\"\xff\"" }, { "x-a", "2" } };
        expect_request(
                &(struct record_request){ "GET", "/\\", headers, COUNT_OF(headers), "::1", 1 },
                "{\"level\":30,\"time\":1764000000123,\"pid\":7,\"hostname\":\"pod-1\",\"req\":{\"method\":\"GET\","
                "\"url\":\"/\\\\\",\"headers\":{\"x-a\":\"1, 2\",\"x-b\":\"\\\"\xef\xbf\xbd\\\"\"},"
                "\"remoteAddress\":\"::1\",\"remotePort\":1}}");
}

static void a_record_over_its_limit_is_rejected(void **state UNUSED)
{
        struct buf out;
        buf_init(&out, 80);
        const struct http_header headers[] = { { "x-long", "0123456789012345678901234567890123456789" } };
        assert_int_equal(record_response(&source, 5, 200, headers, 1, &out), ERR_LIMIT);
        buf_fini(&out);
}

static void the_source_names_host_and_process(void **state UNUSED)
{
        struct record_source own;
        record_source_init(&own);
        assert_int_equal(own.pid, getpid());
        assert_true(own.hostname[0] != '\0');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_has_the_members_of_the_contract),
                cmocka_unit_test(a_response_has_a_status_and_headers_instead),
                cmocka_unit_test(secrets_are_kept_out_of_a_record),
                cmocka_unit_test(fields_of_one_name_are_joined_and_odd_bytes_are_escaped),
                cmocka_unit_test(a_record_over_its_limit_is_rejected),
                cmocka_unit_test(the_source_names_host_and_process),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
