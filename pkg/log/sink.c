/* sink: a ring buffer under a mutex. The thread writes from the ring without the lock, since no other thread touches
 * bytes in use. It writes whole lines. To a pipe it writes at most PIPE_BUF bytes at a time if possible, because such a
 * write is atomic even if others write to the pipe too.
 *
 * After a write the thread pauses for a moment during which it need not be woken. So a busy program pays for one
 * wake-up per RESTS_MS rather than per line, and a quiet one has its lines written at once.
 *
 * A thread with blocking writes is used instead of O_NONBLOCK, because that flag belongs to the open file: a shell that
 * shares the terminal would get the flag too. */
#include "log/sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

enum {
        STACK_BYTES = 128 * 1024,
        WRITE_BYTES = 64 * 1024,
        RESTS_MS = 1,
        RETRY_MIN_MS = 20,
        RETRY_MAX_MS = 1000,
        STUCK_MS = 1000, /* when closing: give up after this long without progress */
        LEAST_MS = 100,  /* when closing: wait this long even after the deadline */
};

struct sink {
        int fd;
        size_t write_bytes; /* bytes of lines in one write */
        sink_lost_fn *on_lost;
        void *data;
        pthread_t thread;
        atomic_uint_fast64_t dropped; /* lines dropped in total */

        pthread_mutex_t lock;  /* guards the members below */
        pthread_cond_t wanted; /* the thread has something to do */
        pthread_cond_t moved;  /* something was written, or the thread has ended */
        char *ring;
        size_t first, used;
        uint64_t lost; /* lines dropped in this episode, not reported yet */
        bool idle;     /* the thread waits for a wake-up */
        bool resting;  /* it checks again in a moment, unless there is much to write */
        bool closing, ended;
        bool abandoned; /* nothing waits for the thread any more, so it frees everything */
};

static void free_all(struct sink *sink)
{
        (void)pthread_cond_destroy(&sink->wanted); /* no thread waits */
        (void)pthread_cond_destroy(&sink->moved);
        (void)pthread_mutex_destroy(&sink->lock);
        free(sink->ring);
        free(sink);
}

/* --- Adding lines, with the lock held -------------------------------------------------------------- */

static void append(struct sink *sink, const char *bytes, size_t length)
{
        size_t at = (sink->first + sink->used) % SINK_BYTES;
        size_t head = length < SINK_BYTES - at ? length : SINK_BYTES - at;
        memcpy(sink->ring + at, bytes, head);
        memcpy(sink->ring, bytes + head, length - head);
        sink->used += length;
}

bool sink_put(struct sink *sink, const char *bytes, size_t length)
{
        (void)pthread_mutex_lock(&sink->lock); /* cannot fail: not recursive, not checked */
        bool fits = sink->lost == 0 && length <= SINK_BYTES - sink->used;
        if (fits)
                append(sink, bytes, length);
        else
                sink->lost++;
        bool wake = fits && (sink->idle || (sink->resting && sink->used > SINK_BYTES / 4));
        if (wake)
                sink->idle = sink->resting = false; /* one wake-up is enough */
        (void)pthread_mutex_unlock(&sink->lock);
        if (wake)
                (void)pthread_cond_signal(&sink->wanted);
        if (!fits)
                atomic_fetch_add(&sink->dropped, 1);
        return fits;
}

void sink_count_lost(struct sink *sink)
{
        atomic_fetch_add(&sink->dropped, 1);
        (void)pthread_mutex_lock(&sink->lock);
        sink->lost++;
        bool wake = sink->idle;
        sink->idle = false;
        (void)pthread_mutex_unlock(&sink->lock);
        if (wake)
                (void)pthread_cond_signal(&sink->wanted);
}

uint64_t sink_dropped(const struct sink *sink)
{
        return atomic_load(&sink->dropped);
}

/* --- The thread ---------------------------------------------------------------------------------- */

/* Waits for the given time or until woken. Called with the lock held. */
static void wait_ms(struct sink *sink, int64_t ms)
{
        int64_t until_ms = clock_monotonic_ms() + ms;
        struct timespec at = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
        (void)pthread_cond_timedwait(&sink->wanted, &sink->lock, &at);
}

