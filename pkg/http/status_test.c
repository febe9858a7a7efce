/* Tests of the reason phrases of status codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/status.h"

static void statuses_have_their_phrases(void **state)
{
        (void)state;
        assert_string_equal(status_phrase(200), "OK");
        assert_string_equal(status_phrase(507), "Insufficient Storage");
        assert_string_equal(status_phrase(799), "Unknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(statuses_have_their_phrases),
        };
        return cmocka_run_group_tests_name("http statuses", tests, NULL, NULL);
}
