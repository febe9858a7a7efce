/* watch_test: which changes a poll reports. A plain file that has just changed may change again within one tick of the
 * clock, so these tests poll right after each change: a watch that relied only on times would miss some changes. */
#include "binding/test_folder.h"

#include <time.h>

#include "binding/fingerprint.h"

struct fixture {
        struct folder folder;
        struct servicebinding_watch *watch;
};

static int set_up(void **state)
{
        static struct fixture fixture;
        folder_init(&fixture.folder);
        fixture.watch = NULL;
        *state = &fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;
        servicebinding_watch_close(fixture->watch);
        folder_fini(&fixture->folder);
        return 0;
}

static struct servicebinding_watch *watch_open(struct fixture *fixture, const char *root)
{
        struct servicebinding_error err = { 0 };
        if (servicebinding_watch_open(root, &fixture->watch, &err) < 0)
                fail_msg("%s", err.text);
        return fixture->watch;
}

static void expect_poll(struct servicebinding_watch *w, int expected)
{
        struct servicebinding_error err = { 0 };
        int rc = servicebinding_watch_poll(w, &err);
        if (rc != expected)
                fail_msg("poll returned %d instead of %d %s", rc, expected, err.text);
}

/* A change is reported once. */
static const struct servicebinding_set *expect_change(struct servicebinding_watch *w)
{
        expect_poll(w, 1);
        expect_poll(w, 0);
        return servicebinding_watch_set(w);
}

static const char *text_of(struct servicebinding_watch *w, const char *binding, const char *entry)
{
        const struct servicebinding *b;
        if (servicebinding_find(servicebinding_watch_set(w), binding, NULL, NULL, &b, NULL) < 0)
                return NULL;
        return servicebinding_text(b, entry);
}

static void without_a_root_nothing_ever_changes(void **state)
{
        assert_int_equal(unsetenv("SERVICE_BINDING_ROOT"), 0);
        struct servicebinding_watch *w = watch_open(*state, NULL);
        expect_poll(w, 0);
        assert_int_equal(servicebinding_count(servicebinding_watch_set(w)), 0);
}

static void the_environment_is_read_once(void **state)
{
        struct fixture *fixture = *state;
        folder_put(&fixture->folder, "redis/type", "redis");
        assert_int_equal(setenv("SERVICE_BINDING_ROOT", fixture->folder.root, 1), 0);
        struct servicebinding_watch *w = watch_open(fixture, NULL);
        assert_int_equal(unsetenv("SERVICE_BINDING_ROOT"), 0);
        expect_poll(w, 0);
        assert_int_equal(servicebinding_count(servicebinding_watch_set(w)), 1);
}

static void a_root_may_appear_later_disappear_and_return(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        char root[PATH_MAX];
        (void)snprintf(root, sizeof(root), "%s", folder_path(f, "root")); /* same size */
        struct servicebinding_watch *w = watch_open(fixture, root);
        assert_int_equal(servicebinding_warning_count(servicebinding_watch_set(w)), 1);
        expect_poll(w, 0);
        folder_put(f, "root/redis/type", "redis");
        assert_int_equal(servicebinding_count(expect_change(w)), 1);
        folder_remove(f, "root");
        const struct servicebinding_set *set = expect_change(w);
        assert_int_equal(servicebinding_count(set), 0);
        assert_int_equal(servicebinding_warning_count(set), 0); /* reported before */
        folder_put(f, "root/redis/type", "redis");
        assert_int_equal(servicebinding_count(expect_change(w)), 1);
}

static void a_swap_by_the_kubelet_is_one_change(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        static const char *const old[] = { "type", "redis", "host", "a", "password", "1", NULL };
        static const char *const new[] = { "type", "redis", "host", "b", "username", "u", NULL };
        folder_swap(f, "redis/", NULL, "..1", old);
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        expect_poll(w, 0);
        folder_swap(f, "redis/", "..1", "..2", new);
        expect_change(w);
        assert_string_equal(text_of(w, "redis", "host"), "b");
        assert_string_equal(text_of(w, "redis", "username"), "u");
        assert_null(text_of(w, "redis", "password"));
}

static void writing_the_same_content_again_is_not_a_change(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        static const char *const entries[] = { "type", "redis", "host", "a", NULL };
        folder_swap(f, "redis/", NULL, "..1", entries);
        folder_put(f, "plain/type", "redis");
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        const struct servicebinding_set *before = servicebinding_watch_set(w);
        folder_swap(f, "redis/", "..1", "..2", entries);
        expect_poll(w, 0);
        folder_remove(f, "plain");
        folder_put(f, "plain/type", "redis");
        expect_poll(w, 0);
        assert_ptr_equal(servicebinding_watch_set(w), before);
}

