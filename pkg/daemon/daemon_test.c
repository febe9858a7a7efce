/* Tests of daemon with signals that the process sends to itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "daemon/daemon.h"

struct program {
        struct daemon daemon;
        uv_timer_t next;
        const int *signals; /* 0 at the end */
        unsigned stops, reloads;
        char order[8];
};

static void on_stop(void *data)
{
        struct program *program = data;
        program->order[program->stops++ + program->reloads] = 's';
}

static void on_reload(void *data)
{
        struct program *program = data;
        program->order[program->stops + program->reloads++] = 'r';
}

/* Sends one signal per turn, because the kernel merges equal pending signals. */
static void send_next(uv_timer_t *timer)
{
        struct program *program = CONTAINER_OF(timer, struct program, next);
        if (*program->signals == 0)
                (void)uv_timer_stop(timer);
        else
                assert_int_equal(kill(getpid(), *program->signals++), 0);
}

static int64_t run(struct program *program, const int *signals, int64_t drain_delay_ms, int64_t grace_ms)
{
        struct err err;
        *program = (struct program){ .signals = signals };
        struct daemon_options options = { .drain_delay_ms = drain_delay_ms,
                                          .grace_ms = grace_ms,
                                          .on_stop = on_stop,
                                          .on_reload = on_reload,
                                          .data = program };
        assert_int_equal(daemon_init(&program->daemon, &options, &err), 0);
        assert_int_equal(uv_timer_init(&program->daemon.loop, &program->next), 0);
        assert_int_equal(uv_timer_start(&program->next, send_next, 1, 10), 0);
        int64_t deadline_ms = daemon_run(&program->daemon);
        daemon_fini(&program->daemon);
        return deadline_ms;
}

static void a_signal_to_stop_ends_the_run_after_the_drain_delay(void **state)
{
        struct program program;
        int64_t begun_ms = clock_monotonic_ms();
        (void)state;
        int64_t deadline_ms = run(&program, (const int[]){ SIGTERM, 0 }, 50, 5000);
        assert_true(clock_monotonic_ms() - begun_ms >= 50);
        assert_in_range(deadline_ms, (uintmax_t)begun_ms + 5000, (uintmax_t)clock_monotonic_ms() + 5000);
        assert_string_equal(program.order, "s");
}

static void sighup_reloads_and_does_not_stop(void **state)
{
        struct program program;
        (void)state;
        (void)run(&program, (const int[]){ SIGHUP, SIGHUP, SIGINT, 0 }, 0, 1000);
        assert_string_equal(program.order, "rrs");
}

static void a_second_signal_cuts_the_delay_short(void **state)
{
        struct program program;
        int64_t begun_ms = clock_monotonic_ms();
        (void)state;
        (void)run(&program, (const int[]){ SIGTERM, SIGTERM, 0 }, 60000, 120000);
        assert_true(clock_monotonic_ms() - begun_ms < 60000);
        assert_int_equal(program.stops, 1);
}

static void a_closed_pipe_does_not_end_the_program(void **state)
{
        struct daemon daemon;
        struct err err;
        int fds[2];
        (void)state;
        assert_int_equal(daemon_init(&daemon, &(struct daemon_options){ 0 }, &err), 0);
        assert_int_equal(pipe(fds), 0);
        (void)close(fds[0]);
        assert_int_equal(write(fds[1], "x", 1), -1);
        (void)close(fds[1]);
        daemon_fini(&daemon);
}

/* Runs `body` in a child, since it changes the whole process, and returns its exit status. */
static int in_a_child(int (*body)(void))
{
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
                _exit(body());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static bool is_null_device(int fd)
{
        struct stat found, expected;
        return fstat(fd, &found) == 0 && stat("/dev/null", &expected) == 0 && found.st_rdev == expected.st_rdev;
}

static int close_all_and_prepare(void)
{
        for (int fd = 0; fd < 3; fd++)
                (void)close(fd);
        if (daemon_prepare() < 0)
                return 1;
        return is_null_device(0) && is_null_device(1) && is_null_device(2) ? 0 : 2;
}

static int close_output_and_prepare(void)
{
        int fds[2];
        if (pipe(fds) < 0 || dup2(fds[0], 0) < 0 || dup2(fds[1], 2) < 0 || close(1) < 0 || daemon_prepare() < 0)
                return 1;
        return !is_null_device(0) && is_null_device(1) && !is_null_device(2) ? 0 : 2;
}

static void closed_standard_descriptors_are_opened_on_dev_null(void **state)
{
        (void)state;
        assert_int_equal(in_a_child(close_all_and_prepare), 0);
        assert_int_equal(in_a_child(close_output_and_prepare), 0);
}

static int look_at_core_dumps(void)
{
        struct rlimit limit = { 4096, 4096 };
        if (setrlimit(RLIMIT_CORE, &limit) < 0 || daemon_prepare() < 0 || getrlimit(RLIMIT_CORE, &limit) < 0)
                return 1;
        if (limit.rlim_cur != 0 || prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
                return 2;
        daemon_allow_core_dumps();
        if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur != 4096)
                return 3;
        return prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) == 1 ? 0 : 4;
}

