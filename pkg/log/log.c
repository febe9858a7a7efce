/* log: a line is built in the caller's buffer and handed to the sink, whose thread writes it (sink.c). So callers never
 * wait for the log's reader, and lines of several threads never mix. Strings are escaped as RFC 8259 section 7
 * requires, and bytes that are not UTF-8 become U+FFFD, so that the line is always one JSON object, no matter what a
 * client sent. */
#include "log/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "log/recent.h"
#include "log/sink.h"

enum { LINE_MAX_BYTES = 64 * 1024, STRING_MAX_BYTES = 8 * 1024, PROGRAM_MAX = 32 };

struct log {
        struct sink *sink;
        struct recent *recent; /* NULL: nothing is kept */
        atomic_int level;
        char program[PROGRAM_MAX];
};

static const char *const level_names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", [LOG_OFF] = "off",
};

static size_t print_lost(char line[SINK_LOST_MAX_BYTES], uint64_t lost, void *data);

int log_open(const struct log_options *options, struct log **out, struct err *err)
{
        struct log *log = calloc(1, sizeof(*log));
        if (!log)
                return err_set(err, ERR_NOMEM, "log");
        atomic_store(&log->level, (int)options->level);
        (void)snprintf(log->program, sizeof(log->program), "%s", options->program); /* a truncated name is still
                                                                                     * useful */
        int rc = options->recent ? recent_new(options->recent, &log->recent, err) : 0;
        if (rc == 0)
                rc = sink_open(options->fd, print_lost, log, &log->sink, err);
        if (rc < 0) {
                recent_free(log->recent);
                free(log);
                return rc;
        }
        *out = log;
        return 0;
}

void log_flush(struct log *log, int64_t deadline_ms)
{
        if (log)
                sink_flush(log->sink, deadline_ms);
}

void log_close(struct log *log, int64_t deadline_ms)
{
        if (!log)
                return;
        sink_close(log->sink, deadline_ms);
        recent_free(log->recent);
        free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
        atomic_store(&log->level, (int)level);
}

static bool is_written(const struct log *log, enum log_level level)
{
        return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

static bool is_kept(const struct log *log, enum log_level level, const char *event)
{
        return log->recent && level >= LOG_INFO && recent_takes(log->recent, event);
}

/* Which lines are kept depends on the event, which log_event checks. */
bool log_enabled(const struct log *log, enum log_level level)
{
        return log && (is_written(log, level) || (log->recent && level >= LOG_INFO));
}

struct log_field log_str(const char *name, const char *text)
{
        return (struct log_field){ .name = name, .kind = LOG_FIELD_STRING, .string = text };
}

struct log_field log_int(const char *name, int64_t number)
{
        return (struct log_field){ .name = name, .kind = LOG_FIELD_INT, .number = number };
}

struct log_field log_err(const struct err *err)
{
        return log_str("error", err->text);
}

struct log_field log_code(const struct err *err)
{
        return log_str("code", err_label(err->code));
}

static int put_string(struct buf *line, const char *text)
{
        size_t length = strlen(text);
        const unsigned char *s = (const unsigned char *)text;
        size_t end = length < STRING_MAX_BYTES ? length : STRING_MAX_BYTES;
        int rc = buf_putc(line, '"');
        for (size_t i = 0; rc == 0 && i < end;) {
                size_t n = utf8_length(s + i, s + length);
                if (n == 0) {
                        rc = buf_puts(line, "\xef\xbf\xbd");
                        i++;
                } else if (s[i] == '"' || s[i] == '\\') {
                        rc = buf_printf(line, "\\%c", s[i++]);
                } else if (s[i] < 0x20 || s[i] == 0x7f) {
                        rc = buf_printf(line, "\\u%04x", s[i++]);
                } else {
                        rc = buf_append(line, s + i, n);
                        i += n;
                }
        }
        if (rc == 0 && end < length)
                rc = buf_puts(line, "...");
        return rc < 0 ? rc : buf_putc(line, '"');
}

static int put_field(struct buf *line, const struct log_field *field)
{
        if (!field->name)
                return 0;
        int rc = buf_printf(line, ",\"%s\":", field->name);
        if (rc < 0)
                return rc;
        switch (field->kind) {
        case LOG_FIELD_STRING:
                return field->string ? put_string(line, field->string) : buf_puts(line, "null");
        case LOG_FIELD_INT:
                return buf_printf(line, "%lld", (long long)field->number);
        }
        return ERR_BUG;
}

static int put_head(struct buf *line, const struct log *log, enum log_level level, const char *event,
                    const char *message)
{
        char now[CLOCK_ISO8601_SIZE];
        int rc = buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"%s\",\"message\":",
                            clock_iso8601(clock_realtime_ms(), now), level_names[level], log->program, event);
        return rc < 0 ? rc : put_string(line, message);
}

static size_t print_lost(char line[SINK_LOST_MAX_BYTES], uint64_t lost, void *data)
{
        struct buf text;
        size_t length = 0;
        buf_init(&text, SINK_LOST_MAX_BYTES - 1);
        if (put_head(&text, data, LOG_WARN, "log.dropped",
                     "The log could not be written for some time: these lines are lost") == 0 &&
            buf_printf(&text, ",\"lines_dropped\":%llu}\n", (unsigned long long)lost) == 0) {
                length = text.len;
                memcpy(line, text.data, length);
        }
        buf_fini(&text);
        return length;
}

void log_event(struct log *log, enum log_level level, const char *event, const char *message,
               const struct log_field *fields, size_t count)
{
        if (!log || (!is_written(log, level) && !is_kept(log, level, event)))
                return;
        struct buf line;
        buf_init(&line, LINE_MAX_BYTES);
        int rc = put_head(&line, log, level, event, message);
        for (size_t i = 0; rc == 0 && i < count; i++)
                rc = put_field(&line, &fields[i]);
        if (rc == 0)
                rc = buf_puts(&line, "}\n");
        if (rc == 0 && is_kept(log, level, event))
                recent_put(log->recent, line.data, line.len - 1);
        if (rc == 0 && is_written(log, level))
                (void)sink_put(log->sink, line.data, line.len); /* the sink counts the lines that it drops */
        else if (rc < 0)
                sink_count_lost(log->sink);
        buf_fini(&line);
}

int log_print_recent(struct log *log, struct buf *out)
{
        return log->recent ? recent_print(log->recent, out) : buf_puts(out, "[]");
}

int log_print_metrics(const struct log *log, struct buf *out)
{
        return buf_printf(
                out,
                "# HELP %s_log_lines_dropped_total Lines of the program's own log that could not be written.\n"
                "# TYPE %s_log_lines_dropped_total counter\n%s_log_lines_dropped_total %llu\n",
                log->program, log->program, log->program, (unsigned long long)sink_dropped(log->sink));
}
