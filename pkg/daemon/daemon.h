/* daemon: the life of a program around its main loop: signals, reading again, draining, stopping.
 *
 *     if (daemon_prepare() < 0) ...                        // the first line of main
 *     struct daemon daemon;
 *     daemon_init(&daemon, &(struct daemon_options){ .log = log, .grace_ms = 25000, .on_stop = on_stop,
 *                 .on_reload = on_reload, .data = program }, &err);   // before any thread is started
 *     ... open what the program needs, on &daemon.loop
 *     int64_t deadline_ms = daemon_run(&daemon);
 *     ... let requests finish until deadline_ms, close what was opened
 *     daemon_fini(&daemon);
 *
 * SIGTERM and SIGINT: on_stop is called, which turns readiness off; daemon_run returns after the drain delay, and
 * at once when the signal comes a second time. SIGHUP: on_reload. SIGPIPE is blocked for good: a closed socket is
 * an error of write(2), not the end of the program.
 *
 * Where .is_forced is set, a program that hangs (a resolver, a disk, its main loop) is ended a second after the
 * deadline, with DAEMON_FAILED and a message to standard error. A thread of its own sees to that, from daemon_init on.
 *
 * Threads: the main thread. daemon_init blocks the signals for every thread that is started after it. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/log.h"

/* Exit statuses of a program. */
enum { DAEMON_STOPPED = 0, DAEMON_FAILED = 1, DAEMON_USAGE = 2 };

struct signals;

struct daemon_options {
        struct log *log;        /* NULL: silent                                                          */
        int64_t drain_delay_ms; /* from the signal to daemon_run's return; half the grace where longer   */
        int64_t grace_ms;       /* from the signal to the deadline that daemon_run returns               */
        const char *program;    /* for the message below; static                                         */
        bool is_forced;         /* the process ends a second after the deadline, whatever it still does  */
        void (*on_stop)(void *data);
        void (*on_reload)(void *data);
        void *data;
};

struct daemon {
        uv_loop_t loop; /* the program's main loop: others put their handles on it */

        /* Private. */
        struct daemon_options options;
        struct signals *signals;
        uv_poll_t poll;
        uv_timer_t drain;
        int64_t deadline_ms; /* 0: no signal to stop so far */
};

/* Opens /dev/null in place of each standard descriptor that is closed, so that no socket takes its number, and keeps
 * the process's memory, which holds secrets, from core dumps and debuggers. Before anything else. -1 where /dev/null
 * cannot be opened; nobody could be told. */
int daemon_prepare(void) NODISCARD;
/* Takes the second half of daemon_prepare back, for those who want core dumps (--core-dumps). */
void daemon_allow_core_dumps(void);

/* ERR_LIMIT where descriptors or memory are short. */
int daemon_init(struct daemon *daemon, const struct daemon_options *options, struct err *err) NODISCARD;
/* Runs the loop until it is time to stop. Returns when everything must have ended, of clock_monotonic_ms. */
int64_t daemon_run(struct daemon *daemon);
/* Closes every handle that is left on the loop, lets the loop end, and frees it. */
void daemon_fini(struct daemon *daemon);

/* For a program that prints and ends (--help, --version, --check): the exit status, which is `status`, or DAEMON_FAILED
 * in place of DAEMON_STOPPED where standard output has not taken all of it. A message to standard error, begun with
 * the program's name, then says so. */
int daemon_printed(const char *program, int status) NODISCARD;

/* Writes "program: text" as a line to standard error. Gives up after a second where nobody reads there. */
void daemon_complain(const char *program, const char *text);

/* The number of worker threads: what was asked for, or for 0 one for each two CPUs that affinity and quota allow
 * (cpu_available), at least 1 and at most 4. The other half is left to the kernel's network, to Redis and to whoever else
 * is there: fewer workers do more in a turn, which spares system calls here and in Redis. */
unsigned daemon_workers(int64_t asked);

#endif
