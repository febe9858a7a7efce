/* Tests of media types and Accept, as tables of cases. */
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

static void a_parameter_of_a_media_type_is_found_in_any_form(void **state)
{
        static const struct {
                const char *value;
                int found;
                const char *charset;
        } cases[] = {
                { "a/b", 0, "" },
                { "a/b;", 0, "" },
                { "a/b; boundary=x", 0, "" },
                { "a/b; xcharset=utf-8; charsetx=utf-8", 0, "" },
                { "a/b; x=\"; charset=utf-8\"", 0, "" },
                { "a/b; x=\"\\\"; charset=utf-8\"", 0, "" },
                { "a/b;charset=utf-8", 1, "utf-8" },
                { "a/b ;\t CHARSET=UTF-8 ; x=y", 1, "UTF-8" },
                { "a/b; x=\"a;b\"; charset=\"iso-8859-1\"", 1, "iso-8859-1" },
                { "a/b; charset=\"u\\tf-8\"", 1, "utf-8" },
                { "a/b; charset=utf-8; charset=UTF-8", 1, "utf-8" },
                { "a/b; charset=utf-8; charset=utf-16", -1, "" },
                { "a/b; charset=", 0, "" },
                { "a/b; charset=\"\"", 0, "" },
                { "a/b; charset", -1, "" },
                { "a/b; charset =utf-8", -1, "" },
                { "a/b; charset=\"utf-8", -1, "" },
                { "a/b; charset=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -1, "" },
                { "a/b; charset=\"utf-8\\", -1, "" },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char charset[32];
                if (http_media_type_parameter(cases[i].value, "charset", charset, sizeof(charset)) != cases[i].found)
                        fail_msg("%s", cases[i].value);
                if (cases[i].found > 0)
                        assert_string_equal(charset, cases[i].charset);
        }
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(media_types_are_compared_without_case_and_parameters),
                cmocka_unit_test(a_parameter_of_a_media_type_is_found_in_any_form),
                cmocka_unit_test(the_most_specific_range_of_accept_decides),
        };
        return cmocka_run_group_tests_name("http media types", tests, NULL, NULL);
}
