/* idempotency: the key derived from a request, and which contents count as the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "idempotency.h"

static const struct json_options watch = { .watch = { "created", "correlationId" } };

static void keys_of_visible_characters_up_to_the_limit_are_valid(void **state)
{
        char text[IDEMPOTENCY_KEY_MAX + 2];
        (void)state;
        memset(text, 'k', sizeof(text));
        text[IDEMPOTENCY_KEY_MAX] = '\0';
        assert_true(idempotency_key_is_sound(text));
        text[IDEMPOTENCY_KEY_MAX] = 'k';
        text[IDEMPOTENCY_KEY_MAX + 1] = '\0';
        assert_false(idempotency_key_is_sound(text));
        assert_true(idempotency_key_is_sound("\"8e03978e-40d5-43dd-bc93-6894a57f9324\""));
        assert_false(idempotency_key_is_sound(""));
        assert_false(idempotency_key_is_sound("a\tb"));
        assert_false(idempotency_key_is_sound("caf\xc3\xa9"));
}

static void each_part_of_the_request_changes_the_key(void **state)
{
        static const struct {
                const char *token, *method, *path, *value;
                uint64_t index;
        } rows[] = {
                { "", "POST", "/", "k", 0 },   { "t", "POST", "/", "k", 0 }, { "", "PUT", "/", "k", 0 },
                { "", "POST", "/v1", "k", 0 }, { "", "POST", "/", "k2", 0 }, { "", "POST", "/", "k", 1 },
                { "", "POST/", "", "k", 0 },
        };
        struct uuid ids[COUNT_OF(rows)];
        struct uuid again;
        (void)state;
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                idempotency_uuid(rows[i].token, rows[i].method, rows[i].path, rows[i].value, rows[i].index, &ids[i]);
                assert_int_equal(ids[i].bytes[6] >> 4, 8);
                for (size_t k = 0; k < i; k++)
                        assert_memory_not_equal(&ids[i], &ids[k], sizeof(ids[i]));
        }
        idempotency_uuid("", "POST", "/", "k", 0, &again);
        assert_memory_equal(&again, &ids[0], sizeof(again));
}

static void the_same_content_is_recognised_by_its_bytes(void **state)
{
        static const struct {
                const char *sent, *stored;
                int same;
        } rows[] = {
                { "{\"a\":1}", "{\"a\":1,\"created\":5,\"correlationId\":\"x\"}", 1 },
                { " {\"a\":1} ", "{\"a\":1,\"created\":5,\"correlationId\":\"x\"}", 1 },
                { "{}", "{\"created\":5,\"correlationId\":\"x\"}", 1 },
                { "{\"correlationId\":\"mine\",\"a\":1}", "{\"a\":1,\"created\":5,\"correlationId\":\"x\"}", 1 },
                { "{\"created\":7,\"a\":1}", "{\"created\":7,\"a\":1,\"correlationId\":\"x\"}", 1 },
                { "{\"a\":2}", "{\"a\":1,\"created\":5,\"correlationId\":\"x\"}", 0 },
                { "{\"a\":1.0}", "{\"a\":1,\"created\":5,\"correlationId\":\"x\"}", 0 },
                { "{\"created\":7,\"a\":1}", "{\"created\":8,\"a\":1,\"correlationId\":\"x\"}", 0 },
                { "{\"a\":1}", "{\"a\":1,\"b\":2,\"created\":5,\"correlationId\":\"x\"}", 0 },
                { "{\"a\":1}", "{\"a\":1}", 0 },
        };
        struct buf scratch;
        (void)state;
        buf_init(&scratch, 0);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
                struct json_object sent, stored;
                assert_int_equal(json_check_object(rows[i].sent, strlen(rows[i].sent), &watch, &sent, NULL, NULL), 0);
                assert_int_equal(json_check_object(rows[i].stored, strlen(rows[i].stored), &watch, &stored, NULL, NULL),
                                 0);
                assert_int_equal(idempotency_same(&sent, &stored, &scratch), rows[i].same);
        }
        buf_fini(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_of_visible_characters_up_to_the_limit_are_valid),
                cmocka_unit_test(each_part_of_the_request_changes_the_key),
                cmocka_unit_test(the_same_content_is_recognised_by_its_bytes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
