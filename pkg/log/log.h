/* log: one JSON object per line, one line per event.
 *
 *     struct log *log;
 *     log_open(&(struct log_options){ .fd = STDOUT_FILENO, .level = LOG_INFO, .program = "collector" }, &log, &err);
 *     log_info(log, "redis.connected", "Redis is back", log_str("address", address), log_int("waited_ms", 120));
 *     // {"time":"2026-11-24T08:15:30.123Z","level":"info","program":"collector","event":"redis.connected",
 *     //  "message":"Redis is back","address":"10.0.0.9:6379","waited_ms":120}
 *
 * The event is `noun.verb_past` and never changes, since alerts search for it. The message is for people; after a
 * failure it says what happens next. Field names come from this list, so that a name means the same in all lines:
 *   address      host:port or path of the other side         binding    name of a binding
 *   sentinel     host:port of a Sentinel                      grant      rights, as ACL SETUSER takes them
 *   generation   number of a target, counts up from 1         source     where a setting came from
 *   error, code  text and label of a struct err               reason     why, in words
 *   method path status route                                  of an HTTP request
 *   duration_ms waited_ms retry_ms                            milliseconds
 *   bytes count held in_flight attempt                        plain numbers
 *   client       name of the token that a request carried
 *   key correlation_id version port worker workers pid file signal
 * A field never holds a secret: there is no function that takes a struct secret.
 *
 * A dedicated thread writes the lines, so nothing else waits for the log's reader. While the reader has stopped or the
 * disk is full, up to 1 MiB of lines is kept. Beyond that, lines are dropped and counted, and once there is room again,
 * one line reports how many were lost (event "log.dropped", member "lines_dropped"). Lines are written whole and in
 * order.
 *
 * Threads: any. */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

struct log; /* opaque */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log_options {
        int fd;               /* where lines go; not closed by log_close           */
        enum log_level level; /* lines below this level are skipped */
        const char *program;  /* the member "program" of each line; copied         */
        /* The latest LOG_RECENT_MAX lines whose event begins with one of these words, such as { "redis.", NULL }, are
         * kept for log_print_recent. That includes lines below `level`, but no debug lines. Static; NULL: none. */
        const char *const *recent;
};

enum { LOG_RECENT_MAX = 50, LOG_RECENT_LINE_MAX_BYTES = 2048 };

struct log_field {
        const char *name;
        enum { LOG_FIELD_STRING, LOG_FIELD_INT } kind;
        const char *string; /* borrowed until the log call returns; NULL prints null */
        int64_t number;
};

/* Starts the thread that writes. The log is owned: give it to log_close. ERR_NOMEM, ERR_LIMIT. */
int log_open(const struct log_options *options, struct log **out, struct err *err) NODISCARD;
/* Waits until all lines are written, but only until `deadline_ms` (clock_monotonic_ms), and gives up after a second
 * without progress. NULL is fine. */
void log_flush(struct log *log, int64_t deadline_ms);
/* Flushes like log_flush, then closes the log even if lines are left. NULL is fine. */
void log_close(struct log *log, int64_t deadline_ms);

void log_set_level(struct log *log, enum log_level level); /* takes effect for all threads with their next line */
bool log_enabled(const struct log *log, enum log_level level);

/* A field whose name is NULL is omitted. */
struct log_field log_str(const char *name, const char *text);
struct log_field log_int(const char *name, int64_t number);
/* The member "error" with the text; add log_code for the member "code". */
struct log_field log_err(const struct err *err);
struct log_field log_code(const struct err *err);

/* Writes one line. Does nothing if `log` is NULL. Use the macros below. */
void log_event(struct log *log, enum log_level level, const char *event, const char *message,
               const struct log_field *fields, size_t count);

/* Appends the kept lines as a JSON array, the oldest first. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int log_print_recent(struct log *log, struct buf *out) NODISCARD;

/* Appends a Prometheus counter of the lines that were dropped, <program>_log_lines_dropped_total. Returns 0, ERR_LIMIT
 * or ERR_NOMEM. */
int log_print_metrics(const struct log *log, struct buf *out) NODISCARD;

#define LOG_FIELDS(...) ((const struct log_field[]){ { 0 }, ##__VA_ARGS__ })
#define LOG_LINE(log, level, event, message, ...)                                                                      \
        do {                                                                                                           \
                if (log_enabled(log, level))                                                                           \
                        log_event(log, level, event, message, LOG_FIELDS(__VA_ARGS__) + 1,                             \
                                  COUNT_OF(LOG_FIELDS(__VA_ARGS__)) - 1);                                              \
        } while (0)
#define log_debug(log, event, ...) LOG_LINE(log, LOG_DEBUG, event, __VA_ARGS__)
#define log_info(log, event, ...) LOG_LINE(log, LOG_INFO, event, __VA_ARGS__)
#define log_warn(log, event, ...) LOG_LINE(log, LOG_WARN, event, __VA_ARGS__)
#define log_error(log, event, ...) LOG_LINE(log, LOG_ERROR, event, __VA_ARGS__)

#endif
