/* delay: the times that /delay/{time} accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "delay.h"

static void times_are_durations_or_plain_seconds(void **state UNUSED)
{
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = { { "150ms", 150 }, { "2s", 2000 }, { "1m30s", 90000 },
                      { "0", 0 },       { "2", 2000 },  { "0.5", 500 },
                      { "1.25", 1250 }, { "0.001", 1 }, { "999999999", 999999999000 } };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int64_t ms = -1;
                assert_true(delay_parse(cases[i].text, &ms));
                assert_int_equal(ms, cases[i].ms);
        }
}

static void other_text_is_rejected(void **state UNUSED)
{
        static const char *const texts[] = {
                "", "x", "-1", "1.", ".5", "1.2345", "1 s", "2sx", "1e3", "9999999999", "s"
        };
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
                int64_t ms = 7;
                if (delay_parse(texts[i], &ms))
                        fail_msg("\"%s\" was accepted", texts[i]);
                assert_int_equal(ms, 7);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_are_durations_or_plain_seconds),
                cmocka_unit_test(other_text_is_rejected),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
