#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "pool.h"

enum { BLOCK_BYTES = 1024 };

static void a_returned_block_is_reused(void **state UNUSED)
{
        struct pool pool = { 0 };
        void *first = pool_take(&pool, BLOCK_BYTES), *second = pool_take(&pool, BLOCK_BYTES);
        assert_non_null(first);
        assert_non_null(second);
        pool_give(&pool, first);
        pool_give(&pool, second);
        assert_ptr_equal(pool_take(&pool, BLOCK_BYTES), second);
        assert_ptr_equal(pool_take(&pool, BLOCK_BYTES), first);
        pool_give(&pool, first);
        pool_give(&pool, second);
        pool_fini(&pool);
        assert_null(pool.first);
}

static void no_more_blocks_than_the_maximum_are_kept(void **state UNUSED)
{
        static void *blocks[POOL_KEPT_MAX + 10];
        struct pool pool = { 0 };
        for (size_t i = 0; i < COUNT_OF(blocks); i++) {
                blocks[i] = pool_take(&pool, BLOCK_BYTES);
                assert_non_null(blocks[i]);
        }
        for (size_t i = 0; i < COUNT_OF(blocks); i++)
                pool_give(&pool, blocks[i]);
        assert_int_equal(pool.kept, POOL_KEPT_MAX);
        pool_fini(&pool);
        assert_int_equal(pool.kept, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_returned_block_is_reused),
                cmocka_unit_test(no_more_blocks_than_the_maximum_are_kept),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
