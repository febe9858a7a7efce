/* Loading and watching when memory runs out: `make torture` makes each allocation fail in turn. */
#include "binding/test_folder.h"

#include "binding/servicebinding.h"

static struct folder folder;

static int set_up(void **state)
{
        (void)state;
        folder_init(&folder);
        folder_swap(&folder, "redis/", NULL, "..1", (const char *const[]){ "type", "redis", "host", "one", NULL });
        folder_put(&folder, "Odd_Name/type", "x");
        folder_put(&folder, "kafka/type", "kafka");
        folder_put(&folder, "kafka/password", "vault://team/kafka");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        folder_fini(&folder);
        return 0;
}

static void assert_host(const struct servicebinding_set *set, const char *host)
{
        const struct servicebinding *redis = NULL;
        assert_int_equal(servicebinding_count(set), 2);
        assert_int_equal(servicebinding_find(set, NULL, "redis", NULL, &redis, NULL), 0);
        assert_string_equal(servicebinding_text(redis, "host"), host);
}

static void a_set_is_complete_or_absent_whichever_allocation_fails(void **state)
{
        (void)state;
        struct servicebinding_set *set = NULL;
        struct servicebinding_error err;
        int rc = servicebinding_load(folder.root, &set, &err);
        if (rc < 0) {
                assert_int_equal(rc, SERVICEBINDING_NOMEM);
                assert_null(set);
                return;
        }
        assert_host(set, "one");
        servicebinding_set_unref(set);
}

static void the_old_set_is_kept_whichever_allocation_fails(void **state)
{
        (void)state;
        struct servicebinding_watch *watch;
        struct servicebinding_error err;
        if (servicebinding_watch_open(folder.root, &watch, &err) < 0) {
                assert_int_equal(err.code, SERVICEBINDING_NOMEM);
                return;
        }
        folder_swap(&folder, "redis/", "..1", "..2", (const char *const[]){ "type", "redis", "host", "two", NULL });
        int rc = servicebinding_watch_poll(watch, &err);
        if (rc < 0) {
                assert_int_equal(rc, SERVICEBINDING_NOMEM);
                assert_host(servicebinding_watch_set(watch), "one");
                rc = servicebinding_watch_poll(watch, &err); /* memory is available again */
        }
        assert_int_equal(rc, 1);
        assert_host(servicebinding_watch_set(watch), "two");
        servicebinding_watch_close(watch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_set_is_complete_or_absent_whichever_allocation_fails),
                cmocka_unit_test(the_old_set_is_kept_whichever_allocation_fails),
        };
        return cmocka_run_group_tests_name("binding without memory", tests, set_up, tear_down);
}