/* The offset of the last (or first) newline among the `count` bytes of the ring that start at `from`; -1: none. */
static ptrdiff_t find_newline(const struct sink *sink, size_t from, size_t count, bool last)
{
        for (size_t i = 0; i < count; i++) {
                size_t offset = from + (last ? count - 1 - i : i);
                if (sink->ring[(sink->first + offset) % SINK_BYTES] == '\n')
                        return (ptrdiff_t)offset;
        }
        return -1;
}

/* The size of the next write: whole lines of up to write_bytes in total, or one longer line. */
static size_t measure(const struct sink *sink)
{
        size_t most = sink->write_bytes;
        if (sink->used <= most)
                return sink->used; /* the ring contains only whole lines */
        ptrdiff_t end = find_newline(sink, 0, most, true);
        if (end < 0)
                end = find_newline(sink, most, sink->used - most, false);
        return end < 0 ? sink->used : (size_t)end + 1;
}

/* Writes to the descriptor, no matter how long that takes. Returns the bytes written, or -1. */
static ssize_t write_out(int fd, const char *ring, size_t first, size_t length)
{
        size_t head = length < SINK_BYTES - first ? length : SINK_BYTES - first;
        struct iovec parts[2] = { { (char *)ring + first, head }, { (char *)ring, length - head } };
        ssize_t n;
        do
                n = writev(fd, parts, length > head ? 2 : 1);
        while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                struct pollfd room = { .fd = fd, .events = POLLOUT }; /* another process made it non-blocking */
                (void)poll(&room, 1, RETRY_MAX_MS);                   /* ignore the result: the next write will show */
                n = room.revents == POLLOUT ? 0 : -1;
        }
        return n;
}

/* Reports the dropped lines once half of the ring is free, which ends the episode. Called with the lock held. */
static void tell_lost(struct sink *sink)
{
        char line[SINK_LOST_MAX_BYTES];
        if (sink->lost == 0 || sink->used > SINK_BYTES / 2)
                return;
        append(sink, line, sink->on_lost(line, sink->lost, sink->data));
        sink->lost = 0;
}

/* Makes one write; false if it failed. Called and returns with the lock held. */
static bool write_some(struct sink *sink)
{
        size_t first = sink->first, length = measure(sink);
        (void)pthread_mutex_unlock(&sink->lock);
        ssize_t n = write_out(sink->fd, sink->ring, first, length);
        (void)pthread_mutex_lock(&sink->lock);
        if (n <= 0)
                return n == 0;
        sink->first = (sink->first + (size_t)n) % SINK_BYTES;
        sink->used -= (size_t)n;
        (void)pthread_cond_broadcast(&sink->moved);
        return true;
}

/* Waits until there is something to write or it is time to end. Called with the lock held. */
static void wait_for_lines(struct sink *sink)
{
        sink->resting = true;
        if (!sink->closing)
                wait_ms(sink, RESTS_MS);
        sink->resting = false;
        while (sink->used == 0 && sink->lost == 0 && !sink->closing) {
                sink->idle = true;
                (void)pthread_cond_wait(&sink->wanted, &sink->lock);
                sink->idle = false;
        }
}

static void *work(void *data)
{
        struct sink *sink = data;
        int64_t retry_ms = RETRY_MIN_MS;
        (void)pthread_mutex_lock(&sink->lock);
        for (;;) {
                tell_lost(sink);
                if (sink->used == 0 && sink->closing)
                        break;
                if (sink->used == 0) {
                        wait_for_lines(sink);
                } else if (write_some(sink)) {
                        retry_ms = RETRY_MIN_MS;
                } else if (!sink->abandoned) {
                        wait_ms(sink, retry_ms);
                        retry_ms = retry_ms * 2 < RETRY_MAX_MS ? retry_ms * 2 : RETRY_MAX_MS;
                }
                if (sink->abandoned)
                        break;
        }
        sink->ended = true;
        bool mine = sink->abandoned;
        (void)pthread_cond_broadcast(&sink->moved);
        (void)pthread_mutex_unlock(&sink->lock);
        if (mine)
                free_all(sink);
        return NULL;
}

