/* signals: the thread waits with sigtimedwait, so there are no handlers that could interrupt other code. It shares a
 * pipe with the main loop and owns everything that it needs after signals_close. If the thread outlives that call, it
 * writes into a pipe without a reader, which is harmless since SIGPIPE is blocked. */
#include "daemon/signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/daemon.h"

enum { FORCE_AFTER_MS = 1000, STACK_BYTES = 64 * 1024 };

struct signals {
        pthread_t thread;
        struct signals_options options;
        int read_fd, write_fd;
        sigset_t set;
        atomic_bool is_closing;
        atomic_bool is_stopping; /* a stop signal has arrived */
};

static void free_all(struct signals *signals)
{
        (void)close(signals->write_fd); /* closing a pipe loses nothing */
        free(signals);
}

/* The next signal, or 0 at `until_ms`, which may be INT64_MAX. */
static int wait_for(const struct signals *signals, int64_t until_ms)
{
        if (until_ms == INT64_MAX)
                return sigwaitinfo(&signals->set, NULL);
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0)
                return 0;
        struct timespec left = { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 };
        return sigtimedwait(&signals->set, NULL, &left);
}

static void *run(void *data)
{
        struct signals *signals = data;
        int64_t force_ms = INT64_MAX;
        for (;;) {
                int number = wait_for(signals, force_ms);
                if (atomic_load(&signals->is_closing))
                        break;
                if (number > 0) {
                        struct signals_told told = { number, clock_monotonic_ms() };
                        if (number != SIGHUP && !atomic_exchange(&signals->is_stopping, true) &&
                            signals->options.is_forced)
                                force_ms = told.seen_ms + signals->options.grace_ms + FORCE_AFTER_MS;
                        ssize_t written = write(signals->write_fd, &told, sizeof(told));
                        (void)written; /* full: the loop already has many signals to read */
                } else if (clock_monotonic_ms() >= force_ms) {
                        daemon_complain(signals->options.program,
                                        "some threads did not end within the grace period; exiting by force");
                        _exit(DAEMON_FAILED);
                }
        }
        return NULL;
}

static int start(struct signals *signals, struct err *err)
{
        pthread_attr_t attributes;
        (void)pthread_attr_init(&attributes); /* neither can fail on Linux */
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        int failed = pthread_create(&signals->thread, &attributes, run, signals);
        (void)pthread_attr_destroy(&attributes);
        return failed ? err_errnum(err, failed, "thread for signals") : 0;
}

static void block(sigset_t *set)
{
        (void)sigemptyset(set); /* these cannot fail for valid signals */
        (void)sigaddset(set, SIGTERM);
        (void)sigaddset(set, SIGINT);
        (void)sigaddset(set, SIGHUP);
        sigset_t blocked = *set;
        (void)sigaddset(&blocked, SIGPIPE);
        (void)pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

int signals_open(const struct signals_options *options, struct signals **out, struct err *err)
{
        int fds[2];
        struct signals *signals = calloc(1, sizeof(*signals));
        if (!signals)
                return err_set(err, ERR_NOMEM, "signals");
        if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
                free(signals);
                return err_errno(err, "pipe for signals");
        }
        signals->options = *options;
        signals->read_fd = fds[0];
        signals->write_fd = fds[1];
        block(&signals->set);
        int rc = start(signals, err);
        if (rc < 0) {
                (void)close(signals->read_fd); /* as above */
                free_all(signals);
                return rc;
        }
        *out = signals;
        return 0;
}

int signals_fd(const struct signals *signals)
{
        return signals->read_fd;
}

/* A write of so few bytes is atomic (pipe(7), PIPE_BUF). */
bool signals_next(struct signals *signals, struct signals_told *out)
{
        return read(signals->read_fd, out, sizeof(*out)) == (ssize_t)sizeof(*out);
}

/* A dedicated signal wakes the thread. */
void signals_close(struct signals *signals)
{
        if (!signals)
                return;
        (void)close(signals->read_fd); /* as above */
        if (signals->options.is_forced && atomic_load(&signals->is_stopping)) {
                (void)pthread_detach(signals->thread); /* it is not joined */
                return;
        }
        atomic_store(&signals->is_closing, true);
        (void)pthread_kill(signals->thread, SIGHUP); /* not joined yet */
        (void)pthread_join(signals->thread, NULL);
        free_all(signals);
}
