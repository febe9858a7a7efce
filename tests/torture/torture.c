/* torture: reruns unit tests with one allocation failing. It is linked into each unit test program with `-Wl,--wrap=`
 * for each function below, so that our objects call it instead of the C library and cmocka's runner. Each test then
 * runs repeatedly, each time in its own process: first the first allocation fails, then the second, and so on until a
 * run ends before the allocation that should fail.
 *
 * A run is a finding if it crashes, if AddressSanitizer or UBSan reports something, or if a test that passes despite
 * the failure leaks memory. Most tests assert that a call succeeds, so they fail when its allocation fails; that is not
 * a finding, and leaks of such a test are ignored. A test named `..._whichever_allocation_fails` is written for this
 * purpose: there a failed assertion is a finding too, and only allocations of the test itself count, not allocations in
 * the group's setup and teardown.
 *
 * A loop repeats the same allocations, and a test of 1000 entries would take minutes. So of the allocations with the same
 * call stack the first REPEATS_MAX and the last fail.
 *
 *     TORTURE_RUNS   failing allocations tried per test; 0 (default): all of those. With fewer, they are spread evenly
 *     TORTURE_TEST   only tests with this in their name
 *     TORTURE_AT     only this allocation, counted from 1, and show the output */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sanitizer/lsan_interface.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum {
        RUN_MS_MAX = 2000,     /* most tests wait up to 10 s for something that a failed allocation prevents */
        STRICT_MS_MAX = 60000, /* a test written for this has its own deadlines                     */
        REPORTED_MAX = 5,      /* findings shown per test                                                   */
        REPEATS_MAX = 16,      /* failing allocations with the same call stack                              */
        STACK_DEPTH = 24,      /* frames that distinguish stacks                                              */
        STACKS_MAX = 1 << 17,  /* allocations of a test whose stacks are remembered; further ones all fail */
        EXIT_SANITIZER = 99,
        EXIT_CMOCKA = 255, /* an assertion failed in a thread other than the test's                     */
};
#define STRICT "_whichever_allocation_fails"

/* Shared with the child. */
struct counter {
        atomic_ulong allocations;    /* so far, in this run     */
        unsigned long fail_at;       /* counts from 1; 0: never */
        uint64_t stacks[STACKS_MAX]; /* a hash of each allocation's call stack, in the run without a failure */
};

static struct counter *counter;
static atomic_bool is_paused; /* allocations neither count nor fail at the moment */

/* The start of the test thread's stack, for walking the frame pointers; NULL in other threads. */
static _Thread_local void **stack_begin;

/* A library's frame may contain anything in place of its caller's frame pointer, so the sanitizers must not check what
 * this reads. */
__attribute__((no_sanitize("address"))) __attribute__((no_sanitize("undefined"))) static uint64_t
hash_stack(void **frame)
{
        uint64_t hash = (uint64_t)(uintptr_t)frame[1];
        for (int i = 0; i < STACK_DEPTH && stack_begin; i++) {
                void **next = *frame;
                if (next <= frame || next >= stack_begin || (uintptr_t)next % sizeof(*next) != 0)
                        break; /* the start of the stack, or a library without frame pointers */
                frame = next;
                hash = (hash ^ (uint64_t)(uintptr_t)frame[1]) * 0x100000001b3;
        }
        return hash;
}

static bool fails(void **frame)
{
        if (!counter || atomic_load(&is_paused))
                return false;
        unsigned long number = atomic_fetch_add(&counter->allocations, 1) + 1;
        if (counter->fail_at == 0 && number <= STACKS_MAX)
                counter->stacks[number - 1] = hash_stack(frame);
        if (number != counter->fail_at)
                return false;
        errno = ENOMEM;
        return true;
}

/* --- Replacements of C library functions ------------------------------------------------------------------------- */

/* The linker provides these names: __real_x is the function that __wrap_x replaces. */
#define WRAPPED(type, name, failure, parameters, arguments)                                                            \
        type __real_##name parameters;                                                                                 \
        type __wrap_##name parameters;                                                                                 \
        type __wrap_##name parameters                                                                                  \
        {                                                                                                              \
                return fails(__builtin_frame_address(0)) ? (failure) : __real_##name arguments;                        \
        }

WRAPPED(void *, malloc, NULL, (size_t size), (size))
WRAPPED(void *, calloc, NULL, (size_t count, size_t size), (count, size))
WRAPPED(void *, realloc, NULL, (void *old, size_t size), (old, size))
WRAPPED(char *, strdup, NULL, (const char *text), (text))
WRAPPED(char *, strndup, NULL, (const char *text, size_t size), (text, size))
WRAPPED(int, vasprintf, -1, (char **out, const char *format, va_list arguments), (out, format, arguments))
WRAPPED(FILE *, open_memstream, NULL, (char **out, size_t *size), (out, size))

