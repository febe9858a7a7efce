/* Tests of the choice between the page and JSON. tests/integration/test_page.py tests the served files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "page/page.h"

static void a_browser_gets_the_page_and_others_do_not(void **state UNUSED)
{
        static const struct {
                const char *accept;
                bool is_wanted;
        } cases[] = {
                { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true },
                { "text/html", true },
                { "TEXT/HTML ; level=1;Q=0.5 , application/json;q=0.4", true },
                { "application/json;q=0.9, text/html;q=0.9", false },
                { "application/json, text/html", false },
                { "*/*", false },
                { "text/html, */*", false },
                { "text/html;q=0", false },
                { "text/html;q=", false },
                { "text/htmlx", false },
                { "application/*, text/html;q=0.3", false },
                { ",;,q=1", false },
                { "", false },
                { NULL, false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                if (page_is_wanted(cases[i].accept) != cases[i].is_wanted)
                        fail_msg("%s", cases[i].accept);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(a_browser_gets_the_page_and_others_do_not) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
