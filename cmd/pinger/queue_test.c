/* queue: limits, batches, order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "queue.h"

static const struct queue_limits limits = {
        .records_max = 25, .bytes_max = 1000, .batch_records = 10, .batch_bytes_max = 100, .batch_ms = 1000
};

static int put(struct queue *q, const char *text, int64_t now_ms)
{
        return queue_put(q, text, strlen(text), now_ms);
}

static void expect_batch(struct queue *q, const char *expected)
{
        struct queue_batch batch;
        struct buf out;
        buf_init(&out, 0);
        queue_take(q, &batch);
        assert_int_equal(queue_batch_print(&batch, &out), 0);
        assert_string_equal(out.data, expected);
        queue_release(q, &batch);
        buf_fini(&out);
}

static void a_batch_is_due_when_full_or_when_its_first_record_is_old(void **state UNUSED)
{
        struct queue q;
        queue_init(&q, &limits);
        assert_true(queue_due_ms(&q) == INT64_MAX);
        for (int i = 0; i < 9; i++)
                assert_int_equal(put(&q, "1", 5000 + i), 0);
        assert_int_equal(queue_due_ms(&q), 6000);
        assert_int_equal(put(&q, "1", 5009), 0);
        assert_true(queue_due_ms(&q) == INT64_MIN);
        queue_fini(&q);
}

static void batches_keep_the_order_and_have_at_most_ten_records(void **state UNUSED)
{
        struct queue q;
        queue_init(&q, &limits);
        for (int i = 0; i < 12; i++) {
                char text[16];
                (void)snprintf(text, sizeof(text), "%d", i);
                assert_int_equal(put(&q, text, i), 0);
        }
        expect_batch(&q, "{\"logs\":[0,1,2,3,4,5,6,7,8,9]}");
        assert_int_equal(queue_due_ms(&q), 1010);
        expect_batch(&q, "{\"logs\":[10,11]}");
        expect_batch(&q, "{\"logs\":[]}");
        assert_int_equal(put(&q, "12", 0), 0);
        expect_batch(&q, "{\"logs\":[12]}");
        queue_fini(&q);
}

static void a_large_record_is_sent_alone_and_no_batch_is_too_large(void **state UNUSED)
{
        struct queue q;
        char large[200];
        struct queue_batch batch;
        queue_init(&q, &limits);
        memset(large, '1', sizeof(large));
        assert_int_equal(put(&q, "1", 0), 0);
        assert_int_equal(queue_put(&q, large, sizeof(large), 0), 0);
        assert_int_equal(put(&q, "2", 0), 0);
        const size_t sizes[] = { 1, 200, 1 };
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                queue_take(&q, &batch);
                assert_int_equal(batch.records, 1);
                assert_int_equal(batch.bytes, sizes[i]);
                queue_release(&q, &batch);
        }
        assert_int_equal(q.records, 0);
        assert_int_equal(q.bytes, 0);
        queue_fini(&q);
}

static void a_full_queue_refuses_new_records_until_a_batch_is_released(void **state UNUSED)
{
        struct queue q;
        struct queue_batch batch;
        queue_init(&q, &limits);
        for (int i = 0; i < 25; i++)
                assert_int_equal(put(&q, "1", 0), 0);
        assert_int_equal(put(&q, "1", 0), ERR_LIMIT);
        queue_take(&q, &batch);
        assert_int_equal(put(&q, "1", 0), ERR_LIMIT);
        queue_release(&q, &batch);
        assert_int_equal(put(&q, "1", 0), 0);
        queue_fini(&q);
}

static void the_size_in_bytes_is_bounded_too(void **state UNUSED)
{
        struct queue q;
        char text[600] = { 0 };
        queue_init(&q, &limits);
        assert_int_equal(queue_put(&q, text, sizeof(text), 0), 0);
        assert_int_equal(queue_put(&q, text, sizeof(text), 0), ERR_LIMIT);
        assert_int_equal(queue_put(&q, text, 400, 0), 0);
        assert_int_equal(queue_put(&q, text, 1, 0), ERR_LIMIT);
        queue_fini(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_batch_is_due_when_full_or_when_its_first_record_is_old),
                cmocka_unit_test(batches_keep_the_order_and_have_at_most_ten_records),
                cmocka_unit_test(a_large_record_is_sent_alone_and_no_batch_is_too_large),
                cmocka_unit_test(a_full_queue_refuses_new_records_until_a_batch_is_released),
                cmocka_unit_test(the_size_in_bytes_is_bounded_too),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