int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **out, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        int rc = __wrap_vasprintf(out, format, arguments);
        va_end(arguments);
        return rc;
}

/* --- One run ----------------------------------------------------------------------------------------------- */

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "exitcode=99:detect_leaks=1:leak_check_at_exit=0:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:handle_abort=2";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
        return "exitcode=99:print_stacktrace=1";
}

int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown);

struct group {
        const char *name;
        CMFixtureFunction setup, teardown;
};

enum outcome {
        PASSED,
        ASSERTION_FAILED,
        TOOK_TOO_LONG,
        CRASHED, /* or a sanitizer found something */
};

struct result {
        enum outcome outcome;
        int status;
        FILE *output;
        unsigned long allocations;
};

static bool is_strict(const struct CMUnitTest *test)
{
        return strstr(test->name, STRICT) != NULL;
}

/* cmocka also calls the teardown of a group whose setup failed midway. For a strict test, no allocation in setup and
 * teardown fails. */
static const struct group *group_run;
static const struct CMUnitTest *test_run;
static bool is_set_up;

static int set_up(void **state)
{
        atomic_store(&is_paused, is_strict(test_run));
        int rc = group_run->setup ? group_run->setup(state) : 0;
        is_set_up = rc == 0;
        atomic_store(&is_paused, false);
        return rc;
}

static int tear_down(void **state)
{
        atomic_store(&is_paused, is_strict(test_run));
        return is_set_up && group_run->teardown ? group_run->teardown(state) : 0;
}

/* Never returns. If the test passed, checks for leaks. */
static void run_child(const struct group *group, const struct CMUnitTest *test, FILE *output)
{
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setpgid(0, 0); /* so that the parent can also end processes started by the test */
        if (dup2(fileno(output), STDOUT_FILENO) < 0 || dup2(fileno(output), STDERR_FILENO) < 0)
                _exit(EXIT_FAILURE);
        group_run = group;
        test_run = test;
        stack_begin = __builtin_frame_address(0);
        int failed = __real__cmocka_run_group_tests(group->name, test, 1, set_up, tear_down);
        (void)fflush(NULL); /* loses only output for a human reader */
        if (failed)
                _exit(EXIT_FAILURE);
        _exit(__lsan_do_recoverable_leak_check() ? EXIT_SANITIZER : EXIT_SUCCESS);
}

/* Returns false if the child had to be killed. */
static bool wait_for(pid_t pid, int64_t limit_ms, int *status)
{
        int64_t until_ms = clock_monotonic_ms() + limit_ms;
        while (waitpid(pid, status, WNOHANG) == 0) {
                if (clock_monotonic_ms() >= until_ms) {
                        (void)kill(-pid, SIGKILL);
                        (void)waitpid(pid, status, 0);
                        return false;
                }
                (void)poll(NULL, 0, 1);
        }
        (void)kill(-pid, SIGKILL); /* a server that the test did not stop */
        return true;
}

static enum outcome judge(bool is_over, int status)
{
        if (!is_over)
                return TOOK_TOO_LONG;
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
                return PASSED;
        if (WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_FAILURE || WEXITSTATUS(status) == EXIT_CMOCKA))
                return ASSERTION_FAILED;
        return CRASHED;
}

static struct result run_once(const struct group *group, const struct CMUnitTest *test, unsigned long fail_at)
{
        struct result result = { .output = tmpfile() };
        if (!result.output)
                abort();
        atomic_store(&counter->allocations, 0);
        counter->fail_at = fail_at;
        (void)fflush(NULL); /* otherwise the child would print it again */
        pid_t pid = fork();
        if (pid < 0)
                abort();
        if (pid == 0)
                run_child(group, test, result.output);
        bool is_over = wait_for(pid, is_strict(test) || fail_at == 0 ? STRICT_MS_MAX : RUN_MS_MAX, &result.status);
        result.outcome = judge(is_over, result.status);
        result.allocations = atomic_load(&counter->allocations);
        return result;
}

/* --- One test ---------------------------------------------------------------------------------------------- */

static void show_output(FILE *output)
{
        char line[512];
        rewind(output);
        while (fgets(line, sizeof(line), output))
                printf("    %s", line);
}

static bool is_finding(const struct CMUnitTest *test, const struct result *result)
{
        if (result->outcome == CRASHED)
                return true;
        return is_strict(test) && result->outcome != PASSED;
}

