/* Tests of If-Match and If-None-Match with a tag. exchange_test.c tests requests whose route has no tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "http/condition.h"
#include "http/http.h"

static void lists_of_tags_are_read(void **state UNUSED)
{
        static const struct {
                const char *list;
                bool weakly, strongly; /* true if it contains "abc" */
        } cases[] = {
                { "\"abc\"", true, true },
                { "W/\"abc\"", true, false },
                { "*", true, true },
                { " * ", true, true },
                { "\"x\", \"abc\"", true, true },
                { "\"x\",W/\"abc\" , \"y\"", true, false },
                { ",, \"x\" ,,\"abc\"", true, true },
                { "\"a,b\",\"abc\"", true, true },
                { "\"x\" \"abc\"", true, true },
                { "junk, \"abc\"", true, true },
                { "w/\"abc\"", false, false },
                { "\"abcd\"", false, false },
                { "\"ab\"", false, false },
                { "\"ABC\"", false, false },
                { "\"\"", false, false },
                { "abc", false, false },
                { "\"abc", false, false },
                { "\"", false, false },
                { "\"x, \"abc\"", false, false },
                { "*, \"x\"", false, false },
                { "W/", false, false },
                { "", false, false },
                { ",", false, false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                char list[64];
                (void)stpcpy(list, cases[i].list);
                struct http_conditions none = { .if_none_match = list };
                struct http_conditions match = { .if_match = list };
                if (http_conditions_check(&none, "\"abc\"") != (cases[i].weakly ? 304 : 0))
                        fail_msg("If-None-Match: %s", list);
                if (http_conditions_check(&match, "\"abc\"") != (cases[i].strongly ? 0 : 412))
                        fail_msg("If-Match: %s", list);
        }
}

static void if_match_takes_precedence(void **state UNUSED)
{
        char other[] = "\"x\"", same[] = "\"abc\"";
        struct http_conditions both = { .if_match = other, .if_none_match = same };
        assert_int_equal(http_conditions_check(&both, "\"abc\""), 412);
        both = (struct http_conditions){ .if_match = same, .if_none_match = same };
        assert_int_equal(http_conditions_check(&both, "\"abc\""), 304);
        assert_int_equal(http_conditions_check(&(struct http_conditions){ NULL, NULL }, "\"abc\""), 0);
}

static void only_reads_of_a_route_with_tags_compare_tags(void **state UNUSED)
{
        const struct head tag = { .if_match = "\"abc\"" }, any = { .if_match = "*" };
        static const char *const writing[] = { "POST", "PUT", "DELETE" };
        assert_null(condition_check(&tag, "GET", true));
        assert_null(condition_check(&tag, "HEAD", true));
        assert_non_null(condition_check(&tag, "GET", false));
        for (size_t i = 0; i < COUNT_OF(writing); i++)
                assert_non_null(condition_check(&tag, writing[i], true));
        assert_null(condition_check(&any, "DELETE", false));
        assert_non_null(condition_check(&any, "PUT", true));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lists_of_tags_are_read),
                cmocka_unit_test(if_match_takes_precedence),
                cmocka_unit_test(only_reads_of_a_route_with_tags_compare_tags),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