static void core_dumps_are_written_only_if_allowed(void **state)
{
        (void)state;
        assert_int_equal(in_a_child(look_at_core_dumps), 0);
}

static void nothing(void *data UNUSED)
{
}

static const struct daemon_options forced = {
        .grace_ms = 100, .program = "daemon_test", .is_forced = true, .on_stop = nothing, .on_reload = nothing
};

static int hang(void)
{
        int fds[2];
        char byte;
        if (pipe(fds) < 0)
                return 90;
        return read(fds[0], &byte, 1) == 1 ? 91 : 92; /* never arrives */
}

static int init_and_send_stop(struct daemon *daemon)
{
        struct err err;
        return daemon_init(daemon, &forced, &err) < 0 || kill(getpid(), SIGTERM) < 0 ? -1 : 0;
}

static int hang_after_the_run(void)
{
        struct daemon daemon;
        if (init_and_send_stop(&daemon) < 0)
                return 93;
        (void)daemon_run(&daemon);
        return hang();
}

static int hang_after_the_last_step(void)
{
        struct daemon daemon;
        if (init_and_send_stop(&daemon) < 0)
                return 93;
        (void)daemon_run(&daemon);
        daemon_fini(&daemon);
        return hang();
}

static int hang_while_starting(void)
{
        struct daemon daemon;
        if (init_and_send_stop(&daemon) < 0)
                return 93;
        return hang();
}

static void hang_in_callback(void *data UNUSED)
{
        _exit(hang());
}

/* The stop signal arrives when the loop already hangs, so the loop never reads it. */
static int hang_in_the_loop(void)
{
        struct daemon daemon;
        struct daemon_options options = forced;
        struct err err;
        options.on_reload = hang_in_callback;
        if (daemon_init(&daemon, &options, &err) < 0 || kill(getpid(), SIGHUP) < 0 || kill(getpid(), SIGTERM) < 0)
                return 93;
        (void)daemon_run(&daemon);
        return 94;
}

static void a_hanging_program_is_ended_by_force_wherever_it_hangs(void **state)
{
        (void)state;
        assert_int_equal(in_a_child(hang_while_starting), DAEMON_FAILED);
        assert_int_equal(in_a_child(hang_in_the_loop), DAEMON_FAILED);
        assert_int_equal(in_a_child(hang_after_the_run), DAEMON_FAILED);
        assert_int_equal(in_a_child(hang_after_the_last_step), DAEMON_FAILED);
}

static int end_in_time(void)
{
        struct daemon daemon;
        if (init_and_send_stop(&daemon) < 0)
                return 93;
        (void)daemon_run(&daemon);
        daemon_fini(&daemon);
        return DAEMON_STOPPED;
}

static void a_program_that_ends_in_time_is_not_ended_by_force(void **state)
{
        (void)state;
        assert_int_equal(in_a_child(end_in_time), DAEMON_STOPPED);
}

static int complain_to_a_full_pipe(void)
{
        int fds[2];
        char bytes[4096] = { 0 };
        if (pipe2(fds, O_NONBLOCK) < 0)
                return 1;
        while (write(fds[1], bytes, sizeof(bytes)) > 0)
                ;
        if (fcntl(fds[1], F_SETFL, 0) < 0 || dup2(fds[1], STDERR_FILENO) < 0)
                return 2;
        daemon_complain("daemon_test", "nobody reads this");
        return 0;
}

static void a_message_that_nobody_reads_delays_nothing(void **state)
{
        (void)state;
        assert_int_equal(in_a_child(complain_to_a_full_pipe), 0);
}

static void the_number_of_workers_is_as_requested_or_one_for_two_cpus(void **state)
{
        (void)state;
        assert_int_equal(daemon_workers(7), 7);
        unsigned half = (cpu_available("/") + 1) / 2;
        assert_int_equal(daemon_workers(0), half < 4 ? half : 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signal_to_stop_ends_the_run_after_the_drain_delay),
                cmocka_unit_test(sighup_reloads_and_does_not_stop),
                cmocka_unit_test(a_second_signal_cuts_the_delay_short),
                cmocka_unit_test(a_closed_pipe_does_not_end_the_program),
                cmocka_unit_test(closed_standard_descriptors_are_opened_on_dev_null),
                cmocka_unit_test(core_dumps_are_written_only_if_allowed),
                cmocka_unit_test(a_hanging_program_is_ended_by_force_wherever_it_hangs),
                cmocka_unit_test(a_program_that_ends_in_time_is_not_ended_by_force),
                cmocka_unit_test(a_message_that_nobody_reads_delays_nothing),
                cmocka_unit_test(the_number_of_workers_is_as_requested_or_one_for_two_cpus),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
