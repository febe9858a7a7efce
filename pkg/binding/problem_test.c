/* problem_test: a binding that exists but is unusable because of links, permissions or content is never treated as
 * absent. */
#include "binding/test_load.h"

#include "binding/folder.h"

static void an_unreadable_entry_breaks_its_binding_and_no_other(void **state)
{
        struct folder *f = *state;
        const struct servicebinding *b;
        struct servicebinding_error err;
        folder_put(f, "broken/type", "redis");
        folder_put(f, "broken/password", "secret");
        folder_put(f, "sound/type", "collector");
        assert_int_equal(chmod(folder_path(f, "broken/password"), 0), 0);
        leave_root();
        struct servicebinding_set *set = load(f);
        become_root();
        assert_int_equal(servicebinding_count(set), 2);
        expect_problem(servicebinding_at(set, 0), SERVICEBINDING_UNREADABLE, "/broken/password: Permission denied");
        assert_string_equal(servicebinding_type(servicebinding_at(set, 0)), "redis");
        assert_int_equal(servicebinding_find(set, NULL, "redis", NULL, &b, &err), SERVICEBINDING_UNREADABLE);
        assert_non_null(strstr(err.text, "/broken/password: Permission denied"));
        assert_int_equal(servicebinding_find(set, NULL, "collector", NULL, &b, &err), 0);
        assert_int_equal(servicebinding_warning_count(set), 1);
        servicebinding_set_unref(set);
}

static void an_unreadable_type_or_folder_does_not_look_absent(void **state)
{
        struct folder *f = *state;
        const struct servicebinding *b;
        struct servicebinding_error err;
        folder_put(f, "no-folder/type", "redis");
        folder_put(f, "no-search/type", "redis");
        folder_put(f, "no-type/type", "redis");
        assert_int_equal(chmod(folder_path(f, "no-folder"), 0), 0);
        assert_int_equal(chmod(folder_path(f, "no-search"), 0444), 0);
        assert_int_equal(chmod(folder_path(f, "no-type/type"), 0), 0);
        leave_root();
        struct servicebinding_set *set = load(f);
        become_root();
        assert_int_equal(servicebinding_count(set), 3);
        expect_problem(servicebinding_at(set, 0), SERVICEBINDING_UNREADABLE, "/no-folder: Permission denied");
        expect_problem(servicebinding_at(set, 1), SERVICEBINDING_UNREADABLE, "/no-search: Permission denied");
        expect_problem(servicebinding_at(set, 2), SERVICEBINDING_UNREADABLE, "/no-type/type: Permission denied");
        assert_string_equal(servicebinding_type(servicebinding_at(set, 2)), "");
        assert_int_equal(servicebinding_find(set, "no-type", "redis", NULL, &b, &err), SERVICEBINDING_UNREADABLE);
        assert_int_equal(servicebinding_find(set, NULL, "redis", NULL, &b, &err), SERVICEBINDING_UNREADABLE);
        servicebinding_set_unref(set);
        assert_int_equal(chmod(folder_path(f, "no-folder"), 0755), 0);
        assert_int_equal(chmod(folder_path(f, "no-search"), 0755), 0);
}

static void an_unreadable_root_is_an_error(void **state)
{
        struct folder *f = *state;
        struct servicebinding_set *set = NULL;
        assert_int_equal(chmod(f->root, 0), 0);
        leave_root();
        int rc = servicebinding_load(f->root, &set, NULL);
        become_root();
        assert_int_equal(chmod(f->root, 0755), 0);
        assert_int_equal(rc, SERVICEBINDING_UNREADABLE);
}

static void links_are_followed_if_they_stay_inside_the_root(void **state)
{
        struct folder *f = *state;
        folder_put(f, "..store/redis/type", "redis");
        folder_put(f, "..store/password", "secret");
        folder_link(f, "..store/redis/password", folder_path(f, "..store/password"));
        folder_link(f, "redis", "..store/redis");
        struct servicebinding_set *set = load(f);
        assert_null(servicebinding_problem(only(set)));
        assert_string_equal(servicebinding_text(only(set), "password"), "secret");
        servicebinding_set_unref(set);
}

