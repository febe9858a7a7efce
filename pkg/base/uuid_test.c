/* uuid: the layouts of RFC 9562, the order of version 7, and the parsing of UUIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/uuid.h"

static void assert_version(const struct uuid *id, unsigned version)
{
        assert_int_equal(id->bytes[6] >> 4, version);
        assert_int_equal(id->bytes[8] >> 6, 2); /* the variant, RFC 9562 section 4.1 */
}

static int compare(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct uuid));
}

static void version_4_is_marked_and_does_not_repeat(void **state UNUSED)
{
        static struct uuid ids[5000]; /* the pool is refilled about 80 times */
        struct uuid_source source;
        uuid_source_init(&source);
        for (size_t i = 0; i < COUNT_OF(ids); i++) {
                uuid_v4(&source, &ids[i]);
                assert_version(&ids[i], 4);
        }
        qsort(ids, COUNT_OF(ids), sizeof(ids[0]), compare);
        for (size_t i = 1; i < COUNT_OF(ids); i++)
                assert_int_not_equal(compare(&ids[i - 1], &ids[i]), 0);
}

static void every_random_bit_of_version_4_varies(void **state UNUSED)
{
        unsigned char ones[16] = { 0 }, zeros[16] = { 0 };
        struct uuid_source source;
        uuid_source_init(&source);
        for (int i = 0; i < 200; i++) {
                struct uuid id;
                uuid_v4(&source, &id);
                for (size_t k = 0; k < sizeof(ones); k++) {
                        ones[k] |= id.bytes[k];
                        zeros[k] |= (unsigned char)~id.bytes[k];
                }
        }
        for (size_t k = 0; k < sizeof(ones); k++) {
                unsigned char fixed = k == 6 ? 0xf0 : k == 8 ? 0xc0 : 0;
                assert_int_equal(ones[k] & zeros[k], 0xff & ~fixed);
        }
}

static void version_7_holds_the_milliseconds(void **state UNUSED)
{
        static const int64_t times[] = { 1, 1645557742000, 1795508130123, 0xffffffffffff };
        struct uuid_source source;
        uuid_source_init(&source);
        for (size_t i = 0; i < COUNT_OF(times); i++) {
                struct uuid id;
                uuid_v7(&source, times[i], &id);
                assert_version(&id, 7);
                assert_int_equal(uuid_v7_ms(&id), times[i]);
        }
}

static void version_7_ascends_within_a_millisecond_and_when_the_clock_steps_back(void **state UNUSED)
{
        struct uuid_source source;
        struct uuid last, id;
        uuid_source_init(&source);
        uuid_v7(&source, 1000, &last);
        for (int i = 0; i < 10000; i++) { /* more than the counter's 4096 */
                uuid_v7(&source, i % 2 ? 1000 : 10, &id);
                assert_version(&id, 7);
                assert_true(compare(&last, &id) < 0);
                last = id;
        }
        assert_true(uuid_v7_ms(&last) > 1000 && uuid_v7_ms(&last) < 1010);
        uuid_v7(&source, 2000, &id);
        assert_int_equal(uuid_v7_ms(&id), 2000);
}

static void version_8_keeps_122_of_the_given_bits(void **state UNUSED)
{
        static const unsigned char ones[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                                255, 255, 255, 255, 255, 255, 255, 255 };
        char text[UUID_TEXT_SIZE];
        struct uuid id;
        uuid_v8(ones, &id);
        assert_string_equal(uuid_format(&id, text), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_int_equal(uuid_v7_ms(&id), -1);
}

static void the_example_in_the_rfc_is_parsed_and_printed_unchanged(void **state UNUSED)
{
        const char *example = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; /* RFC 9562, appendix A.6 */
        char text[UUID_TEXT_SIZE];
        struct uuid id;
        assert_true(uuid_parse(example, 36, &id));
        assert_int_equal(uuid_v7_ms(&id), 1645557742000);
        assert_string_equal(uuid_format(&id, text), example);
}

static void upper_case_and_any_version_are_accepted(void **state UNUSED)
{
        char text[UUID_TEXT_SIZE];
        struct uuid id;
        assert_true(uuid_parse("C232AB00-9414-11EC-B3C8-9F6BDECED846", 36, &id));
        assert_string_equal(uuid_format(&id, text), "c232ab00-9414-11ec-b3c8-9f6bdeced846");
        assert_true(uuid_parse("00000000-0000-0000-0000-000000000000", 36, NULL));
}

static void anything_else_is_rejected_and_changes_nothing(void **state UNUSED)
{
        static const char *const cases[] = {
                "",
                "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
                "017f22e279b0-7cc3-98c4-dc0c0c07398f-",
                "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
                "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
                "g17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
                "017f22e2-79b0-7cc3-98c4-dc0c0c07398 ",
                "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
                "------------------------------------",
        };
        struct uuid id, before;
        memset(&before, 0x55, sizeof(before));
        id = before;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_false(uuid_parse(cases[i], strlen(cases[i]), &id));
                assert_memory_equal(&id, &before, sizeof(id));
        }
        assert_false(uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398\0", 36, NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(version_4_is_marked_and_does_not_repeat),
                cmocka_unit_test(every_random_bit_of_version_4_varies),
                cmocka_unit_test(version_7_holds_the_milliseconds),
                cmocka_unit_test(version_7_ascends_within_a_millisecond_and_when_the_clock_steps_back),
                cmocka_unit_test(version_8_keeps_122_of_the_given_bits),
                cmocka_unit_test(the_example_in_the_rfc_is_parsed_and_printed_unchanged),
                cmocka_unit_test(upper_case_and_any_version_are_accepted),
                cmocka_unit_test(anything_else_is_rejected_and_changes_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