static void a_root_that_is_one_volume_changes_as_a_whole(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        static const char *const old[] = { "redis/type", "redis", "redis/host", "a", "log/type", "collector", NULL };
        static const char *const new[] = { "redis/type", "redis", "redis/host", "b", "db/type", "mysql", NULL };
        folder_swap(f, "", NULL, "..1", old);
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        expect_poll(w, 0);
        folder_swap(f, "", "..1", "..2", new);
        const struct servicebinding_set *set = expect_change(w);
        assert_int_equal(servicebinding_count(set), 2);
        assert_string_equal(servicebinding_name(servicebinding_at(set, 0)), "db");
        assert_string_equal(text_of(w, "redis", "host"), "b");
}

static void each_change_to_a_plain_folder_is_noticed(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        char digit[2] = "0";
        folder_put(f, "redis/type", "redis");
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        for (digit[0] = '0'; digit[0] <= '9'; digit[0]++) { /* same size, same inode, same tick */
                folder_put(f, "redis/password", digit);
                expect_change(w);
                assert_string_equal(text_of(w, "redis", "password"), digit);
        }
        folder_remove(f, "redis/password");
        expect_change(w);
        assert_null(text_of(w, "redis", "password"));
}

static void an_old_plain_folder_is_watched_by_its_times(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        struct sb_fingerprint a;
        struct sb_fingerprint b;
        folder_put(f, "redis/type", "redis");
        assert_int_equal(sb_fingerprint_take(f->root, &a, NULL), 0);
        assert_true(a.is_young);
        assert_int_equal(sb_fingerprint_take(f->root, &b, NULL), 0);
        assert_true(sb_fingerprint_equal(&a, &b));
        sb_fingerprint_fini(&b);
        folder_put(f, "redis/type", "redis ");
        assert_int_equal(sb_fingerprint_take(f->root, &b, NULL), 0);
        assert_false(sb_fingerprint_equal(&a, &b));
        sb_fingerprint_fini(&b);
        sb_fingerprint_fini(&a);
        assert_int_equal(sb_fingerprint_take("/proc/sys/fs", &a, NULL), 0); /* no bindings, so no file is recent */
        assert_false(a.is_young);
        sb_fingerprint_fini(&a);
}

/* Bytes that this process has read so far (proc(5), /proc/pid/io). *own: the bytes of this check itself, which the next
 * check includes. */
