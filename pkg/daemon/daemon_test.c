/* daemon: signals sent to this very process, in the order in which a test sends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
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

/* One signal a turn, so that each is seen alone: equal signals that wait are merged by the kernel. */
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
        assert_int_equal(daemon_init(&program->daemon, &err), 0);
        assert_int_equal(uv_timer_init(&program->daemon.loop, &program->next), 0);
        assert_int_equal(uv_timer_start(&program->next, send_next, 1, 10), 0);
        struct daemon_options options = { .drain_delay_ms = drain_delay_ms,
                                          .grace_ms = grace_ms,
                                          .on_stop = on_stop,
                                          .on_reload = on_reload,
                                          .data = program };
        int64_t deadline_ms = daemon_run(&program->daemon, &options);
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

static void hup_reads_again_and_does_not_stop(void **state)
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

static void a_closed_pipe_is_no_end_of_the_program(void **state)
{
        struct daemon daemon;
        struct err err;
        int fds[2];
        (void)state;
        assert_int_equal(daemon_init(&daemon, &err), 0);
        assert_int_equal(pipe(fds), 0);
        (void)close(fds[0]);
        assert_int_equal(write(fds[1], "x", 1), -1);
        (void)close(fds[1]);
        daemon_fini(&daemon);
}

static void workers_are_as_many_as_asked_for_or_one_for_two_cpus(void **state)
{
        (void)state;
        assert_int_equal(daemon_workers(7), 7);
        unsigned half = (cpu_available() + 1) / 2;
        assert_int_equal(daemon_workers(0), half < 4 ? half : 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signal_to_stop_ends_the_run_after_the_drain_delay),
                cmocka_unit_test(hup_reads_again_and_does_not_stop),
                cmocka_unit_test(a_second_signal_cuts_the_delay_short),
                cmocka_unit_test(a_closed_pipe_is_no_end_of_the_program),
                cmocka_unit_test(workers_are_as_many_as_asked_for_or_one_for_two_cpus),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
