/* Tests of the printed text, of how cells add up, and of what is rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "metrics/metrics.h"

enum { COUNTS = 20000 };

static const double seconds[] = { 0.005, 0.1, 2 };

static int make(void **state)
{
        *state = metrics_new();
        return *state ? 0 : -1;
}

static int drop(void **state)
{
        metrics_free(*state);
        return 0;
}

static struct metric *counter(struct metrics *all, const char *name, const char *labels)
{
        struct metric *cell = NULL;
        struct err err;
        assert_int_equal(metrics_counter(all, name, "Help.", labels, &cell, &err), 0);
        return cell;
}

static struct metric *gauge(struct metrics *all, const char *name, const char *labels)
{
        struct metric *cell = NULL;
        struct err err;
        assert_int_equal(metrics_gauge(all, name, "Help.", labels, &cell, &err), 0);
        return cell;
}

static struct metric *histogram(struct metrics *all, const char *name, const char *labels)
{
        struct metric *cell = NULL;
        struct err err;
        assert_int_equal(metrics_histogram(all, name, "Help.", labels, seconds, COUNT_OF(seconds), &cell, &err), 0);
        return cell;
}

static void assert_prints(struct metrics *all, const char *expected)
{
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(metrics_print(all, &out), 0);
        assert_string_equal(out.data ? out.data : "", expected);
        buf_fini(&out);
}

static void an_empty_registry_prints_nothing(void **state)
{
        assert_prints(*state, "");
        metrics_free(NULL);
}

static void a_counter_is_printed_with_help_and_type(void **state)
{
        struct metric *sent = counter(*state, "sent_total", NULL);
        metric_add(sent, 1);
        metric_add(sent, 41);
        assert_true(metric_get(sent) == 42);
        assert_prints(*state, "# HELP sent_total Help.\n# TYPE sent_total counter\nsent_total 42\n");
}

static void a_large_count_is_printed_with_all_its_digits(void **state)
{
        metric_add(counter(*state, "bytes_total", NULL), 9007199254740992);
        assert_prints(*state, "# HELP bytes_total Help.\n# TYPE bytes_total counter\nbytes_total 9007199254740992\n");
}

static void cells_of_one_name_and_labels_add_up(void **state)
{
        metric_add(counter(*state, "sent_total", "to=\"a\""), 1);
        metric_add(counter(*state, "sent_total", "to=\"b\""), 10);
        metric_add(counter(*state, "sent_total", "to=\"a\""), 100);
        assert_prints(*state, "# HELP sent_total Help.\n# TYPE sent_total counter\n"
                              "sent_total{to=\"a\"} 101\nsent_total{to=\"b\"} 10\n");
}

static void families_stay_together_in_order_of_registration(void **state)
{
        (void)counter(*state, "z_total", NULL);
        (void)gauge(*state, "a", NULL);
        (void)counter(*state, "z_total", "x=\"1\"");
        assert_prints(*state, "# HELP z_total Help.\n# TYPE z_total counter\nz_total 0\nz_total{x=\"1\"} 0\n"
                              "# HELP a Help.\n# TYPE a gauge\na 0\n");
}

static void a_gauge_is_set_and_moved_both_ways(void **state)
{
        struct metric *held = gauge(*state, "held", NULL);
        metric_set(held, 1.5);
        metric_add(held, -4);
        assert_true(metric_get(held) == -2.5);
        assert_prints(*state, "# HELP held Help.\n# TYPE held gauge\nheld -2.5\n");
}

static void a_histogram_is_cumulative_and_a_bound_belongs_to_its_bucket(void **state)
{
        struct metric *duration = histogram(*state, "wait_seconds", NULL);
        static const double values[] = { 0.25, 0.001953125, 0.001953125, 2, 4 };
        for (size_t i = 0; i < COUNT_OF(values); i++)
                metric_observe(duration, values[i]);
        assert_true(metric_get(duration) == 5);
        assert_prints(*state, "# HELP wait_seconds Help.\n# TYPE wait_seconds histogram\n"
                              "wait_seconds_bucket{le=\"0.005\"} 2\nwait_seconds_bucket{le=\"0.1\"} 2\n"
                              "wait_seconds_bucket{le=\"2\"} 4\nwait_seconds_bucket{le=\"+Inf\"} 5\n"
                              "wait_seconds_sum 6.25390625\nwait_seconds_count 5\n");
}

static void histograms_add_up_and_keep_their_labels_before_le(void **state)
{
        metric_observe(histogram(*state, "wait_seconds", "to=\"a\""), 0.25);
        metric_observe(histogram(*state, "wait_seconds", "to=\"a\""), 0.5);
        assert_prints(*state,
                      "# HELP wait_seconds Help.\n# TYPE wait_seconds histogram\n"
                      "wait_seconds_bucket{to=\"a\",le=\"0.005\"} 0\nwait_seconds_bucket{to=\"a\",le=\"0.1\"} 0\n"
                      "wait_seconds_bucket{to=\"a\",le=\"2\"} 2\nwait_seconds_bucket{to=\"a\",le=\"+Inf\"} 2\n"
                      "wait_seconds_sum{to=\"a\"} 0.75\nwait_seconds_count{to=\"a\"} 2\n");
}

static void a_histogram_has_at_most_24_bounds(void **state)
{
        static const double bounds[METRICS_BUCKETS_MAX + 1] = { 0 };
        struct metric *cell = NULL;
        struct err err;
        assert_int_equal(metrics_histogram(*state, "a", "Help.", NULL, bounds, METRICS_BUCKETS_MAX, &cell, &err), 0);
        assert_non_null(cell);
        cell = NULL;
        assert_int_equal(metrics_histogram(*state, "b", "Help.", NULL, bounds, METRICS_BUCKETS_MAX + 1, &cell, &err),
                         ERR_BUG);
        assert_null(cell);
}

static void one_name_has_one_type(void **state)
{
        struct metric *cell = NULL;
        struct err err;
        (void)counter(*state, "sent_total", NULL);
        assert_int_equal(metrics_gauge(*state, "sent_total", "Help.", NULL, &cell, &err), ERR_BUG);
        assert_string_equal(err.text, "metric sent_total: two types");
        assert_null(cell);
        assert_prints(*state, "# HELP sent_total Help.\n# TYPE sent_total counter\nsent_total 0\n");
}

static void labels_are_escaped_and_separated_by_commas(void **state UNUSED)
{
        struct buf labels;
        buf_init(&labels, 0);
        assert_int_equal(metrics_label(&labels, "version", "7.2"), 0);
        assert_int_equal(metrics_label(&labels, "name", "a\"b\\c\nd"), 0);
        assert_int_equal(metrics_label(&labels, "none", ""), 0);
        assert_string_equal(labels.data, "version=\"7.2\",name=\"a\\\"b\\\\c\\nd\",none=\"\"");
        buf_fini(&labels);
        buf_init(&labels, 8);
        assert_int_equal(metrics_label(&labels, "version", "7.2"), ERR_LIMIT);
        buf_fini(&labels);
}

static void labels_are_copied(void **state)
{
        char labels[] = "a=\"1\"";
        (void)gauge(*state, "held", labels);
        labels[3] = '2';
        (void)gauge(*state, "held", labels);
        assert_prints(*state, "# HELP held Help.\n# TYPE held gauge\nheld{a=\"1\"} 0\nheld{a=\"2\"} 0\n");
}

static void a_dropped_name_is_absent_until_it_is_created_again(void **state)
{
        metric_set(gauge(*state, "redis_info", "version=\"6\""), 1);
        metrics_drop(*state, "redis_info");
        metrics_drop(*state, "never_made");
        assert_prints(*state, "");
        metric_set(gauge(*state, "redis_info", "version=\"7\""), 1);
        assert_prints(*state, "# HELP redis_info Help.\n# TYPE redis_info gauge\nredis_info{version=\"7\"} 1\n");
}

static void a_full_buffer_is_a_limit_error(void **state)
{
        struct buf out;
        (void)histogram(*state, "wait_seconds", NULL);
        for (size_t max = 1; max < 200; max += 7) {
                buf_init(&out, max);
                assert_int_equal(metrics_print(*state, &out), ERR_LIMIT);
                buf_fini(&out);
        }
}

struct writer {
        struct metric *count, *held, *duration;
        atomic_bool done;
};

static void *write_cells(void *data)
{
        struct writer *w = data;
        for (int i = 0; i < COUNTS; i++) {
                metric_add(w->count, 1);
                metric_set(w->held, i);
                metric_observe(w->duration, 0.5);
        }
        atomic_store(&w->done, true);
        return NULL;
}

static void cells_may_be_printed_while_they_are_written(void **state)
{
        struct writer w = { counter(*state, "sent_total", NULL), gauge(*state, "held", NULL),
                            histogram(*state, "wait_seconds", NULL), false };
        struct buf out;
        pthread_t thread;
        double last = 0;
        buf_init(&out, 0);
        assert_int_equal(pthread_create(&thread, NULL, write_cells, &w), 0);
        while (!atomic_load(&w.done)) {
                buf_clear(&out, 4096);
                assert_int_equal(metrics_print(*state, &out), 0);
                double now = metric_get(w.count);
                assert_true(now >= last);
                last = now;
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        buf_fini(&out);
        assert_true(metric_get(w.count) == COUNTS && metric_get(w.duration) == COUNTS);
}

#define IN_A_REGISTRY(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_A_REGISTRY(an_empty_registry_prints_nothing),
                IN_A_REGISTRY(a_counter_is_printed_with_help_and_type),
                IN_A_REGISTRY(a_large_count_is_printed_with_all_its_digits),
                IN_A_REGISTRY(cells_of_one_name_and_labels_add_up),
                IN_A_REGISTRY(families_stay_together_in_order_of_registration),
                IN_A_REGISTRY(a_gauge_is_set_and_moved_both_ways),
                IN_A_REGISTRY(a_histogram_is_cumulative_and_a_bound_belongs_to_its_bucket),
                IN_A_REGISTRY(histograms_add_up_and_keep_their_labels_before_le),
                IN_A_REGISTRY(a_histogram_has_at_most_24_bounds),
                IN_A_REGISTRY(one_name_has_one_type),
                cmocka_unit_test(labels_are_escaped_and_separated_by_commas),
                IN_A_REGISTRY(labels_are_copied),
                IN_A_REGISTRY(a_dropped_name_is_absent_until_it_is_created_again),
                IN_A_REGISTRY(a_full_buffer_is_a_limit_error),
                IN_A_REGISTRY(cells_may_be_printed_while_they_are_written),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
