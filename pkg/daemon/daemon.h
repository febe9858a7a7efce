/* daemon: the life cycle of a program around its main loop: signals, reloading, draining, stopping.
 *
 *     if (daemon_prepare() < 0) ...                        // the first line of main
 *     struct daemon daemon;
 *     daemon_init(&daemon, &(struct daemon_options){ .log = log, .grace_ms = 25000, .on_stop = on_stop,
 *                  .on_reload = on_reload, .data = program }, &err);   // before any thread starts
 *     ... open what the program needs, on &daemon.loop
 *     int64_t deadline_ms = daemon_run(&daemon);
 *     ... let requests finish until deadline_ms, close what was opened
 *     daemon_fini(&daemon);
 *
 * SIGTERM and SIGINT call on_stop, which turns readiness off; daemon_run returns after the drain delay, or at once on a
 * second signal. SIGHUP calls on_reload. SIGPIPE stays blocked: a closed socket is an error of write(2) and does not
 * end the program.
 *
 * If .is_forced is set, a hanging program (a resolver, a disk, its main loop) is ended a second after the deadline,
 * with DAEMON_FAILED and a message to standard error. A thread started by daemon_init does that.
 *
 * Threads: the main thread. daemon_init blocks the signals for every thread started after it. */
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
        int64_t drain_delay_ms; /* from the signal to daemon_run's return; at most half the grace period */
        int64_t grace_ms;       /* from the signal to the deadline that daemon_run returns               */
        const char *program;    /* for the message below; static                                         */
        bool is_forced;         /* force the process to end a second after the deadline */
        void (*on_stop)(void *data);
        void (*on_reload)(void *data);
        void *data;
};

struct daemon {
        uv_loop_t loop; /* the program's main loop, for all handles */

        /* Private. */
        struct daemon_options options;
        struct signals *signals;
        uv_poll_t poll;
        uv_timer_t drain;
        int64_t deadline_ms; /* 0: no stop signal yet */
};

/* Opens /dev/null for each closed standard descriptor, so that no socket gets its number, and keeps the process's
 * memory, which holds secrets, out of core dumps and away from debuggers. Call it before anything else. -1 if /dev/null
 * cannot be opened; there is no way to report that. */
int daemon_prepare(void) NODISCARD;
/* Allows core dumps and debuggers again (--core-dumps). */
void daemon_allow_core_dumps(void);

/* ERR_LIMIT if descriptors or memory run out. */
int daemon_init(struct daemon *daemon, const struct daemon_options *options, struct err *err) NODISCARD;
/* Runs the loop until it is time to stop. Returns the deadline for everything to end, in clock_monotonic_ms. */
int64_t daemon_run(struct daemon *daemon);
/* Closes every remaining handle, lets the loop end, and frees it. */
void daemon_fini(struct daemon *daemon);

/* The exit status of a program that prints and exits (--help, --version, --check): `status`, but DAEMON_FAILED in place
 * of DAEMON_STOPPED if writing to standard output failed. In that case a message with the program's name goes to
 * standard error. */
int daemon_printed(const char *program, int status) NODISCARD;

/* Writes "program: text" as a line to standard error. Gives up after a second if nothing reads it. */
void daemon_complain(const char *program, const char *text);

/* The number of worker threads: the requested number, or, if that is 0, half the CPUs that affinity and quota allow
 * (cpu_available), at least 1 and at most 4. The other half is left to the kernel's network code, to Redis and to other
 * processes. Fewer workers do more per turn, which saves system calls here and in Redis. */
unsigned daemon_workers(int64_t asked);

#endif