/* --- Life cycle ---------------------------------------------------------------------------------- */

/* Starts the sink's thread with all signals blocked, because a SIGPIPE would end the program. */
static int start_thread(struct sink *sink, struct err *err)
{
        sigset_t all, before;
        pthread_attr_t attributes;
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* neither fails for valid arguments */
        (void)pthread_attr_init(&attributes);              /* cannot fail on Linux */
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
        int errnum = pthread_create(&sink->thread, &attributes, work, sink);
        (void)pthread_attr_destroy(&attributes);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return errnum ? err_errnum(err, errnum, "thread for the log") : 0;
}

static void open_conditions(struct sink *sink)
{
        pthread_condattr_t monotonic;
        (void)pthread_condattr_init(&monotonic); /* none of these can fail on Linux */
        (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&sink->wanted, &monotonic);
        (void)pthread_cond_init(&sink->moved, &monotonic);
        (void)pthread_condattr_destroy(&monotonic);
        (void)pthread_mutex_init(&sink->lock, NULL);
}

int sink_open(int fd, sink_lost_fn *on_lost, void *data, struct sink **out, struct err *err)
{
        struct stat kind;
        struct sink *sink = calloc(1, sizeof(*sink));
        if (!sink)
                return err_set(err, ERR_NOMEM, "log");
        bool is_pipe = fstat(fd, &kind) < 0 || S_ISFIFO(kind.st_mode);
        *sink = (struct sink){
                .fd = fd, .write_bytes = is_pipe ? PIPE_BUF : WRITE_BYTES, .on_lost = on_lost, .data = data
        };
        open_conditions(sink);
        sink->ring = malloc(SINK_BYTES);
        int rc = sink->ring ? start_thread(sink, err) : err_set(err, ERR_NOMEM, "log");
        if (rc < 0) {
                free_all(sink);
                return rc;
        }
        *out = sink;
        return 0;
}

/* Waits until everything is written and, when closing, the thread has ended, or until there is no more progress. Called
 * with the lock held. */
static void wait_until_written(struct sink *sink, int64_t deadline_ms)
{
        int64_t moved_ms = clock_monotonic_ms();
        size_t used = sink->used;
        if (deadline_ms < moved_ms + LEAST_MS)
                deadline_ms = moved_ms + LEAST_MS;
        while (sink->closing ? !sink->ended : sink->used > 0 || sink->lost > 0) {
                int64_t now_ms = clock_monotonic_ms();
                if (sink->used < used)
                        moved_ms = now_ms;
                used = sink->used;
                int64_t until_ms = moved_ms + STUCK_MS < deadline_ms ? moved_ms + STUCK_MS : deadline_ms;
                if (now_ms >= until_ms)
                        return;
                struct timespec at = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
                (void)pthread_cond_timedwait(&sink->moved, &sink->lock, &at);
        }
}

void sink_flush(struct sink *sink, int64_t deadline_ms)
{
        (void)pthread_mutex_lock(&sink->lock);
        wait_until_written(sink, deadline_ms);
        (void)pthread_mutex_unlock(&sink->lock);
}

void sink_close(struct sink *sink, int64_t deadline_ms)
{
        if (!sink)
                return;
        (void)pthread_mutex_lock(&sink->lock);
        sink->closing = true;
        (void)pthread_cond_signal(&sink->wanted);
        wait_until_written(sink, deadline_ms);
        bool ended = sink->ended;
        sink->abandoned = !ended;
        pthread_t thread = sink->thread;
        if (!ended)
                (void)pthread_cond_signal(&sink->wanted);
        (void)pthread_mutex_unlock(&sink->lock);
        if (ended) {
                (void)pthread_join(thread, NULL); /* it runs, and nothing else joins it */
                free_all(sink);
        } else {
                (void)pthread_detach(thread);
        }
}