static void a_link_that_leads_outside_is_rejected(void **state)
{
        struct folder *f = *state;
        char root[PATH_MAX];
        struct servicebinding_set *set;
        struct servicebinding_error err;
        folder_put(f, "outside/type", "redis");
        folder_put(f, "root/entry/type", "redis");
        folder_link(f, "root/entry/password", "../../outside/type");
        folder_put(f, "root/data/type", "redis");
        folder_link(f, "root/data/..data", "../../outside");
        folder_link(f, "root/whole", "../outside");
        folder_put(f, "root-beside/type", "redis"); /* begins like the root */
        folder_link(f, "root/x-beside", "../root-beside");
        (void)snprintf(root, sizeof(root), "%s", folder_path(f, "root")); /* same size */
        assert_int_equal(servicebinding_load(root, &set, &err), 0);
        assert_int_equal(servicebinding_count(set), 4);
        static const char *const parts[] = { "/data: a link leads outside", "/entry/password: a link leads outside",
                                             "/whole: a link leads outside", "/x-beside: a link leads outside" };
        for (size_t i = 0; i < 4; i++)
                expect_problem(servicebinding_at(set, i), SERVICEBINDING_INVALID, parts[i]);
        servicebinding_set_unref(set);
        folder_link(f, "root/..data", "../outside");
        assert_int_equal(servicebinding_load(root, &set, &err), SERVICEBINDING_INVALID);
        assert_non_null(strstr(err.text, "/root/..data: a link leads outside the root"));
}

static void without_proc_a_volume_is_read_and_other_links_are_rejected(void **state)
{
        struct folder *f = *state;
        const struct sb_root root = { .real = "", .fd = -1, .data_fd = -1 };
        folder_put(f, "..1/type", "redis");
        folder_link(f, "..data", "..1");
        folder_link(f, "far", "..1/type");
        folder_link(f, "chain", "far");
        int dir = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int fd = sb_open_data(&root, dir);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(sb_open(&root, dir, "far", 0), -1);
        assert_int_equal(errno, EOPNOTSUPP);
        assert_int_equal(sb_open(&root, dir, "chain", 0), -1);
        assert_int_equal(errno, EOPNOTSUPP);
        assert_int_equal(close(dir), 0);
}

static void the_root_itself_may_be_a_link(void **state)
{
        struct folder *f = *state;
        struct servicebinding_set *set;
        folder_put(f, "elsewhere/redis/..1/type", "redis");
        folder_link(f, "elsewhere/redis/..data", "..1");
        folder_link(f, "root", "elsewhere");
        assert_int_equal(servicebinding_load(folder_path(f, "root/"), &set, NULL), 0);
        assert_null(servicebinding_problem(only(set)));
        assert_string_equal(servicebinding_path(only(set)), folder_path(f, "root/redis"));
        servicebinding_set_unref(set);
}

static void dangling_links_and_anything_but_files_are_rejected(void **state)
{
        struct folder *f = *state;
        folder_put(f, "fifo/type", "redis");
        assert_int_equal(mkfifo(folder_path(f, "fifo/password"), 0644), 0);
        folder_put(f, "lost/type", "redis");
        folder_link(f, "lost/password", "nowhere");
        folder_put(f, "loop/type", "redis");
        folder_link(f, "loop/..data", "..data");
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 3);
        expect_problem(servicebinding_at(set, 0), SERVICEBINDING_INVALID, "/fifo/password: not a regular file");
        expect_problem(servicebinding_at(set, 1), SERVICEBINDING_INVALID, "/loop: Too many levels");
        expect_problem(servicebinding_at(set, 2), SERVICEBINDING_UNREADABLE,
                       "/lost/password: a link that leads nowhere");
        servicebinding_set_unref(set);
}

/* A single binding that exists but cannot be read is never treated as absent. */
static void expect_unreadable(struct folder *f, const char *part)
{
        const struct servicebinding *b = NULL;
        struct servicebinding_error err = { 0 };
        struct servicebinding_set *set = load(f);
        int rc = servicebinding_find(set, NULL, "redis", NULL, &b, &err);
        if (rc == 0 || rc == SERVICEBINDING_NOT_FOUND || !strstr(err.text, part))
                fail_msg("%d: \"%s\" lacks \"%s\"", rc, err.text, part);
        assert_int_equal(servicebinding_find(set, "x", NULL, NULL, &b, NULL), rc);
        servicebinding_set_unref(set);
        folder_remove(f, "x");
}

static void an_unreadable_folder_is_never_treated_as_absent(void **state)
{
        struct folder *f = *state;
        folder_link(f, "x", "nowhere");
        expect_unreadable(f, "/x: a link that leads nowhere");
        folder_link(f, "x", "x");
        expect_unreadable(f, "/x: Too many levels");
        folder_put(f, "..file", "");
        folder_link(f, "x", "..file/x");
        expect_unreadable(f, "/x: Not a directory");
        assert_int_equal(mkfifo(folder_path(f, "x"), 0644), 0);
        expect_unreadable(f, "/x: Not a directory");
        folder_link(f, "x/..data", "..gone");
        folder_link(f, "x/type", "..data/type");
        expect_unreadable(f, "/x: a link that leads nowhere");
        folder_put(f, "x/..1", "no folder");
        folder_link(f, "x/..data", "..1");
        expect_unreadable(f, "/x: Not a directory");
}

