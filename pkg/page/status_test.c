/* Tests of the parts of a status: the history of a counter, and the state of a backing service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "page/history.h"
#include "page/standing.h"

static json_t *history_of(struct history *history)
{
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(history_print(history, &out), 0);
        json_t *array = json_loads(out.data, 0, NULL);
        assert_non_null(array);
        buf_fini(&out);
        return array;
}

static void a_history_divides_by_the_elapsed_time(void **state UNUSED)
{
        struct history history;
        history_init(&history);
        json_t *none = history_of(&history);
        assert_int_equal(json_array_size(none), 0);
        history_add(&history, 100, 1000);
        history_add(&history, 150, 2000);
        history_add(&history, 153, 4000);
        json_t *rates = history_of(&history);
        assert_int_equal(json_array_size(rates), 2);
        assert_true(json_number_value(json_array_get(rates, 0)) == 50);
        assert_true(json_number_value(json_array_get(rates, 1)) == 1.5);
        json_decref(rates);
        json_decref(none);
        history_fini(&history);
}

static void a_history_keeps_five_minutes(void **state UNUSED)
{
        struct history history;
        history_init(&history);
        for (int i = 0; i <= HISTORY_SECONDS + 10; i++)
                history_add(&history, 100.0 * i * i, 1000 * (i + 1));
        json_t *rates = history_of(&history);
        assert_int_equal(json_array_size(rates), HISTORY_SECONDS);
        assert_true(json_number_value(json_array_get(rates, 0)) == 100 * (11 * 11 - 10 * 10));
        json_decref(rates);
        history_fini(&history);
}

static json_t *standing_of(struct standing *standing)
{
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(buf_putc(&out, '{'), 0);
        assert_int_equal(standing_print(standing, &out), 0);
        assert_int_equal(buf_putc(&out, '}'), 0);
        json_t *object = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        buf_fini(&out);
        return object;
}

static const char *text_at(json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

static void a_service_and_its_change_are_shown(void **state UNUSED)
{
        struct standing standing;
        const struct backing_report report = { .source = BACKING_FROM_BINDING, .binding = "ca\"che", .type = "redis" };
        standing_init(&standing);
        standing_use(&standing, &report, "10.0.0.9:6379", true, 4);
        json_t *now = standing_of(&standing);
        assert_string_equal(text_at(now, "source"), "binding");
        assert_string_equal(text_at(now, "binding"), "ca\"che");
        assert_string_equal(text_at(now, "address"), "10.0.0.9:6379");
        assert_true(json_is_null(json_object_get(now, "provider")));
        assert_true(json_is_true(json_object_get(now, "tls")));
        assert_int_equal(json_integer_value(json_object_get(now, "generation")), 4);
        assert_string_equal(text_at(json_object_get(now, "change"), "state"), "in use");
        json_decref(now);

        const struct err why = { .code = ERR_DENIED, .text = "authentication: WRONGPASS" };
        standing_on_change(
                &(struct backing_change){
                        .state = BACKING_REFUSED, .address = "10.0.0.10:6379", .err = &why, .retry_ms = 1500 },
                &standing);
        json_t *refused = standing_of(&standing), *change = json_object_get(refused, "change");
        assert_string_equal(text_at(refused, "address"), "10.0.0.9:6379");
        assert_string_equal(text_at(change, "state"), "refused");
        assert_string_equal(text_at(change, "address"), "10.0.0.10:6379");
        assert_string_equal(text_at(change, "error"), "authentication: WRONGPASS");
        assert_int_equal(json_integer_value(json_object_get(change, "retryMs")), 1500);
        json_decref(refused);

        standing_on_change(&(struct backing_change){ .state = BACKING_IN_USE }, &standing);
        json_t *again = standing_of(&standing);
        assert_true(json_is_null(json_object_get(json_object_get(again, "change"), "error")));
        json_decref(again);
        standing_fini(&standing);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_history_divides_by_the_elapsed_time),
                cmocka_unit_test(a_history_keeps_five_minutes),
                cmocka_unit_test(a_service_and_its_change_are_shown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
