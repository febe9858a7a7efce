/* daemon: the thread that waits for signals (signals.c) passes them to the loop through a pipe. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cpu.h"
#include "daemon/drain.h"
#include "daemon/signals.h"

enum { WORKERS_BY_DEFAULT_MAX = 4, COMPLAIN_MS = 1000 };

/* --- Before all else ------------------------------------------------------------------------------------- */

static int open_standard(int fd)
{
        if (fcntl(fd, F_GETFD) >= 0)
                return 0;
        /* open(2) returns the lowest free number, and all lower ones are open by now. */
        return open("/dev/null", O_RDWR) == fd
                       ? 0
                       : -1; /* NOLINT(android-cloexec-open): like the other standard descriptors */
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
                (void)setrlimit(RLIMIT_CORE, &limit); /* raising it to the hard limit is always allowed */
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
        (void)written; /* there is nowhere else to report it */
}

/* --- Signals --------------------------------------------------------------------------------------------- */

static void on_signal(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
        struct daemon *daemon = CONTAINER_OF(poll, struct daemon, poll);
        struct signals_told told;
        while (signals_next(daemon->signals, &told)) {
                if (told.number == SIGHUP)
                        daemon->options.on_reload(daemon->options.data);
                else
                        drain_on_signal(daemon, &told);
        }
}

int daemon_init(struct daemon *daemon, const struct daemon_options *options, struct err *err)
{
        const struct signals_options signals = { .program = options->program,
                                                 .grace_ms = options->grace_ms,
                                                 .is_forced = options->is_forced };
        *daemon = (struct daemon){ .options = *options };
        int rc = signals_open(&signals, &daemon->signals, err);
        if (rc < 0)
                return rc;
        int failed = uv_loop_init(&daemon->loop);
        if (failed == 0)
                failed = uv_poll_init(&daemon->loop, &daemon->poll, signals_fd(daemon->signals));
        if (failed == 0)
                failed = uv_timer_init(&daemon->loop, &daemon->drain);
        if (failed) {
                signals_close(daemon->signals);
                return err_set(err, ERR_LIMIT, "event loop: %s", uv_strerror(failed));
        }
        return 0;
}

int64_t daemon_run(struct daemon *daemon)
{
        (void)uv_poll_start(&daemon->poll, UV_READABLE, on_signal); /* never fails for an initialised handle */
        (void)uv_run(&daemon->loop, UV_RUN_DEFAULT);                /* until uv_stop */
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
        (void)uv_loop_close(&daemon->loop); /* every handle is closed */
        signals_close(daemon->signals);
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
        unsigned half = (cpu_available("/") + 1) / 2;
        return half > WORKERS_BY_DEFAULT_MAX ? WORKERS_BY_DEFAULT_MAX : half;
}
