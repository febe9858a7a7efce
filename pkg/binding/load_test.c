/* load_test: what is read from a root, and what is not. */
#include "binding/test_folder.h"

#include <sys/resource.h>

#include "binding/internal.h"

static int set_up(void **state)
{
        static struct folder folder;
        folder_init(&folder);
        *state = &folder;
        return 0;
}

static int tear_down(void **state)
{
        folder_fini(*state);
        return 0;
}

static struct servicebinding_set *load(const struct folder *f)
{
        struct servicebinding_set *set = NULL;
        struct servicebinding_error err = { 0 };
        if (servicebinding_load(f->root, &set, &err) < 0)
                fail_msg("%s", err.text);
        return set;
}

/* The set's only binding. */
static const struct servicebinding *only(const struct servicebinding_set *set)
{
        assert_int_equal(servicebinding_count(set), 1);
        return servicebinding_at(set, 0);
}

static void expect_problem(const struct servicebinding *b, int code, const char *part)
{
        assert_int_equal(b->problem.code, code);
        if (!strstr(servicebinding_problem(b), part))
                fail_msg("\"%s\" lacks \"%s\"", servicebinding_problem(b), part);
        assert_int_equal(servicebinding_entry_count(b), 0);
}

static void without_a_root_there_are_no_bindings_and_no_warning(void **state)
{
        struct servicebinding_set *set;
        (void)state;
        for (int i = 0; i < 2; i++) {
                assert_int_equal(i ? setenv("SERVICE_BINDING_ROOT", "", 1) : unsetenv("SERVICE_BINDING_ROOT"), 0);
                assert_int_equal(servicebinding_load(NULL, &set, NULL), 0);
                assert_int_equal(servicebinding_count(set), 0);
                assert_int_equal(servicebinding_warning_count(set), 0);
                assert_null(servicebinding_set_root(set));
                assert_null(servicebinding_at(set, 0));
                servicebinding_set_unref(set);
        }
}

static void the_environment_names_the_root(void **state)
{
        struct folder *f = *state;
        struct servicebinding_set *set;
        folder_put(f, "redis/type", "redis");
        assert_int_equal(setenv("SERVICE_BINDING_ROOT", f->root, 1), 0);
        assert_int_equal(servicebinding_load(NULL, &set, NULL), 0);
        assert_string_equal(servicebinding_name(only(set)), "redis");
        assert_string_equal(servicebinding_set_root(set), f->root);
        servicebinding_set_unref(set);
        assert_int_equal(unsetenv("SERVICE_BINDING_ROOT"), 0);
}

static void a_missing_root_is_a_warning(void **state)
{
        struct folder *f = *state;
        struct servicebinding_set *set;
        assert_int_equal(servicebinding_load(folder_path(f, "nothing/here"), &set, NULL), 0);
        assert_int_equal(servicebinding_count(set), 0);
        assert_int_equal(servicebinding_warning_count(set), 1);
        assert_non_null(strstr(servicebinding_warning_at(set, 0), "nothing/here: no such folder"));
        assert_null(servicebinding_warning_at(set, 1));
        servicebinding_set_unref(set);
}

static void a_root_that_is_a_file_is_an_error(void **state)
{
        struct folder *f = *state;
        struct servicebinding_set *set = NULL;
        struct servicebinding_error err;
        folder_put(f, "root", "a file");
        assert_int_equal(servicebinding_load(folder_path(f, "root"), &set, &err), SERVICEBINDING_INVALID);
        assert_non_null(strstr(err.text, "/root: Not a directory"));
        assert_null(set);
        assert_int_equal(servicebinding_load(folder_path(f, "root"), &set, NULL), SERVICEBINDING_INVALID);
}