static void report(const struct CMUnitTest *test, const struct result *result, unsigned long at)
{
        static const char *const words[] = { "passed", "an assertion failed", "took too long",
                                             "crashed, or a sanitizer found something" };
        printf("%s with allocation %lu failing: %s (wait status %d)\n", test->name, at, words[result->outcome],
               result->status);
        show_output(result->output);
}

static unsigned long setting(const char *name)
{
        const char *text = getenv(name);
        return text ? strtoul(text, NULL, 10) : 0;
}

/* The number of the allocation, of `total`, that fails in run `i` of `runs`. */
static unsigned long spread(unsigned long i, unsigned long runs, unsigned long total)
{
        return runs >= total ? i + 1 : i * total / runs + 1;
}

struct seen { /* how many times a call stack has been seen */
        uint64_t stack;
        unsigned long count;
};

static struct seen *find_seen(struct seen *all, uint64_t stack)
{
        size_t at = (size_t)stack % (2 * STACKS_MAX);
        while (all[at].count > 0 && all[at].stack != stack)
                at = (at + 1) % (2 * STACKS_MAX);
        all[at].stack = stack;
        return &all[at];
}

/* Fills `out` with the numbers of the allocations that are to fail, and returns their number. */
static unsigned long choose(unsigned long total, unsigned long out[])
{
        struct seen *ahead = calloc(2 * STACKS_MAX, sizeof(*ahead)), *so_far = calloc(2 * STACKS_MAX, sizeof(*so_far));
        unsigned long count = 0, known = total < STACKS_MAX ? total : STACKS_MAX;
        if (!ahead || !so_far)
                abort();
        for (unsigned long i = 0; i < known; i++)
                find_seen(ahead, counter->stacks[i])->count++;
        for (unsigned long i = 0; i < total; i++) {
                struct seen *seen = i < known ? find_seen(so_far, counter->stacks[i]) : NULL;
                if (!seen || seen->count < REPEATS_MAX || seen->count + 1 == find_seen(ahead, seen->stack)->count)
                        out[count++] = i + 1;
                if (seen)
                        seen->count++;
        }
        free(ahead);
        free(so_far);
        return count;
}

/* Prints the findings and returns their number. */
static unsigned torture(const struct group *group, const struct CMUnitTest *test, unsigned long total)
{
        unsigned long runs = setting("TORTURE_RUNS");
        unsigned found = 0;
        unsigned counts[CRASHED + 1] = { 0 };
        unsigned long *all = calloc(total + 1, sizeof(*all));
        if (!all)
                abort();
        unsigned long chosen = choose(total, all);
        if (runs == 0 || runs > chosen)
                runs = chosen;
        for (unsigned long i = 0; i < runs; i++) {
                unsigned long at = all[spread(i, runs, chosen) - 1];
                struct result result = run_once(group, test, at);
                counts[result.outcome]++;
                if (is_finding(test, &result) && ++found <= REPORTED_MAX)
                        report(test, &result, at);
                (void)fclose(result.output); /* it has been read */
        }
        printf("%s  %s: %lu of %lu allocations failed: %u passed, %u failed an assertion, %u took too long\n",
               found ? "FAILED" : "ok    ", test->name, runs, total, counts[PASSED], counts[ASSERTION_FAILED],
               counts[TOOK_TOO_LONG]);
        free(all);
        return found;
}

/* A test that fails without a failing allocation is a finding. */
static unsigned torture_test(const struct group *group, const struct CMUnitTest *test)
{
        unsigned long at = setting("TORTURE_AT");
        struct result result = run_once(group, test, at);
        unsigned found = result.outcome != PASSED;
        if (at > 0 || found)
                report(test, &result, at);
        (void)fclose(result.output); /* it has been read */
        if (at > 0)
                return at > result.allocations ? 1 : is_finding(test, &result);
        return found ? found : torture(group, test, result.allocations);
}

int __wrap__cmocka_run_group_tests(const char *group_name, const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
        struct group group = { group_name, setup, teardown };
        const char *only = getenv("TORTURE_TEST");
        unsigned passed = 0, failed = 0;
        counter = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (counter == MAP_FAILED)
                abort();
        setvbuf(stdout, NULL, _IOLBF, 0);
        for (size_t i = 0; i < count; i++) {
                if (only && !strstr(tests[i].name, only))
                        continue;
                if (torture_test(&group, &tests[i]) > 0)
                        failed++;
                else
                        passed++;
        }
        printf("%u passed, %u failed\n", passed, failed);
        return failed > 0;
}
