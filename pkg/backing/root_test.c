/* Tests of the root: one check for all followers of bindings below it. */
#include "backing/test_support.h"

#include "backing/tokens.h"
#include "base/clock.h"

enum { FOLLOWERS = 3 };

struct world {
        struct test_folder folder;
        uv_loop_t loop;
        struct backing_root *root;
        struct backing_watch *watches[FOLLOWERS];
        unsigned order[FOLLOWERS], told; /* the notified members, in order */
        int closes;                      /* the member that closes itself when it is notified; -1: none */
};

static const struct backing_tokens_input input;
static struct world world;

static void tell(unsigned index)
{
        world.order[world.told++ % FOLLOWERS] = index;
        if (world.closes == (int)index) {
                backing_watch_close(world.watches[index]);
                world.watches[index] = NULL;
        }
}

static void on_change(struct backed *now UNUSED, void *data)
{
        tell((unsigned)((struct backing_watch **)data - world.watches));
}

static int set_up(void **state UNUSED)
{
        world = (struct world){ .closes = -1 };
        test_folder_make(&world.folder);
        assert_int_equal(uv_loop_init(&world.loop), 0);
        const struct backing_root_options options = { .path = world.folder.path };
        assert_int_equal(backing_root_open(&world.loop, &options, &world.root, NULL), 0);
        for (unsigned i = 0; i < FOLLOWERS; i++) {
                const struct backing_watch_options watch = { .input = &input,
                                                             .on_change = on_change,
                                                             .data = &world.watches[i] };
                assert_int_equal(backing_watch_open(world.root, &backing_tokens_kind, &watch, &world.watches[i], NULL),
                                 0);
        }
        return 0;
}

static int tear_down(void **state UNUSED)
{
        for (unsigned i = 0; i < FOLLOWERS; i++)
                backing_watch_close(world.watches[i]);
        backing_root_close(world.root);
        assert_int_equal(uv_run(&world.loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(uv_loop_close(&world.loop), 0);
        test_folder_remove(&world.folder);
        return 0;
}

static void change(const char *token)
{
        test_folder_write(&world.folder, "clients", "type", "collector-tokens");
        test_folder_write(&world.folder, "clients", "orders", token);
        world.told = 0;
        backing_root_look(world.root);
}

static void all_members_are_notified_in_the_order_in_which_they_joined(void **state UNUSED)
{
        change("one");
        assert_int_equal(world.told, FOLLOWERS);
        for (unsigned i = 0; i < FOLLOWERS; i++)
                assert_int_equal(world.order[i], i);
        world.told = 0;
        backing_root_look(world.root);
        assert_int_equal(world.told, 0); /* nothing has changed */
}

static void a_member_that_closes_itself_when_notified_does_not_affect_the_others(void **state UNUSED)
{
        for (int i = 0; i < FOLLOWERS; i++) {
                char token[] = { (char)('a' + i), '\0' };
                world.closes = i;
                change(token);
                assert_int_equal(world.told, FOLLOWERS - i);
        }
        change("z");
        assert_int_equal(world.told, 0);
}

static void the_bindings_of_the_last_check_outlive_it(void **state UNUSED)
{
        struct servicebinding_set *before = backing_root_bindings(world.root);
        assert_int_equal(servicebinding_count(before), 0);
        change("one");
        struct servicebinding_set *after = backing_root_bindings(world.root);
        assert_int_equal(servicebinding_count(before), 0);
        assert_int_equal(servicebinding_count(after), 1);
        servicebinding_set_unref(before);
        servicebinding_set_unref(after);
}

static void a_root_that_is_a_file_is_rejected(void **state UNUSED)
{
        char path[512];
        struct backing_root *root = NULL;
        struct err err;
        test_folder_write(&world.folder, "x", "file", "");
        (void)snprintf(path, sizeof(path), "%s/x/file", world.folder.path);
        const struct backing_root_options options = { .path = path };
        assert_int_equal(backing_root_open(&world.loop, &options, &root, &err), ERR_INVALID);
        assert_null(root);
        assert_non_null(strstr(err.text, "x/file"));
}

int main(void)
{
#define ROOT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                ROOT_TEST(all_members_are_notified_in_the_order_in_which_they_joined),
                ROOT_TEST(a_member_that_closes_itself_when_notified_does_not_affect_the_others),
                ROOT_TEST(the_bindings_of_the_last_check_outlive_it),
                ROOT_TEST(a_root_that_is_a_file_is_rejected),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