static void a_plain_folder_is_read(void **state)
{
        struct folder *f = *state;
        size_t length = 0;
        folder_put(f, "redis/type", "redis \r\n");
        folder_put(f, "redis/provider", "bitnami\n");
        folder_put(f, "redis/password", "a blank \n");
        folder_put_bytes(f, "redis/keystore.jks", "\0\1\2\n", 4);
        struct servicebinding_set *set = load(f);
        const struct servicebinding *b = only(set);
        assert_string_equal(servicebinding_name(b), "redis");
        assert_string_equal(servicebinding_type(b), "redis");
        assert_string_equal(servicebinding_provider(b), "bitnami");
        assert_string_equal(servicebinding_path(b), folder_path(f, "redis"));
        assert_null(servicebinding_problem(b));
        assert_int_equal(servicebinding_entry_count(b), 4);
        assert_string_equal(servicebinding_entry_name(b, 0), "keystore.jks");
        assert_string_equal(servicebinding_entry_name(b, 3), "type");
        assert_null(servicebinding_entry_name(b, 4));
        assert_string_equal(servicebinding_text(b, "password"), "a blank ");
        assert_memory_equal(servicebinding_bytes(b, "password", &length), "a blank \n", 10);
        assert_int_equal(length, 9);
        assert_null(servicebinding_text(b, "keystore.jks"));
        assert_memory_equal(servicebinding_bytes(b, "keystore.jks", NULL), "\0\1\2\n", 5);
        assert_null(servicebinding_text(b, "host"));
        assert_null(servicebinding_bytes(b, "host", &length));
        assert_int_equal(length, 0);
        servicebinding_set_unref(set);
}

static void a_volume_as_the_kubelet_writes_it_is_read(void **state)
{
        struct folder *f = *state;
        static const char *const entries[] = { "type", "redis", "host", "10.0.0.9", "nested/file", "x", NULL };
        folder_swap(f, "redis/", NULL, "..2026_11_24_08_15_30.123456789", entries);
        struct servicebinding_set *set = load(f);
        const struct servicebinding *b = only(set);
        assert_null(servicebinding_problem(b));
        assert_int_equal(servicebinding_entry_count(b), 2); /* a folder is no entry */
        assert_string_equal(servicebinding_text(b, "host"), "10.0.0.9");
        assert_int_equal(servicebinding_warning_count(set), 0);
        servicebinding_set_unref(set);
}

static void one_projected_volume_may_be_the_whole_root(void **state)
{
        struct folder *f = *state;
        static const char *const entries[] = { "redis/type", "redis",        "redis/host", "10.0.0.9", "log/type",
                                               "collector",  "notes/readme", "no type",    NULL };
        folder_swap(f, "", NULL, "..2026_11_24", entries);
        folder_put(f, "mounted-beside/type", "kafka");
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 3);
        assert_string_equal(servicebinding_name(servicebinding_at(set, 0)), "log");
        assert_string_equal(servicebinding_name(servicebinding_at(set, 1)), "mounted-beside");
        assert_string_equal(servicebinding_name(servicebinding_at(set, 2)), "redis");
        assert_string_equal(servicebinding_text(servicebinding_at(set, 2), "host"), "10.0.0.9");
        assert_int_equal(servicebinding_warning_count(set), 0);
        servicebinding_set_unref(set);
}

static void visible_links_that_come_late_or_stay_too_long_do_not_matter(void **state)
{
        struct folder *f = *state;
        folder_put(f, "redis/..1/type", "redis");
        folder_put(f, "redis/..1/password", "new");
        folder_link(f, "redis/..data", "..1");
        folder_link(f, "redis/type", "..data/type");
        folder_link(f, "redis/username", "..data/username"); /* not removed yet */
        struct servicebinding_set *set = load(f);
        assert_string_equal(servicebinding_text(only(set), "password"), "new");
        assert_null(servicebinding_text(only(set), "username"));
        servicebinding_set_unref(set);
}

static void visible_links_of_a_root_that_is_a_volume_do_not_matter_either(void **state)
{
        struct folder *f = *state;
        folder_put(f, "..1/redis/type", "redis");
        folder_link(f, "..data", "..1");
        folder_link(f, "gone", "..data/gone"); /* not removed yet */
        struct servicebinding_set *set = load(f);
        assert_string_equal(servicebinding_name(only(set)), "redis");
        assert_int_equal(servicebinding_warning_count(set), 0);
        servicebinding_set_unref(set);
}

static void folders_without_a_type_and_files_are_ignored_silently(void **state)
{
        struct folder *f = *state;
        folder_put(f, "README.md", "a file in the root");
        folder_put(f, "no-type/host", "x");
        folder_put(f, "type-is-a-folder/type/x", "x");
        folder_put(f, "..hidden/type", "redis");
        assert_int_equal(mkdir(folder_path(f, "empty"), 0755), 0);
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 0);
        assert_int_equal(servicebinding_warning_count(set), 0);
        servicebinding_set_unref(set);
}

