/* Tests of deposits without Redis: what is rejected at once, what is dropped, and how outcomes are reported. For tests
 * with servers see tests/integration/test_documents.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "deposit.h"

#define SPAN(literal) ((struct json_span){ literal, sizeof(literal) - 1 })
#define GIVEN_KEY "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"

struct told {
        struct deposit deposit;
        unsigned times;
        enum deposit_outcome outcome;
        enum store_outcome failure;
        char text[256];
};

static uv_loop_t loop;
static struct redis_target *target;
static struct redis *redis;
static struct store store;
static struct swap swap;
static struct metrics *metrics;
static struct instruments instruments;
static struct deposits deposits;
static bool is_sender_gone;

static int setup(void **state UNUSED)
{
        struct err err;
        /* Nothing listens on port 1 (tcpmux), so every command is held. */
        target = redis_target_new(&(struct redis_target_options){ .host = "127.0.0.1", .port = 1 }, &err);
        assert_non_null(target);
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(redis_open(&loop, &(struct redis_options){ .hold_ms = 60000 }, target, 1, &redis, &err), 0);
        metrics = metrics_new();
        assert_non_null(metrics);
        assert_int_equal(instruments_init(&instruments, metrics, &err), 0);
        store_init(&store, redis, NULL, &swap, 0, 60000, true);
        deposits_init(&deposits, &store, &instruments);
        is_sender_gone = false;
        return 0;
}

static int teardown(void **state UNUSED)
{
        redis_close(redis, NULL, NULL);
        assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&loop), 0);
        store_fini(&store);
        assert_true(list_is_empty(&deposits.under_way));
        deposits_fini(&deposits);
        metrics_free(metrics);
        redis_target_unref(target);
        return 0;
}

static void on_done(struct deposit *deposit, const struct deposit_result *result)
{
        struct told *told = CONTAINER_OF(deposit, struct told, deposit);
        told->times++;
        told->outcome = result->outcome;
        told->failure = result->failure;
        if (result->err)
                memcpy(told->text, result->err->text, sizeof(told->text));
}

static bool is_abandoned(struct deposit *deposit UNUSED)
{
        return is_sender_gone;
}

static int begin(struct told *told, struct json_span body, const char *key, struct json_position *where)
{
        struct err err;
        const struct deposit_options options = { .body = body,
                                                 .correlation = SPAN("\"abc\""),
                                                 .key = key,
                                                 .on_done = on_done,
                                                 .is_abandoned = is_abandoned };
        *told = (struct told){ 0 };
        return deposit_begin(&deposits, &told->deposit, &options, where, &err);
}

static void assert_counted(const char *line)
{
        struct buf text;
        buf_init(&text, 0);
        assert_int_equal(metrics_print(metrics, &text), 0);
        assert_non_null(strstr(text.data, line));
        buf_fini(&text);
}

static void a_body_that_is_not_an_object_is_rejected_with_the_position(void **state UNUSED)
{
        struct told told;
        struct json_position where = { 0 };
        assert_int_equal(begin(&told, SPAN("{\"a\":\n 1,}"), NULL, &where), ERR_INVALID);
        assert_int_equal(where.line, 2);
        assert_int_equal(where.column, 4);
        assert_int_equal(begin(&told, SPAN("[1]"), NULL, &where), ERR_INVALID);
        assert_int_equal(told.times, 0);
        assert_true(list_is_empty(&deposits.under_way));
        assert_counted("collector_documents_total{result=\"rejected\"} 2");
}

static void a_key_is_generated_unless_the_sender_supplies_one(void **state UNUSED)
{
        struct told a, b, given;
        struct json_position where;
        assert_int_equal(begin(&a, SPAN("{}"), NULL, &where), 0);
        assert_int_equal(begin(&b, SPAN("{}"), NULL, &where), 0);
        assert_int_equal(begin(&given, SPAN("{}"), GIVEN_KEY, &where), 0);
        assert_true(uuid_parse(a.deposit.key, UUID_TEXT_LENGTH, NULL));
        assert_string_not_equal(a.deposit.key, b.deposit.key);
        assert_string_equal(given.deposit.key, GIVEN_KEY);
        redis_close(redis, NULL, NULL); /* answers everything that waits */
        redis = NULL;
        assert_true(a.times == 1 && b.times == 1 && given.times == 1);
        assert_true(a.outcome == DEPOSIT_FAILED && given.outcome == DEPOSIT_FAILED);
        assert_int_equal(a.failure, STORE_UNAVAILABLE);
        assert_counted("collector_documents_total{result=\"failed\"} 3");
}

static void only_deposits_without_a_client_are_dropped(void **state UNUSED)
{
        struct told told;
        struct json_position where;
        assert_int_equal(begin(&told, SPAN("{}"), NULL, &where), 0);
        deposits_drop_abandoned(&deposits);
        assert_int_equal(told.times, 0);
        is_sender_gone = true;
        deposits_drop_abandoned(&deposits);
        assert_int_equal(told.times, 1);
        assert_int_equal(told.failure, STORE_UNAVAILABLE);
        assert_string_equal(told.text, "the client has disconnected");
        assert_int_equal(redis_held(redis), 0);
}

static void a_correlation_id_that_is_too_long_is_rejected(void **state UNUSED)
{
        struct told told = { 0 };
        struct json_position where;
        struct err err;
        char correlation[DEPOSIT_CORRELATION_MAX + 1];
        memset(correlation, 'a', sizeof(correlation));
        correlation[0] = correlation[sizeof(correlation) - 1] = '"';
        const struct deposit_options options = { .body = SPAN("{}"),
                                                 .correlation = { correlation, sizeof(correlation) },
                                                 .on_done = on_done };
        assert_int_equal(deposit_begin(&deposits, &told.deposit, &options, &where, &err), ERR_LIMIT);
        assert_int_equal(told.times, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_body_that_is_not_an_object_is_rejected_with_the_position, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_key_is_generated_unless_the_sender_supplies_one, setup, teardown),
                cmocka_unit_test_setup_teardown(only_deposits_without_a_client_are_dropped, setup, teardown),
                cmocka_unit_test_setup_teardown(a_correlation_id_that_is_too_long_is_rejected, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
