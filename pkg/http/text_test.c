/* Media types, Accept and phrases: tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http.h"

static void media_types_are_compared_without_case_and_parameters(void **state)
{
        static const struct {
                const char *value;
                bool expected;
        } cases[] = {
                { "application/json", true },
                { "Application/JSON; charset=utf-8", true },
                { "application/json;charset=utf-8", true },
                { " application/json \t; a=b", true },
                { "application/jsonp", false },
                { "application/jso", false },
                { "application/problem+json", false },
                { "text/plain; application/json", false },
                { "", false },
                { NULL, false },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (http_media_type_is(cases[i].value, "application/json") != cases[i].expected)
                        fail_msg("%s", cases[i].value);
}

static void the_most_specific_range_of_accept_decides(void **state)
{
        static const struct {
                const char *accept;
                bool expected;
        } cases[] = {
                { NULL, true },
                { "*/*", true },
                { "text/html", true },
                { "text/*", true },
                { "TEXT/HTML", true },
                { "application/json, text/html;q=0.5", true },
                { "application/json", false },
                { "text/html;q=0", false },
                { "text/html;q=0.000", false },
                { "text/html; q=0.001", true },
                { "text/html;Q=0, */*", false },
                { "text/*;q=0, text/html", true },
                { "text/html;level=1;q=0", false },
                { "*/*;q=0.1, application/xml", true },
                { "text/htmlx", false },
                { ",,text/html", true },
                { ";;,", false },
                { "", false },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (http_accepts(cases[i].accept, "text/html") != cases[i].expected)
                        fail_msg("%s", cases[i].accept);
}

static void statuses_have_their_phrases(void **state)
{
        (void)state;
        assert_string_equal(http_status_phrase(200), "OK");
        assert_string_equal(http_status_phrase(507), "Insufficient Storage");
        assert_string_equal(http_status_phrase(799), "Unknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(media_types_are_compared_without_case_and_parameters),
                cmocka_unit_test(the_most_specific_range_of_accept_decides),
                cmocka_unit_test(statuses_have_their_phrases),
        };
        return cmocka_run_group_tests_name("http text", tests, NULL, NULL);
}