static void odd_names_are_warned_of_and_left_out(void **state)
{
        struct folder *f = *state;
        char name[300];
        folder_put(f, "Upper/type", "redis");
        folder_put(f, "new\nline/type", "redis");
        folder_put(f, "redis/type", "redis");
        folder_put(f, "redis/pass word", "x");
        memset(name, 'n', 253);
        memcpy(name + 253, "/type", sizeof("/type"));
        folder_put(f, name, "redis");
        memset(name, 'm', 254);
        memcpy(name + 254, "/type", sizeof("/type"));
        folder_put(f, name, "redis");
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 2);
        assert_int_equal(strlen(servicebinding_name(servicebinding_at(set, 0))), 253);
        assert_string_equal(servicebinding_name(servicebinding_at(set, 1)), "redis");
        assert_int_equal(servicebinding_entry_count(servicebinding_at(set, 1)), 1);
        assert_int_equal(servicebinding_warning_count(set), 4);
        assert_non_null(strstr(servicebinding_warning_at(set, 0), "folder 'Upper' is left out"));
        assert_non_null(strstr(servicebinding_warning_at(set, 1), "folder 'mmm"));
        assert_non_null(strstr(servicebinding_warning_at(set, 2), "folder 'new?line' is left out"));
        assert_non_null(strstr(servicebinding_warning_at(set, 3), "redis: entry 'pass?word' is left out"));
        servicebinding_set_unref(set);
}

static void an_entry_has_at_most_one_mebibyte(void **state)
{
        struct folder *f = *state;
        size_t length;
        char *large = malloc(SB_ENTRY_MAX + 1);
        assert_non_null(large);
        memset(large, 'x', SB_ENTRY_MAX + 1);
        folder_put(f, "a/type", "redis");
        folder_put_bytes(f, "a/ca.crt", large, SB_ENTRY_MAX);
        folder_put(f, "b/type", "redis");
        folder_put_bytes(f, "b/ca.crt", large, SB_ENTRY_MAX + 1);
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 2);
        assert_memory_equal(servicebinding_bytes(servicebinding_at(set, 0), "ca.crt", &length), large, SB_ENTRY_MAX);
        assert_int_equal(length, SB_ENTRY_MAX);
        expect_problem(servicebinding_at(set, 1), SERVICEBINDING_LIMIT, "/b/ca.crt: larger than 1048576 bytes");
        assert_int_equal(servicebinding_warning_count(set), 1);
        servicebinding_set_unref(set);
        free(large);
}

static void a_set_has_at_most_sixteen_mebibytes(void **state)
{
        struct folder *f = *state;
        char name[32];
        folder_put(f, "a/type", "redis");
        folder_put(f, "b/type", "redis");
        folder_put(f, "c/type", "redis");
        for (int i = 0; i < 16; i++) {
                (void)snprintf(name, sizeof(name), "%s/%d", i < 8 ? "a" : "b", i); /* fits */
                folder_put(f, name, "");
                assert_int_equal(truncate(folder_path(f, name), SB_ENTRY_MAX), 0);
        }
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 3);
        assert_null(servicebinding_problem(servicebinding_at(set, 0)));
        expect_problem(servicebinding_at(set, 1), SERVICEBINDING_LIMIT, "hold more than 16777216 bytes");
        assert_null(servicebinding_problem(servicebinding_at(set, 2)));
        servicebinding_set_unref(set);
}

static void a_binding_has_at_most_256_entries(void **state)
{
        struct folder *f = *state;
        char name[32];
        folder_put(f, "a/type", "redis");
        for (int i = 0; i < 255; i++) {
                (void)snprintf(name, sizeof(name), "a/%d", i); /* fits */
                folder_put(f, name, "");
        }
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_entry_count(only(set)), 256);
        servicebinding_set_unref(set);
        folder_put(f, "a/255", "");
        set = load(f);
        expect_problem(only(set), SERVICEBINDING_LIMIT, "/a: more than 256 names");
        servicebinding_set_unref(set);
}

