/* report: the exact text of the classic response. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "report.h"

static char *const environment[] = { "A=1", NULL };
static const struct report_source plain = { .port = "3000", .api_version = "UNDEFINED", .environment = environment };
static const struct report_source admin = {
        .port = "3000", .is_admin = true, .api_version = "1.2", .environment = environment
};
static const struct http_header headers[] = { { "Host", "h" } };
static const struct report_visit visit = { .now_ms = 1764000000123,
                                           .correlation_id = "0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f",
                                           .target = "/x?type=requestUrl",
                                           .remote_address = "127.0.0.1",
                                           .headers = headers,
                                           .header_count = 1 };

static void expect_text(json_t *value, const char *expected)
{
        char *text = report_print(value);
        assert_non_null(text);
        assert_string_equal(text, expected);
        free(text);
}

static void the_report_is_indented_by_4_and_keeps_its_order(void **state UNUSED)
{
        expect_text(report_full(&plain, &visit), "{\n"
                                                 "    \"appName\": \"Pinger\",\n"
                                                 "    \"currentTime\": \"2025-11-24T16:00:00.123Z\",\n"
                                                 "    \"PINGER_PORT\": \"3000\",\n"
                                                 "    \"randomMessage\": \"lorem lorem lorem lorem lorem\",\n"
                                                 "    \"correlationId\": \"0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f\"\n"
                                                 "}");
}

static void an_admin_sees_four_additional_members(void **state UNUSED)
{
        static const char *const names[] = { "appName",       "currentTime",   "PINGER_PORT",
                                             "randomMessage", "correlationId", "APIVersion",
                                             "processId",     "memoryUsage",   "networkInfo" };
        json_t *report = report_full(&admin, &visit), *value;
        const char *name;
        size_t i = 0;
        json_object_foreach(report, name, value)
        {
                assert_true(i < COUNT_OF(names));
                assert_string_equal(name, names[i++]);
        }
        assert_int_equal(i, COUNT_OF(names));
        assert_string_equal(json_string_value(json_object_get(report, "APIVersion")), "1.2");
        assert_int_equal(json_integer_value(json_object_get(report, "processId")), getpid());
        assert_true(json_integer_value(json_object_get(json_object_get(report, "memoryUsage"), "rss")) > 0);
        assert_true(json_is_object(json_object_get(report, "networkInfo")));
        json_decref(report);
}

static void each_piece_is_an_object_of_one_member(void **state UNUSED)
{
        expect_text(report_piece_value(&plain, &visit, REPORT_REQUEST_URL),
                    "{\n    \"requestUrl\": \"/x?type=requestUrl\"\n}");
        expect_text(report_piece_value(&plain, &visit, REPORT_REMOTE_ADDRESS),
                    "{\n    \"remoteAddress\": \"127.0.0.1\"\n}");
        expect_text(report_piece_value(&plain, &visit, REPORT_CURRENT_TIME),
                    "{\n    \"currentTime\": \"2025-11-24T16:00:00.123Z\"\n}");
        expect_text(report_piece_value(&plain, &visit, REPORT_REQUEST_HEADERS),
                    "{\n    \"requestHeaders\": {\n        \"host\": \"h\"\n    }\n}");
        expect_text(report_piece_value(&admin, &visit, REPORT_ENV_VARS),
                    "{\n    \"envVars\": {\n        \"A\": \"1\"\n    }\n}");
}

static void pieces_are_found_by_name_and_three_require_admin(void **state UNUSED)
{
        static const struct {
                const char *type;
                enum report_piece piece;
                bool needs_admin;
        } cases[] = {
                { "networkInfo", REPORT_NETWORK_INFO, true },
                { "requestHeaders", REPORT_REQUEST_HEADERS, false },
                { "envVars", REPORT_ENV_VARS, true },
                { "memoryUsage", REPORT_MEMORY_USAGE, true },
                { "currentTime", REPORT_CURRENT_TIME, false },
                { "requestUrl", REPORT_REQUEST_URL, false },
                { "remoteAddress", REPORT_REMOTE_ADDRESS, false },
                { "other", REPORT_NONE, false },
                { "", REPORT_NONE, false },
                { NULL, REPORT_NONE, false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_int_equal(report_piece_named(cases[i].type), cases[i].piece);
                assert_int_equal(report_piece_needs_admin(cases[i].piece), cases[i].needs_admin);
        }
}

static void the_message_has_five_words_for_any_random_bytes(void **state UNUSED)
{
        for (unsigned byte = 0; byte < 256; byte++) {
                struct report_visit random = visit;
                size_t blanks = 0;
                memset(random.random, (int)byte, sizeof(random.random));
                json_t *report = report_full(&plain, &random);
                for (const char *at = json_string_value(json_object_get(report, "randomMessage")); *at; at++)
                        blanks += *at == ' ';
                assert_int_equal(blanks, REPORT_WORDS - 1);
                json_decref(report);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_report_is_indented_by_4_and_keeps_its_order),
                cmocka_unit_test(an_admin_sees_four_additional_members),
                cmocka_unit_test(each_piece_is_an_object_of_one_member),
                cmocka_unit_test(pieces_are_found_by_name_and_three_require_admin),
                cmocka_unit_test(the_message_has_five_words_for_any_random_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
