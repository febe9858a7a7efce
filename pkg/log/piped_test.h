/* A log that writes into a pipe, and the lines written to it. */
#ifndef LOG_PIPED_TEST_H
#define LOG_PIPED_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"

enum { TEXT_MAX = 2 << 20, PATIENCE_MS = 20000 };

/* A log that writes to a non-blocking pipe, and the pipe's read end. */
struct piped {
        struct log *log;
        int fds[2];
        char text[TEXT_MAX];
};

static inline int open_piped(void **state)
{
        struct piped *p = calloc(1, sizeof(*p));
        struct err err;
        if (!p || pipe2(p->fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -1;
        struct log_options options = { .fd = p->fds[1], .level = LOG_INFO, .program = "collector" };
        *state = p;
        return log_open(&options, &p->log, &err);
}

static inline int close_piped(void **state)
{
        struct piped *p = *state;
        log_close(p->log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(p->fds[0]);
        (void)close(p->fds[1]);
        free(p);
        return 0;
}

/* The output since the last call; "" if there was none. */
static inline char *written(struct piped *p)
{
        size_t length = 0;
        ssize_t n;
        log_flush(p->log, clock_monotonic_ms() + PATIENCE_MS);
        while (length < sizeof(p->text) - 1 &&
               (n = read(p->fds[0], p->text + length, sizeof(p->text) - 1 - length)) > 0)
                length += (size_t)n;
        p->text[length] = '\0';
        return p->text;
}

/* The only line that was written, as an object that the caller frees. */
static inline json_t *line(struct piped *p)
{
        char *text = written(p);
        size_t length = strlen(text);
        assert_true(length > 0 && text[length - 1] == '\n');
        assert_ptr_equal(strchr(text, '\n'), text + length - 1);
        json_error_t error;
        json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!object)
                fail_msg("%s: %s", error.text, text);
        return object;
}

/* The lines that the log has dropped, as its metric says. */
static inline int64_t dropped_lines(const struct log *log)
{
        struct buf text;
        buf_init(&text, 0);
        assert_int_equal(log_print_metrics(log, &text), 0);
        int64_t dropped = strtoll(strrchr(text.data, ' '), NULL, 10);
        buf_fini(&text);
        return dropped;
}

static inline void assert_member(const json_t *object, const char *name, const char *expected)
{
        assert_non_null(json_object_get(object, name));
        assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

#define WITH_A_PIPE(test) cmocka_unit_test_setup_teardown(test, open_piped, close_piped)

#endif