static void a_root_has_at_most_128_bindings(void **state)
{
        struct folder *f = *state;
        char name[32];
        struct servicebinding_set *set;
        struct servicebinding_error err;
        for (int i = 0; i < 128; i++) {
                (void)snprintf(name, sizeof(name), "b%d/type", i); /* fits */
                folder_put(f, name, "redis");
        }
        set = load(f);
        assert_int_equal(servicebinding_count(set), 128);
        servicebinding_set_unref(set);
        folder_put(f, "b128/type", "redis");
        assert_int_equal(servicebinding_load(f->root, &set, &err), SERVICEBINDING_LIMIT);
        assert_non_null(strstr(err.text, "more than 128 bindings"));
}

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

static void an_unreadable_type_or_folder_does_not_vanish(void **state)
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

static void links_are_followed_while_they_stay_inside_the_root(void **state)
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

static void a_link_that_leads_outside_is_refused(void **state)
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

static void without_proc_a_volume_is_read_and_other_links_are_refused(void **state)
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

static void what_is_no_file_is_refused_and_a_link_to_nothing_too(void **state)
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

/* One binding that is there and cannot be read: never as if there were none. */
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

static void a_folder_that_is_there_and_cannot_be_read_is_never_taken_for_absent(void **state)
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

static void an_entry_that_is_there_and_cannot_be_read_is_never_taken_for_absent(void **state)
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

static void an_optional_secret_that_is_not_there_is_absent(void **state)
{
        struct folder *f = *state;
        static const char *const none[] = { NULL };
        assert_int_equal(mkdir(folder_path(f, "empty"), 0755), 0);
        folder_swap(f, "never/", NULL, "..1", none);
        folder_swap(f, "gone/", NULL, "..1", none);
        folder_link(f, "gone/type", "..data/type"); /* not removed yet */
        folder_put(f, "notes.txt", "a regular file in the root is none that should be a folder");
        struct servicebinding_set *set = load(f);
        assert_int_equal(servicebinding_count(set), 0);
        assert_int_equal(servicebinding_warning_count(set), 0);
        servicebinding_set_unref(set);
}

static void a_root_that_is_a_link_to_nothing_is_an_error(void **state)
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

static void a_reference_to_another_system_is_refused_by_name_without_its_value(void **state)
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
        expect_problem(servicebinding_at(set, 1), SERVICEBINDING_INVALID, "/b/type: holds a NUL byte");
        expect_problem(servicebinding_at(set, 2), SERVICEBINDING_INVALID, "/c/provider: holds a NUL byte");
        assert_null(servicebinding_problem(servicebinding_at(set, 3)));
        assert_null(servicebinding_provider(servicebinding_at(set, 3)));
        servicebinding_set_unref(set);
}

static void sets_are_equal_where_every_byte_is(void **state)
{
        struct folder *f = *state;
        folder_put(f, "redis/type", "redis");
        folder_put(f, "redis/password", "a");
        struct servicebinding_set *a = load(f);
        struct servicebinding_set *b = load(f);
        assert_true(servicebinding_set_equal(a, b));
        assert_true(servicebinding_equal(only(a), only(b)));
        assert_true(servicebinding_set_equal(NULL, NULL));
        assert_true(servicebinding_equal(NULL, NULL));
        assert_false(servicebinding_set_equal(a, NULL));
        assert_false(servicebinding_equal(NULL, only(b)));
        servicebinding_set_unref(b);
        folder_put(f, "redis/password", "a\n");
        b = load(f);
        assert_false(servicebinding_set_equal(a, b));
        servicebinding_set_unref(b);
        servicebinding_set_unref(a);
        servicebinding_set_unref(NULL);
}

static void a_set_lives_until_the_last_reference_is_given_back(void **state)
{
        struct folder *f = *state;
        folder_put(f, "redis/type", "redis");
        struct servicebinding_set *set = load(f);
        struct servicebinding_set *kept = servicebinding_set_ref(set);
        assert_ptr_equal(kept, set);
        servicebinding_set_unref(set);
        assert_string_equal(servicebinding_type(only(kept)), "redis");
        servicebinding_set_unref(kept);
}

