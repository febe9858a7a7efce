/* swap_test: a child process writes one generation after another, like the kubelet, while this process reads. Every
 * entry of a generation contains its number, and odd generations have an additional entry, so half a generation would
 * be detected. A read may fail only because the folder kept changing. The number of generations bounds the test. */
#include "binding/test_folder.h"

#include "binding/servicebinding.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { GENERATIONS = 150, PAUSE_US = 500 };

/* Writes all generations but the first, then ends. Random pauses between generations let the reader finish now and
 * then. */
static void write_generations(const struct folder *f, const char *volume, const char *prefix)
{
        char names[5][64];
        char number[16];
        char generation[32];
        char previous[32];
        static const char *const words[] = { "type", "host", "port", "password" };
        for (int i = 1; i < GENERATIONS; i++) {
                const char *entries[13] = { NULL };
                (void)snprintf(number, sizeof(number), "%d", i); /* these all fit */
                (void)snprintf(generation, sizeof(generation), "..g%d", i);
                (void)snprintf(previous, sizeof(previous), "..g%d", i - 1);
                for (int k = 0; k < 4; k++) {
                        (void)snprintf(names[k], sizeof(names[k]), "%s%s", prefix, words[k]);
                        entries[2 * k] = names[k];
                        entries[2 * k + 1] = k == 0 ? "redis" : number;
                }
                entries[8] = prefix[0] ? "second/type" : "username";
                entries[9] = number;
                if (i % 2) {
                        (void)snprintf(names[4], sizeof(names[4]), "%sodd", prefix);
                        entries[10] = names[4];
                        entries[11] = number;
                }
                folder_swap(f, volume, previous, generation, entries);
                const struct timespec pause = { .tv_nsec = PAUSE_US * 1000 };
                (void)nanosleep(&pause, NULL); /* a shorter pause works too */
        }
}

static pid_t start_writer(const struct folder *f, const char *volume, const char *prefix)
{
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                write_generations(f, volume, prefix);
                _exit(0);
        }
        return child;
}

/* True while the writer runs. */
static bool is_running(pid_t writer)
{
        int status;
        pid_t ended = waitpid(writer, &status, WNOHANG);
        if (ended == writer)
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return ended == 0;
}

/* The generation of the set; fails if the set mixes several. */
static int generation_of(const struct servicebinding_set *set, bool has_second)
{
        assert_int_equal(servicebinding_count(set), has_second ? 2 : 1);
        const struct servicebinding *b = servicebinding_at(set, 0);
        if (servicebinding_problem(b))
                fail_msg("%s", servicebinding_problem(b));
        const char *host = servicebinding_text(b, "host");
        assert_string_equal(servicebinding_text(b, "password"), host);
        assert_string_equal(servicebinding_text(b, "port"), host);
        int generation = (int)strtol(host, NULL, 10);
        if (generation % 2)
                assert_string_equal(servicebinding_text(b, "odd"), host);
        else
                assert_null(servicebinding_text(b, "odd"));
        if (has_second)
                assert_string_equal(servicebinding_type(servicebinding_at(set, 1)), host);
        else
                assert_string_equal(servicebinding_text(b, "username"), host);
        return generation;
}

static void a_load_never_returns_half_a_generation(void **state)
{
        static const char *const first[] = { "type",     "redis", "host",     "0", "port", "0",
                                             "password", "0",     "username", "0", NULL };
        struct folder f;
        int last = 0;
        int seen = 0;
        (void)state;
        folder_init(&f);
        folder_swap(&f, "redis/", NULL, "..g0", first);
        pid_t writer = start_writer(&f, "redis/", "");
        while (is_running(writer)) {
                struct servicebinding_set *set;
                struct servicebinding_error err;
                int rc = servicebinding_load(f.root, &set, &err);
                if (rc < 0) {
                        assert_int_equal(rc, SERVICEBINDING_UNAVAILABLE);
                        continue;
                }
                int generation = generation_of(set, false);
                assert_true(generation >= last);
                seen += generation > last;
                last = generation;
                servicebinding_set_unref(set);
        }
        assert_true(seen > GENERATIONS / 20);
        folder_fini(&f);
}

static void a_watch_on_a_volume_never_returns_half_a_generation(void **state)
{
        static const char *const first[] = { "redis/type",     "redis", "redis/host",  "0", "redis/port", "0",
                                             "redis/password", "0",     "second/type", "0", NULL };
        struct folder f;
        int last = 0;
        int changes = 0;
        struct servicebinding_watch *w;
        (void)state;
        folder_init(&f);
        folder_swap(&f, "", NULL, "..g0", first);
        assert_int_equal(servicebinding_watch_open(f.root, &w, NULL), 0);
        pid_t writer = start_writer(&f, "", "redis/");
        bool goes_on = true;
        while (goes_on) {
                goes_on = is_running(writer); /* and once more after the writer has ended */
                int rc = servicebinding_watch_poll(w, NULL);
                assert_true(rc >= 0 || rc == SERVICEBINDING_UNAVAILABLE || rc == SERVICEBINDING_NOT_FOUND);
                int generation = generation_of(servicebinding_watch_set(w), true);
                assert_true(rc == 1 ? generation > last : generation == last);
                changes += rc == 1;
                last = generation;
        }
        assert_true(changes > GENERATIONS / 20);
        assert_int_equal(last, GENERATIONS - 1);
        servicebinding_watch_close(w);
        folder_fini(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_load_never_returns_half_a_generation),
                cmocka_unit_test(a_watch_on_a_volume_never_returns_half_a_generation),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