static void an_unreadable_entry_is_never_treated_as_absent(void **state)
{
        struct folder *f = *state;
        folder_link(f, "x/type", "nowhere");
        expect_unreadable(f, "/x/type: a link that leads nowhere");
        folder_link(f, "x/type", "type");
        expect_unreadable(f, "/x/type: Too many levels");
        folder_lead(f, "x/");
        assert_int_equal(mkfifo(folder_path(f, "x/type"), 0644), 0);
        expect_unreadable(f, "/x/type: not a regular file");
        folder_put(f, "x/type", "redis");
        folder_link(f, "x/host", "nowhere");
        expect_unreadable(f, "/x/host: a link that leads nowhere");
        folder_put(f, "x/..1/host", "10.0.0.9");
        folder_link(f, "x/..data", "..1");
        folder_link(f, "x/type", "..data/type");
        expect_unreadable(f, "/x/type: a link that leads nowhere");
}

static void a_missing_optional_secret_is_absent(void **state)
{
        struct folder *f = *state;
        static const char *const none[] = { NULL };
        assert_int_equal(mkdir(folder_path(f, "empty"), 0755), 0);
        folder_swap(f, "never/", NULL, "..1", none);
        folder_swap(f, "gone/", NULL, "..1", none);
        folder_link(f, "gone/type", "..data/type"); /* not removed yet */
        folder_put(f, "notes.txt", "a regular file in the root is not a binding");
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 0);
        assert_int_equal(servicebinding_warning_count(set), 0);
        servicebinding_set_unref(set);
}

static void a_root_that_is_a_dangling_link_is_an_error(void **state)
{
        struct folder *f = *state;
        static const char *const roots[] = { "root", "root/", "root/bindings", "volume" };
        folder_link(f, "root", "nowhere");
        folder_link(f, "volume/..data", "..gone");
        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
                struct servicebinding_set *set = NULL;
                struct servicebinding_error err = { 0 };
                assert_int_equal(servicebinding_load(folder_path(f, roots[i]), &set, &err), SERVICEBINDING_UNREADABLE);
                assert_non_null(strstr(err.text, ": a link that leads nowhere"));
        }
}

static void a_reference_to_another_system_is_rejected_by_name_without_its_value(void **state)
{
        struct folder *f = *state;
        folder_put(f, "redis/type", "redis");
        folder_put(f, "redis/provider", "x");
        folder_put(f, "redis/password", "vault://team/very-private");
        struct servicebinding_set *set = load(f);
        expect_problem(only(set), SERVICEBINDING_UNSUPPORTED, "/redis/password: refers to another system");
        assert_null(strstr(servicebinding_problem(only(set)), "very-private"));
        assert_string_equal(servicebinding_type(only(set)), "redis");
        assert_string_equal(servicebinding_provider(only(set)), "x");
        servicebinding_set_unref(set);
}

static void an_empty_type_or_one_with_a_nul_is_a_problem(void **state)
{
        struct folder *f = *state;
        folder_put(f, "a/type", " \n");
        folder_put_bytes(f, "b/type", "re\0dis", 6);
        folder_put(f, "c/type", "redis");
        folder_put_bytes(f, "c/provider", "\0", 1);
        folder_put(f, "d/type", "redis");
        folder_put(f, "d/provider", "\n");
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 4);
        expect_problem(servicebinding_at(set, 0), SERVICEBINDING_INVALID, "/a/type: is empty");
        expect_problem(servicebinding_at(set, 1), SERVICEBINDING_INVALID, "/b/type: contains a NUL byte");
        expect_problem(servicebinding_at(set, 2), SERVICEBINDING_INVALID, "/c/provider: contains a NUL byte");
        assert_null(servicebinding_problem(servicebinding_at(set, 3)));
        assert_null(servicebinding_provider(servicebinding_at(set, 3)));
        servicebinding_set_unref(set);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(an_unreadable_entry_breaks_its_binding_and_no_other),
                CASE(an_unreadable_type_or_folder_does_not_look_absent),
                CASE(an_unreadable_root_is_an_error),
                CASE(links_are_followed_if_they_stay_inside_the_root),
                CASE(a_link_that_leads_outside_is_rejected),
                CASE(without_proc_a_volume_is_read_and_other_links_are_rejected),
                CASE(the_root_itself_may_be_a_link),
                CASE(dangling_links_and_anything_but_files_are_rejected),
                CASE(an_unreadable_folder_is_never_treated_as_absent),
                CASE(an_unreadable_entry_is_never_treated_as_absent),
                CASE(a_missing_optional_secret_is_absent),
                CASE(a_root_that_is_a_dangling_link_is_an_error),
                CASE(a_reference_to_another_system_is_rejected_by_name_without_its_value),
                CASE(an_empty_type_or_one_with_a_nul_is_a_problem),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