static void loading_leaves_no_descriptor_open(void **state)
{
        struct folder *f = *state;
        static const char *const entries[] = { "redis/type", "redis", NULL };
        folder_swap(f, "", NULL, "..1", entries);
        folder_put(f, "beside/type", "x");
        int before = dup(0);
        for (int i = 0; i < 3; i++)
                servicebinding_set_unref(load(f));
        int after = dup(0);
        assert_int_equal(before + 1, after);
        assert_int_equal(close(before), 0);
        assert_int_equal(close(after), 0);
}

/* However many descriptors are left, a binding is whole or the reading says to try again. */
static void without_descriptors_it_is_not_now_and_never_half_a_set(void **state)
{
        struct folder *f = *state;
        struct rlimit before;
        static const char *const entries[] = { "type", "redis", "host", "10.0.0.9", NULL };
        unsigned refused = 0;
        int rc = SERVICEBINDING_UNAVAILABLE;
        folder_swap(f, "redis/", NULL, "..1", entries);
        folder_put(f, "plain/type", "redis");
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        int next = dup(0);
        assert_true(next > 0);
        assert_int_equal(close(next), 0);
        for (int spare = 0; rc < 0 && spare < 16; spare++) {
                struct servicebinding_set *set = NULL;
                struct servicebinding_error err;
                struct rlimit few = { .rlim_cur = (rlim_t)(next + spare), .rlim_max = before.rlim_max };
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
                rc = servicebinding_load(f->root, &set, &err);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
                if (rc < 0) {
                        assert_int_equal(rc, SERVICEBINDING_UNAVAILABLE);
                        assert_null(set);
                        refused++;
                        continue;
                }
                assert_int_equal(servicebinding_count(set), 2);
                assert_string_equal(servicebinding_text(servicebinding_at(set, 1), "host"), "10.0.0.9");
                servicebinding_set_unref(set);
        }
        assert_int_equal(rc, 0);
        assert_true(refused >= 3); /* the root, a folder in it, a file in that */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(without_a_root_there_are_no_bindings_and_no_warning),
                CASE(the_environment_names_the_root),
                CASE(a_missing_root_is_a_warning),
                CASE(a_root_that_is_a_file_is_an_error),
                CASE(a_plain_folder_is_read),
                CASE(a_volume_as_the_kubelet_writes_it_is_read),
                CASE(one_projected_volume_may_be_the_whole_root),
                CASE(visible_links_that_come_late_or_stay_too_long_do_not_matter),
                CASE(visible_links_of_a_root_that_is_a_volume_do_not_matter_either),
                CASE(folders_without_a_type_and_files_are_ignored_silently),
                CASE(odd_names_are_warned_of_and_left_out),
                CASE(an_entry_has_at_most_one_mebibyte),
                CASE(a_set_has_at_most_sixteen_mebibytes),
                CASE(a_binding_has_at_most_256_entries),
                CASE(a_root_has_at_most_128_bindings),
                CASE(an_unreadable_entry_breaks_its_binding_and_no_other),
                CASE(an_unreadable_type_or_folder_does_not_vanish),
                CASE(an_unreadable_root_is_an_error),
                CASE(links_are_followed_while_they_stay_inside_the_root),
                CASE(a_link_that_leads_outside_is_refused),
                CASE(without_proc_a_volume_is_read_and_other_links_are_refused),
                CASE(the_root_itself_may_be_a_link),
                CASE(what_is_no_file_is_refused_and_a_link_to_nothing_too),
                CASE(a_folder_that_is_there_and_cannot_be_read_is_never_taken_for_absent),
                CASE(an_entry_that_is_there_and_cannot_be_read_is_never_taken_for_absent),
                CASE(an_optional_secret_that_is_not_there_is_absent),
                CASE(a_root_that_is_a_link_to_nothing_is_an_error),
                CASE(a_reference_to_another_system_is_refused_by_name_without_its_value),
                CASE(an_empty_type_or_one_with_a_nul_is_a_problem),
                CASE(sets_are_equal_where_every_byte_is),
                CASE(a_set_lives_until_the_last_reference_is_given_back),
                CASE(loading_leaves_no_descriptor_open),
                CASE(without_descriptors_it_is_not_now_and_never_half_a_set),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
