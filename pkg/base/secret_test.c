/* secret: contents, comparison, and wiping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/secret.h"

static void a_secret_is_a_copy_followed_by_a_nul(void **state UNUSED)
{
        char password[] = "s3cret";
        struct secret s = { 0 };
        assert_int_equal(secret_init(&s, password, 6), 0);
        memset(password, 'x', 6);
        assert_int_equal(s.length, 6);
        assert_memory_equal(s.bytes, "s3cret", 7);
        secret_fini(&s);
}

static void a_secret_may_contain_nul_bytes_or_nothing(void **state UNUSED)
{
        struct secret s = { 0 };
        assert_int_equal(secret_init(&s, "a\0b", 3), 0);
        assert_memory_equal(s.bytes, "a\0b", 4);
        secret_fini(&s);
        assert_int_equal(secret_init(&s, NULL, 0), 0);
        assert_non_null(s.bytes);
        assert_string_equal(s.bytes, "");
        secret_fini(&s);
}

static void fini_empties_a_secret_and_accepts_an_empty_one(void **state UNUSED)
{
        struct secret s = { 0 };
        secret_fini(&s);
        assert_int_equal(secret_init(&s, "abc", 3), 0);
        secret_fini(&s);
        assert_null(s.bytes);
        assert_int_equal(s.length, 0);
        secret_fini(&s);
}

static bool equal(const char *a, const char *b)
{
        struct secret x = { 0 }, y = { 0 };
        if (a)
                assert_int_equal(secret_init(&x, a, strlen(a)), 0);
        if (b)
                assert_int_equal(secret_init(&y, b, strlen(b)), 0);
        bool result = secret_equal(&x, &y);
        secret_fini(&x);
        secret_fini(&y);
        return result;
}

static void equal_means_the_same_bytes(void **state UNUSED)
{
        static const struct {
                const char *a, *b;
                bool equal;
        } cases[] = {
                { "abc", "abc", true },  { "abc", "abd", false }, { "abc", "xbc", false }, { "abc", "ab", false },
                { "abc", "ABC", false }, { "", "", true },        { "", "a", false },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++)
                assert_int_equal(equal(cases[i].a, cases[i].b), cases[i].equal);
}

static void no_secret_differs_from_an_empty_one(void **state UNUSED)
{
        assert_true(equal(NULL, NULL));
        assert_false(equal(NULL, ""));
        assert_false(equal("", NULL));
}

/* True if the kernel's list of our memory (proc(5), smaps) has the flag "dd" for `address`. */
static bool is_left_out_of_dumps(const void *address)
{
        FILE *smaps = fopen("/proc/self/smaps", "re");
        char line[1024];
        bool is_here = false;
        bool is_left_out = false;
        assert_non_null(smaps);
        while (fgets(line, sizeof(line), smaps)) {
                uintptr_t from, to;
                if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
                        is_here = from <= (uintptr_t)address && (uintptr_t)address < to;
                else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
                        is_left_out = strstr(line, " dd") != NULL;
        }
        (void)fclose(smaps); /* only read */
        return is_left_out;
}

static void a_secret_is_excluded_from_core_dumps(void **state UNUSED)
{
        static const size_t lengths[] = { 0, 10, 4095, 4096, 70000 };
        char *bytes = calloc(1, 70000);
        assert_non_null(bytes);
        assert_false(is_left_out_of_dumps(bytes));
        for (size_t i = 0; i < COUNT_OF(lengths); i++) {
                struct secret s = { 0 };
                assert_int_equal(secret_init(&s, bytes, lengths[i]), 0);
                assert_true(is_left_out_of_dumps(s.bytes));
                assert_true(is_left_out_of_dumps(s.bytes + s.length));
                assert_int_equal(s.bytes[s.length], '\0');
                secret_fini(&s);
        }
        free(bytes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_secret_is_a_copy_followed_by_a_nul),
                cmocka_unit_test(a_secret_may_contain_nul_bytes_or_nothing),
                cmocka_unit_test(fini_empties_a_secret_and_accepts_an_empty_one),
                cmocka_unit_test(equal_means_the_same_bytes),
                cmocka_unit_test(no_secret_differs_from_an_empty_one),
                cmocka_unit_test(a_secret_is_excluded_from_core_dumps),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
