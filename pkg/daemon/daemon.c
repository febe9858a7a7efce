/* daemon: signals are blocked and read from a descriptor on the loop (signalfd), so there are no handlers, and
 * nothing happens between two instructions of anybody. */
#include "daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"

enum { WORKERS_BY_DEFAULT_MAX = 4 };

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
        options->on_stop(options->data);
        log_info(options->log, "server.stopping", "Not ready from now on; requests finish",
                 log_str("signal", signal_name), log_int("waited_ms", options->drain_delay_ms));
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
        fprintf(stderr, "%s: standard output: %s\n", program, errno ? strerror(errno) : "not all of it was written");
        return status == DAEMON_STOPPED ? DAEMON_FAILED : status;
}

unsigned daemon_workers(int64_t asked)
{
        if (asked > 0)
                return (unsigned)asked;
        unsigned half = (cpu_available() + 1) / 2;
        return half > WORKERS_BY_DEFAULT_MAX ? WORKERS_BY_DEFAULT_MAX : half;
}
