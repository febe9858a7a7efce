/* load_test: reading a root: layouts, names, limits, sets. */
#include "binding/test_load.h"

#include <sys/resource.h>

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

static void a_missing_root_causes_a_warning(void **state)
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

static void a_volume_written_by_the_kubelet_is_read(void **state)
{
        struct folder *f = *state;
        static const char *const entries[] = { "type", "redis", "host", "10.0.0.9", "nested/file", "x", NULL };
        folder_swap(f, "redis/", NULL, "..2026_11_24_08_15_30.123456789", entries);
        struct servicebinding_set *set = load(f);
        const struct servicebinding *b = only(set);
        assert_null(servicebinding_problem(b));
        assert_int_equal(servicebinding_entry_count(b), 2); /* a folder is not an entry */
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

static void visible_links_that_appear_or_disappear_late_do_not_matter(void **state)
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

static void odd_names_are_ignored_with_a_warning(void **state)
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
        assert_non_null(strstr(servicebinding_warning_at(set, 0), "folder 'Upper' is ignored"));
        assert_non_null(strstr(servicebinding_warning_at(set, 1), "folder 'mmm"));
        assert_non_null(strstr(servicebinding_warning_at(set, 2), "folder 'new?line' is ignored"));
        assert_non_null(strstr(servicebinding_warning_at(set, 3), "redis: entry 'pass?word' is ignored"));
        servicebinding_set_unref(set);
}

static void an_entry_is_at_most_one_mebibyte(void **state)
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

static void a_set_is_at_most_sixteen_mebibytes(void **state)
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

static void sets_are_equal_if_every_byte_is(void **state)
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

static void a_set_lives_until_the_last_reference_is_released(void **state)
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

/* With any number of free descriptors, a binding is either read completely or the read returns UNAVAILABLE. */
static void without_descriptors_the_load_fails_and_never_returns_half_a_set(void **state)
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
                CASE(a_missing_root_causes_a_warning),
                CASE(a_root_that_is_a_file_is_an_error),
                CASE(a_plain_folder_is_read),
                CASE(a_volume_written_by_the_kubelet_is_read),
                CASE(one_projected_volume_may_be_the_whole_root),
                CASE(visible_links_that_appear_or_disappear_late_do_not_matter),
                CASE(visible_links_of_a_root_that_is_a_volume_do_not_matter_either),
                CASE(folders_without_a_type_and_files_are_ignored_silently),
                CASE(odd_names_are_ignored_with_a_warning),
                CASE(an_entry_is_at_most_one_mebibyte),
                CASE(a_set_is_at_most_sixteen_mebibytes),
                CASE(a_binding_has_at_most_256_entries),
                CASE(a_root_has_at_most_128_bindings),
                CASE(sets_are_equal_if_every_byte_is),
                CASE(a_set_lives_until_the_last_reference_is_released),
                CASE(loading_leaves_no_descriptor_open),
                CASE(without_descriptors_the_load_fails_and_never_returns_half_a_set),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
