/* backoff: how long the pauses are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoff.h"
#include "base/attr.h"

static void pauses_double_up_to_the_longest_and_keep_at_least_half(void **state UNUSED)
{
        static const int64_t full[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
        for (unsigned i = 0; i < COUNT_OF(full); i++) {
                assert_int_equal(backoff_ms(100, 5000, i + 1, 0), full[i]);
                for (uint32_t random = 0; random < 20000; random += 7) {
                        int64_t pause_ms = backoff_ms(100, 5000, i + 1, random);
                        assert_true(pause_ms <= full[i] && pause_ms >= full[i] / 2);
                }
        }
        assert_int_equal(backoff_ms(100, 5000, 4000000000u, 0), 5000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pauses_double_up_to_the_longest_and_keep_at_least_half),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
