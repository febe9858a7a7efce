/* daemon: signals are blocked and read from a descriptor on the loop (signalfd), so there are no handlers that could
 * interrupt other code. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"

enum { WORKERS_BY_DEFAULT_MAX = 4, FORCE_AFTER_MS = 1000, COMPLAIN_MS = 1000, STACK_BYTES = 64 * 1024 };

/* --- Before all else ------------------------------------------------------------------------------------- */

static int open_standard(int fd)
{
        if (fcntl(fd, F_GETFD) >= 0)
                return 0;
        /* The lowest free number is given out, and those below are open by now. */
        return open("/dev/null", O_RDWR) == fd ? 0 : -1; /* NOLINT(android-cloexec-open): as the others are */
}

int daemon_prepare(void)
{
        struct rlimit limit;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (open_standard(fd) < 0)
                        return -1;
        (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L); /* cannot fail for 0 and 1 */
        if (getrlimit(RLIMIT_CORE, &limit) == 0) {
                limit.rlim_cur = 0;
                (void)setrlimit(RLIMIT_CORE, &limit); /* lowering is always allowed */
        }
        return 0;
}

void daemon_allow_core_dumps(void)
{
        struct rlimit limit;
        (void)prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L); /* cannot fail for 0 and 1 */
        if (getrlimit(RLIMIT_CORE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_CORE, &limit); /* up to the hard limit is always allowed */
        }
}

void daemon_complain(const char *program, const char *text)
{
        char line[1024];
        struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
        int length = snprintf(line, sizeof(line), "%s: %s\n", program, text);
        if (length < 0 || poll(&room, 1, COMPLAIN_MS) <= 0)
                return;
        size_t count = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;
        ssize_t written = write(STDERR_FILENO, line, count);
        (void)written; /* there is nobody else to tell */
}

/* --- The end by force ------------------------------------------------------------------------------------ */

struct force {
        const char *program;
        int64_t at_ms; /* monotonic */
};

static void *end_by_force(void *data)
{
        struct force force = *(struct force *)data;
        struct timespec at = { .tv_sec = force.at_ms / 1000, .tv_nsec = force.at_ms % 1000 * 1000000 };
        free(data);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
        daemon_complain(force.program, "some threads did not end within the grace period; exiting by force");
        _exit(DAEMON_FAILED);
}

/* The thread is never joined: it watches over the process's very last steps, too. Where it cannot be had, the program
 * ends as soon as all else does. */
static void arm(const struct daemon *daemon)
{
        pthread_t thread;
        pthread_attr_t attributes;
        struct force *force = malloc(sizeof(*force));
        if (!force)
                return;
        *force = (struct force){ daemon->options.program, daemon->deadline_ms + FORCE_AFTER_MS };
        (void)pthread_attr_init(&attributes); /* none of these can fail on Linux */
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &attributes, end_by_force, force) != 0)
                free(force);
        (void)pthread_attr_destroy(&attributes);
}

/* --- Signals --------------------------------------------------------------------------------------------- */

static void on_drained(uv_timer_t *timer)
{
        uv_stop(timer->loop);
}

static void stop(struct daemon *daemon, const char *signal_name)
{
        const struct daemon_options *options = &daemon->options;
        if (daemon->deadline_ms > 0) {
                uv_stop(&daemon->loop);
                return;
        }
        daemon->deadline_ms = clock_monotonic_ms() + options->grace_ms;
        if (options->is_forced)
                arm(daemon);
        options->on_stop(options->data);
        log_info(options->log, "server.stopping", "No longer ready; finishing requests", log_str("signal", signal_name),
                 log_int("waited_ms", options->drain_delay_ms));
        int64_t delay_ms =
                options->drain_delay_ms < options->grace_ms ? options->drain_delay_ms : options->grace_ms / 2;
        (void)uv_timer_start(&daemon->drain, on_drained, (uint64_t)delay_ms, 0); /* initialised: cannot fail */
}

static void on_signal(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
        struct daemon *daemon = CONTAINER_OF(poll, struct daemon, signals);
        struct signalfd_siginfo info;
        while (read(daemon->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                if (info.ssi_signo == SIGHUP)
                        daemon->options.on_reload(daemon->options.data);
                else
                        stop(daemon, info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        }
}

static int open_signals(struct daemon *daemon, struct err *err)
{
        sigset_t set;
        (void)sigemptyset(&set); /* these cannot fail for valid signals */
        (void)sigaddset(&set, SIGTERM);
        (void)sigaddset(&set, SIGINT);
        (void)sigaddset(&set, SIGHUP);
        sigset_t blocked = set;
        (void)sigaddset(&blocked, SIGPIPE);
        (void)pthread_sigmask(SIG_BLOCK, &blocked, NULL);
        daemon->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        return daemon->signal_fd < 0 ? err_errno(err, "signalfd") : 0;
}

int daemon_init(struct daemon *daemon, struct err *err)
{
        *daemon = (struct daemon){ .signal_fd = -1 };
        int rc = open_signals(daemon, err);
        if (rc < 0)
                return rc;
        int failed = uv_loop_init(&daemon->loop);
        if (failed == 0)
                failed = uv_poll_init(&daemon->loop, &daemon->signals, daemon->signal_fd);
        if (failed == 0)
                failed = uv_timer_init(&daemon->loop, &daemon->drain);
        if (failed) {
                (void)close(daemon->signal_fd); /* nothing was written */
                return err_set(err, ERR_LIMIT, "event loop: %s", uv_strerror(failed));
        }
        return 0;
}

int64_t daemon_run(struct daemon *daemon, const struct daemon_options *options)
{
        daemon->options = *options;
        (void)uv_poll_start(&daemon->signals, UV_READABLE, on_signal); /* initialised: cannot fail */
        (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);                   /* until uv_stop */
        return daemon->deadline_ms;
}

static void close_handle(uv_handle_t *handle, void *data UNUSED)
{
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

void daemon_fini(struct daemon *daemon)
{
        uv_walk(&daemon->loop, close_handle, NULL);
        (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&daemon->loop); /* nothing is left on it */
        (void)close(daemon->signal_fd);     /* nothing was written */
}

int daemon_printed(const char *program, int status)
{
        errno = 0;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        fprintf(stderr, "%s: standard output: %s\n", program, errno ? strerror(errno) : "could not write all of it");
        return status == DAEMON_STOPPED ? DAEMON_FAILED : status;
}

unsigned daemon_workers(int64_t asked)
{
        if (asked > 0)
                return (unsigned)asked;
        unsigned half = (cpu_available() + 1) / 2;
        return half > WORKERS_BY_DEFAULT_MAX ? WORKERS_BY_DEFAULT_MAX : half;
}