static long long bytes_read(long long *own)
{
        char text[256] = "";
        long long bytes = -1;
        int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        *own = read(fd, text, sizeof(text) - 1);
        assert_true(*own > 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(sscanf(text, "rchar: %lld", &bytes), 1);
        return bytes;
}

/* Waits until no file is so recent that its times are unreliable: 2.5 s. */
static void let_rest(const struct folder *f)
{
        bool is_young = true;
        for (int i = 0; is_young; i++) {
                struct sb_fingerprint print;
                assert_true(i < 200);
                const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
                (void)nanosleep(&pause, NULL); /* a shorter pause works too */
                assert_int_equal(sb_fingerprint_take(f->root, &print, NULL), 0);
                is_young = print.is_young;
                sb_fingerprint_fini(&print);
        }
}

static void while_nothing_changes_no_file_is_read(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        static const char *const entries[] = { "type", "redis", "host", "a", NULL };
        folder_put(f, "plain/type", "redis");
        folder_put(f, "plain/host", "a");
        folder_swap(f, "volume/", NULL, "..1", entries);
        let_rest(f);
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        long long own;
        long long before = bytes_read(&own) + own;
        expect_poll(w, 0);
        assert_int_equal(bytes_read(&own), before);
        folder_put(f, "plain/host", "b"); /* same length as before: only its times differ */
        expect_change(w);
        assert_string_equal(text_of(w, "plain", "host"), "b");
}

static void bindings_may_appear_and_disappear(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        assert_int_equal(mkdir(folder_path(f, "redis"), 0755), 0);
        expect_poll(w, 0); /* no type yet */
        folder_put(f, "redis/type", "redis");
        assert_int_equal(servicebinding_count(expect_change(w)), 1);
        folder_put(f, "other/type", "redis");
        assert_int_equal(servicebinding_count(expect_change(w)), 2);
        folder_remove(f, "redis");
        assert_int_equal(servicebinding_count(expect_change(w)), 1);
}

static void a_secret_that_is_deleted_and_recreated_is_followed(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        static const char *const entries[] = { "type", "redis", "host", "a", NULL };
        static const char *const none[] = { NULL };
        folder_swap(f, "redis/", NULL, "..1", entries);
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        folder_swap(f, "redis/", "..1", "..2", none); /* an optional Secret that was removed */
        assert_int_equal(servicebinding_count(expect_change(w)), 0);
        folder_swap(f, "redis/", "..2", "..3", entries);
        expect_change(w);
        assert_string_equal(text_of(w, "redis", "host"), "a");
}

static void a_failed_read_keeps_the_old_set_and_is_retried(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        folder_put(f, "root/redis/type", "redis");
        char root[PATH_MAX];
        (void)snprintf(root, sizeof(root), "%s", folder_path(f, "root")); /* same size */
        struct servicebinding_watch *w = watch_open(fixture, root);
        folder_remove(f, "root");
        folder_put(f, "root", "a file");
        expect_poll(w, SERVICEBINDING_INVALID);
        expect_poll(w, SERVICEBINDING_INVALID);
        assert_int_equal(servicebinding_count(servicebinding_watch_set(w)), 1);
        folder_remove(f, "root");
        folder_put(f, "root/redis/type", "valkey");
        assert_string_equal(servicebinding_type(servicebinding_at(expect_change(w), 0)), "valkey");
}

static void a_binding_may_become_unreadable_and_readable_again(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        folder_put(f, "redis/..1/type", "redis");
        folder_put(f, "redis/..1/password", "secret");
        folder_link(f, "redis/..data", "..1");
        assert_int_equal(chmod(folder_path(f, "redis/..1/password"), 0), 0);
        leave_root();
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        become_root();
        const struct servicebinding *b = servicebinding_at(servicebinding_watch_set(w), 0);
        assert_non_null(strstr(servicebinding_problem(b), "password: Permission denied"));
        assert_int_equal(chmod(folder_path(f, "redis/..1/password"), 0644), 0);
        leave_root();
        int rc = servicebinding_watch_poll(w, NULL);
        become_root();
        assert_int_equal(rc, 1); /* although no link has moved */
        assert_string_equal(text_of(w, "redis", "password"), "secret");
}

static void a_warning_is_reported_once(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        folder_put(f, "Odd/type", "redis");
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        assert_int_equal(servicebinding_warning_count(servicebinding_watch_set(w)), 1);
        folder_put(f, "Odder/type", "redis");
        const struct servicebinding_set *set = expect_change(w);
        assert_int_equal(servicebinding_warning_count(set), 1);
        assert_non_null(strstr(servicebinding_warning_at(set, 0), "'Odder'"));
        folder_remove(f, "Odder");
        folder_put(f, "Odder/type", "redis");
        expect_poll(w, 0);
}

static void a_referenced_set_outlives_its_watch(void **state)
{
        struct fixture *fixture = *state;
        const struct folder *f = &fixture->folder;
        folder_put(f, "redis/type", "redis");
        struct servicebinding_watch *w = watch_open(fixture, f->root);
        struct servicebinding_set *kept = servicebinding_set_ref(servicebinding_watch_set(w));
        folder_put(f, "redis/type", "valkey");
        expect_change(w);
        servicebinding_watch_close(w);
        fixture->watch = NULL;
        assert_string_equal(servicebinding_type(servicebinding_at(kept, 0)), "redis");
        servicebinding_set_unref(kept);
}

static void a_failed_first_read_is_an_error(void **state)
{
        struct fixture *fixture = *state;
        struct servicebinding_error err;
        folder_put(&fixture->folder, "root", "a file");
        assert_int_equal(servicebinding_watch_open(folder_path(&fixture->folder, "root"), &fixture->watch, &err),
                         SERVICEBINDING_INVALID);
        assert_null(fixture->watch);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(without_a_root_nothing_ever_changes),
                CASE(the_environment_is_read_once),
                CASE(a_root_may_appear_later_disappear_and_return),
                CASE(a_swap_by_the_kubelet_is_one_change),
                CASE(writing_the_same_content_again_is_not_a_change),
                CASE(a_root_that_is_one_volume_changes_as_a_whole),
                CASE(each_change_to_a_plain_folder_is_noticed),
                CASE(an_old_plain_folder_is_watched_by_its_times),
                CASE(while_nothing_changes_no_file_is_read),
                CASE(bindings_may_appear_and_disappear),
                CASE(a_secret_that_is_deleted_and_recreated_is_followed),
                CASE(a_failed_read_keeps_the_old_set_and_is_retried),
                CASE(a_binding_may_become_unreadable_and_readable_again),
                CASE(a_warning_is_reported_once),
                CASE(a_referenced_set_outlives_its_watch),
                CASE(a_failed_first_read_is_an_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
