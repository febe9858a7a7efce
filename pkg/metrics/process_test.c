/* Tests of the kernel's figures for the test process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "metrics/metrics.h"

/* The value of a metric that must have been printed. */
static double value_of(const char *text, const char *name)
{
        char line[80] = "\n";
        (void)strncat(line, name, sizeof(line) - 3);
        (void)strncat(line, " ", 2);
        const char *found = strstr(text, line);
        assert_non_null(found);
        return strtod(found + strlen(line), NULL);
}

static void the_process_metrics_have_cpu_memory_and_start(void **state)
{
        (void)state;
        struct buf out;
        int64_t until = clock_monotonic_ms() + 30;
        while (clock_monotonic_ms() < until)
                ; /* a measurable amount of CPU time */
        buf_init(&out, 4096);
        assert_int_equal(metrics_print_process(&out), 0);
        double now = (double)time(NULL);
        double start = value_of(out.data, "process_start_time_seconds");
        assert_true(value_of(out.data, "process_cpu_seconds_total") > 0.001);
        assert_true(value_of(out.data, "process_resident_memory_bytes") > 100e3);
        assert_true(start > now - 60 && start <= now + 1);
        assert_non_null(strstr(out.data, "# TYPE process_cpu_seconds_total counter\n"));
        buf_fini(&out);
}

static void a_full_buffer_is_a_limit_error(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 40);
        assert_int_equal(metrics_print_process(&out), ERR_LIMIT);
        buf_fini(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_process_metrics_have_cpu_memory_and_start),
                cmocka_unit_test(a_full_buffer_is_a_limit_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
