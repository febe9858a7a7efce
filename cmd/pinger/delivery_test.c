/* delivery, collector_client: how responses are classified. Tests that need a Collector are in
 * tests/integration/test_pinger_delivery.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collector_client.h"
#include "delivery.h"

static void responses_mean_success_retry_or_refusal(void **state UNUSED)
{
        static const struct {
                int status;
                enum collector_verdict verdict;
        } cases[] = {
                { 200, COLLECTOR_DONE },    { 201, COLLECTOR_DONE },    { 204, COLLECTOR_DONE },
                { 301, COLLECTOR_AGAIN },   { 400, COLLECTOR_REFUSED }, { 401, COLLECTOR_AGAIN },
                { 403, COLLECTOR_AGAIN },   { 404, COLLECTOR_AGAIN },   { 408, COLLECTOR_AGAIN },
                { 409, COLLECTOR_REFUSED }, { 422, COLLECTOR_REFUSED }, { 429, COLLECTOR_AGAIN },
                { 500, COLLECTOR_AGAIN },   { 507, COLLECTOR_AGAIN },   { 599, COLLECTOR_AGAIN },
                { 302, COLLECTOR_AGAIN },   { 308, COLLECTOR_AGAIN },   { 405, COLLECTOR_AGAIN },
                { 410, COLLECTOR_AGAIN },   { 421, COLLECTOR_AGAIN },   { 425, COLLECTOR_AGAIN },
                { 413, COLLECTOR_REFUSED }, { 415, COLLECTOR_REFUSED }, { 431, COLLECTOR_REFUSED },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                if (collector_judge(cases[i].status) != cases[i].verdict)
                        fail_msg("status %d", cases[i].status);
        }
}

static double value_of(struct metrics *all, const char *name, const char *labels)
{
        struct buf text;
        char line[128], *at;
        buf_init(&text, 0);
        assert_int_equal(metrics_print(all, &text), 0);
        (void)snprintf(line, sizeof(line), "\n%s%s ", name, labels);
        at = strstr(text.data, line);
        assert_non_null(at);
        double value = strtod(at + strlen(line), NULL);
        buf_fini(&text);
        return value;
}

static void without_a_collector_records_wait_and_are_counted_as_dropped_at_the_end(void **state UNUSED)
{
        struct err err;
        struct delivery *delivery;
        struct delivery_status status;
        struct metrics *all = metrics_new();
        assert_int_equal(collector_client_global_init(&err), 0);
        assert_int_equal(
                delivery_open(&(struct delivery_options){ .metrics = all, .records_max = 15 }, &delivery, &err), 0);
        for (int i = 0; i < 20; i++)
                delivery_put(delivery, "{}", 2);
        delivery_get_status(delivery, &status);
        assert_int_equal(status.state, DELIVERY_NOWHERE);
        assert_int_equal(status.waiting, 15);
        assert_int_equal(status.dropped, 5);
        int64_t begun_ms = clock_monotonic_ms();
        delivery_close(delivery, begun_ms + 60000);
        assert_true(clock_monotonic_ms() - begun_ms < 10000);
        assert_true(value_of(all, "pinger_log_records_dropped_total", "{reason=\"queue_full\"}") == 5);
        assert_true(value_of(all, "pinger_log_records_dropped_total", "{reason=\"shutdown\"}") == 15);
        assert_true(value_of(all, "pinger_log_records_waiting", "") == 0);
        metrics_free(all);
        collector_client_global_fini();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(responses_mean_success_retry_or_refusal),
                cmocka_unit_test(without_a_collector_records_wait_and_are_counted_as_dropped_at_the_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
