/* log: what a line looks like, what is escaped, and what happens to lines that can't be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"

enum { TEXT_MAX = 2 << 20, THREADS = 4, LINES = 200, PATIENCE_MS = 20000 };

/* A log into a pipe that does not block, and the pipe's other end. */
struct piped {
        struct log *log;
        int fds[2];
        char text[TEXT_MAX];
};

static int open_piped(void **state)
{
        struct piped *p = calloc(1, sizeof(*p));
        struct err err;
        if (!p || pipe2(p->fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -1;
        struct log_options options = { .fd = p->fds[1], .level = LOG_INFO, .program = "collector" };
        *state = p;
        return log_open(&options, &p->log, &err);
}

static int close_piped(void **state)
{
        struct piped *p = *state;
        log_close(p->log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(p->fds[0]);
        (void)close(p->fds[1]);
        free(p);
        return 0;
}

/* What was written since the last time; "" for nothing. */
static char *written(struct piped *p)
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

/* The one line that was written, as an object that the caller frees. */
static json_t *line(struct piped *p)
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

static void assert_member(const json_t *object, const char *name, const char *expected)
{
        assert_non_null(json_object_get(object, name));
        assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

static void a_line_names_time_level_program_event_and_message(void **state)
{
        struct piped *p = *state;
        log_warn(p->log, "redis.lost", "Redis is away; requests are held");
        json_t *object = line(p);
        assert_int_equal(json_object_size(object), 5);
        assert_member(object, "level", "warn");
        assert_member(object, "program", "collector");
        assert_member(object, "event", "redis.lost");
        assert_member(object, "message", "Redis is away; requests are held");
        const char *time = json_string_value(json_object_get(object, "time"));
        assert_int_equal(strlen(time), strlen("2026-11-24T08:15:30.123Z"));
        assert_true(time[10] == 'T' && time[23] == 'Z');
        json_decref(object);
}

static void fields_follow_in_their_order_and_kind(void **state)
{
        struct piped *p = *state;
        struct err err = { .code = ERR_DENIED, .text = "AUTH: wrong password" };
        log_error(p->log, "a.b", "c", log_str("address", "10.0.0.9:6379"), log_str("key", "abc"),
                  log_int("bytes", INT64_MIN), log_err(&err), log_code(&err), log_str("reason", NULL));
        const char *expected =
                ",\"message\":\"c\",\"address\":\"10.0.0.9:6379\",\"key\":\"abc\",\"bytes\":-9223372036854775808,"
                "\"error\":\"AUTH: wrong password\",\"code\":\"denied\","
                "\"reason\":null}\n";
        const char *text = written(p);
        assert_true(strlen(text) > strlen(expected));
        assert_string_equal(text + strlen(text) - strlen(expected), expected);
}

static void quotes_and_control_characters_are_escaped(void **state)
{
        struct piped *p = *state;
        log_info(p->log, "a.b", "a \"b\" \\ \n\r\t\x01\x7f", log_str("key", "a\"b"));
        json_t *object = json_loads(written(p), 0, NULL);
        assert_non_null(object);
        assert_member(object, "message", "a \"b\" \\ \n\r\t\x01\x7f");
        assert_member(object, "key", "a\"b");
        assert_null(strpbrk(p->text, "\r\t\x01\x7f"));
        json_decref(object);
}

static void bytes_that_are_no_utf8_become_the_replacement_character(void **state)
{
        static const struct {
                const char *bytes, *expected;
        } cases[] = {
                { "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
                  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80" },
                { "a\xff"
                  "b",
                  "a\xef\xbf\xbd"
                  "b" },
                { "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },                                 /* overlong NUL       */
                { "\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },                 /* overlong           */
                { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },                 /* a surrogate        */
                { "\xc3", "\xef\xbf\xbd" },                                                 /* cut short          */
                { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },                                 /* cut short          */
                { "\xe2\x82(", "\xef\xbf\xbd\xef\xbf\xbd(" },                               /* the end is missing */
                { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* above U+10FFFF */
        };
        struct piped *p = *state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                log_info(p->log, "a.b", "c", log_str("key", cases[i].bytes));
                json_t *object = line(p);
                assert_member(object, "key", cases[i].expected);
                json_decref(object);
        }
}

static void a_long_text_is_cut_and_says_so(void **state)
{
        struct piped *p = *state;
        char text[20000];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        log_info(p->log, "a.b", "c", log_str("key", text));
        json_t *object = line(p);
        const char *key = json_string_value(json_object_get(object, "key"));
        assert_int_equal(strlen(key), 8 * 1024 + 3);
        assert_string_equal(key + 8 * 1024, "...");
        json_decref(object);
}

static void lines_below_the_level_are_not_made(void **state)
{
        struct piped *p = *state;
        log_debug(p->log, "a.b", "c");
        assert_string_equal(written(p), "");
        log_set_level(p->log, LOG_DEBUG);
        assert_true(log_enabled(p->log, LOG_DEBUG));
        log_debug(p->log, "a.b", "c");
        assert_string_not_equal(written(p), "");
        log_set_level(p->log, LOG_OFF);
        log_error(p->log, "a.b", "c");
        assert_string_equal(written(p), "");
        assert_int_equal(log_dropped(p->log), 0);
}

static void fields_of_a_line_that_is_not_made_are_not_computed(void **state)
{
        struct piped *p = *state;
        int computed = 0;
        log_debug(p->log, "a.b", "c", log_int("count", ++computed));
        assert_int_equal(computed, 0);
        log_info(p->log, "a.b", "c", log_int("count", ++computed));
        assert_int_equal(computed, 1);
}

static void without_a_log_nothing_happens(void **state UNUSED)
{
        assert_false(log_enabled(NULL, LOG_ERROR));
        log_error((struct log *)NULL, "a.b", "c", log_int("count", 1));
        log_event(NULL, LOG_ERROR, "a.b", "c", NULL, 0);
        log_flush(NULL, 0);
        log_close(NULL, 0);
}

static void the_programs_name_is_copied_and_cut(void **state UNUSED)
{
        char name[] = "a-name-that-is-longer-than-thirty-one-characters";
        static struct piped p;
        struct err err;
        assert_int_equal(pipe2(p.fds, O_CLOEXEC | O_NONBLOCK), 0);
        struct log_options options = { .fd = p.fds[1], .level = LOG_INFO, .program = name };
        assert_int_equal(log_open(&options, &p.log, &err), 0);
        memset(name, 'x', sizeof(name) - 1);
        log_info(p.log, "a.b", "c");
        json_t *object = line(&p);
        assert_member(object, "program", "a-name-that-is-longer-than-thir");
        json_decref(object);
        log_close(p.log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(p.fds[0]);
        (void)close(p.fds[1]);
}

/* What the log says when it is read to its end: every line whole, "a.line" counted from 0 on without a gap but for what
 * "log.dropped" tells. Returns how many lines were told to be lost. */
static int64_t check_lines(const char *text, int64_t count)
{
        int64_t next = 0, lost = 0;
        for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
                json_t *object = json_loadb(text, (size_t)(end - text), 0, NULL);
                assert_non_null(object);
                const char *event = json_string_value(json_object_get(object, "event"));
                if (strcmp(event, "a.line") == 0) {
                        assert_int_equal(json_integer_value(json_object_get(object, "count")), next);
                        next++;
                } else {
                        assert_string_equal(event, "log.dropped");
                        assert_member(object, "level", "warn");
                        int64_t told = json_integer_value(json_object_get(object, "lines_dropped"));
                        assert_true(told > 0);
                        next += told;
                        lost += told;
                }
                json_decref(object);
        }
        assert_int_equal(*text, '\0');
        assert_int_equal(next, count);
        return lost;
}

static void put_lines(struct log *log, int64_t first, int64_t count)
{
        for (int64_t i = first; i < first + count; i++)
                log_info(log, "a.line", "some words that make the line a little longer", log_int("count", i));
}

struct reader {
        int fd;
        char *text; /* TEXT_MAX bytes */
};

static void *read_to_the_end(void *data)
{
        struct reader *reader = data;
        size_t length = 0;
        ssize_t n;
        while (length < TEXT_MAX - 1 && (n = read(reader->fd, reader->text + length, TEXT_MAX - 1 - length)) > 0)
                length += (size_t)n;
        reader->text[length] = '\0';
        return NULL;
}

/* Opens a log into a pipe that blocks, as a program's standard output does. */
static struct log *open_blocking(int fds[2])
{
        struct log *log;
        struct err err;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        struct log_options options = { .fd = fds[1], .level = LOG_INFO, .program = "test" };
        assert_int_equal(log_open(&options, &log, &err), 0);
        return log;
}

static void lines_that_nobody_reads_are_dropped_counted_and_told(void **state UNUSED)
{
        enum { ALL = 20000 }; /* more than pipe and memory hold */
        int fds[2];
        pthread_t thread;
        struct log *log = open_blocking(fds);
        struct reader reader = { fds[0], malloc(TEXT_MAX) };
        put_lines(log, 0, ALL);
        int64_t dropped = (int64_t)log_dropped(log);
        assert_true(dropped > 0 && dropped < ALL);
        assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, &reader), 0);
        log_flush(log, clock_monotonic_ms() + PATIENCE_MS);
        put_lines(log, ALL, 10);
        assert_int_equal(log_dropped(log), dropped);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(fds[1]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(check_lines(reader.text, ALL + 10), dropped);
        free(reader.text);
        (void)close(fds[0]);
}

static void a_reader_that_comes_late_loses_nothing(void **state UNUSED)
{
        enum { ALL = 5000 }; /* more than a pipe holds, less than the memory */
        int fds[2];
        pthread_t thread;
        struct log *log = open_blocking(fds);
        struct reader reader = { fds[0], malloc(TEXT_MAX) };
        put_lines(log, 0, ALL);
        assert_int_equal(log_dropped(log), 0);
        assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, &reader), 0);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(fds[1]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(check_lines(reader.text, ALL), 0);
        free(reader.text);
        (void)close(fds[0]);
}

static void a_log_that_nobody_reads_is_closed_all_the_same(void **state UNUSED)
{
        int fds[2];
        struct log *log = open_blocking(fds);
        put_lines(log, 0, 5000);
        int64_t began_ms = clock_monotonic_ms();
        log_close(log, clock_monotonic_ms() + 60 * PATIENCE_MS);
        assert_true(clock_monotonic_ms() - began_ms < PATIENCE_MS);
        (void)close(
                fds[0]); /* the write that hangs ends with EPIPE, and its thread, whose fds[1] still is, frees all */
}

static void what_a_full_disk_did_not_take_is_written_when_it_has_room(void **state UNUSED)
{
        struct log *log;
        struct err err;
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        FILE *file = tmpfile();
        char *text = malloc(TEXT_MAX);
        assert_true(fd >= 0 && file && text);
        struct log_options options = { .fd = fd, .level = LOG_INFO, .program = "test" };
        assert_int_equal(log_open(&options, &log, &err), 0);
        put_lines(log, 0, 20000);
        int64_t dropped = (int64_t)log_dropped(log);
        assert_true(dropped > 0);
        assert_int_equal(dup3(fileno(file), fd, O_CLOEXEC), fd);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
        rewind(file);
        text[fread(text, 1, TEXT_MAX - 1, file)] = '\0';
        assert_int_equal(check_lines(text, 20000), dropped);
        free(text);
        (void)close(fd);
        assert_int_equal(fclose(file), 0);
}

static void a_pipe_without_a_reader_is_no_end_of_the_program(void **state UNUSED)
{
        int fds[2];
        struct log *log = open_blocking(fds);
        (void)close(fds[0]);
        put_lines(log, 0, 10);
        log_close(log, clock_monotonic_ms() + 10);
        (void)close(fds[1]);
}

static void long_and_short_lines_come_out_whole(void **state)
{
        struct piped *p = *state;
        char text[6000];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (int i = 0; i < 100; i++) {
                log_info(p->log, "a.long", "c", log_str("key", text));
                log_info(p->log, "a.short", "c");
                char *lines = written(p);
                for (char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
                        json_t *object = json_loadb(lines, (size_t)(end - lines), 0, NULL);
                        assert_non_null(object);
                        json_decref(object);
                }
        }
}

/* A text is cut at 8 KiB, a line may have 64. */
static void put_line_above_the_maximum(struct log *log)
{
        char text[8 * 1024];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        log_info(log, "a.b", "c", log_str("1", text), log_str("2", text), log_str("3", text), log_str("4", text),
                 log_str("5", text), log_str("6", text), log_str("7", text), log_str("8", text));
}

static void the_dropped_lines_are_a_metric(void **state)
{
        struct piped *p = *state;
        struct buf text;
        buf_init(&text, 0);
        put_line_above_the_maximum(p->log);
        assert_int_equal(log_print_metrics(p->log, &text), 0);
        assert_non_null(strstr(text.data, "\ncollector_log_lines_dropped_total 1\n"));
        buf_fini(&text);
}

static void a_line_above_the_maximum_is_dropped_whole(void **state)
{
        struct piped *p = *state;
        put_line_above_the_maximum(p->log);
        json_t *object = line(p);
        assert_member(object, "event", "log.dropped");
        assert_int_equal(json_integer_value(json_object_get(object, "lines_dropped")), 1);
        json_decref(object);
        assert_int_equal(log_dropped(p->log), 1);
}

static void *write_lines(void *log)
{
        for (int i = 0; i < LINES; i++)
                log_info((struct log *)log, "a.b", "some words that make the line a little longer",
                         log_int("count", i));
        return NULL;
}

static void lines_of_several_threads_never_mix(void **state UNUSED)
{
        FILE *file = tmpfile();
        assert_non_null(file);
        assert_int_equal(fcntl(fileno(file), F_SETFL, O_APPEND), 0);
        struct log *log;
        struct err err;
        struct log_options options = { .fd = fileno(file), .level = LOG_INFO, .program = "test" };
        assert_int_equal(log_open(&options, &log, &err), 0);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(log_dropped(log), 0);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
        char text[1024];
        int count = 0;
        for (rewind(file); fgets(text, sizeof(text), file); count++) {
                json_t *object = json_loads(text, 0, NULL);
                assert_non_null(object);
                json_decref(object);
        }
        assert_int_equal(count, THREADS * LINES);
        assert_int_equal(fclose(file), 0);
}

static char *recent_of(struct log *log)
{
        struct buf out;
        size_t length;
        buf_init(&out, 0);
        assert_int_equal(log_print_recent(log, &out), 0);
        return buf_take(&out, &length);
}

static struct log *open_remembering(int fd)
{
        static const char *const words[] = { "redis.", NULL };
        struct log *log;
        struct err err;
        struct log_options options = { .fd = fd, .level = LOG_ERROR, .program = "test", .recent = words };
        assert_int_equal(log_open(&options, &log, &err), 0);
        return log;
}

static void lines_about_a_noun_are_kept_whatever_the_level_of_the_log(void **state)
{
        struct piped *p = *state;
        struct log *log = open_remembering(p->fds[1]);
        char *none = recent_of(log);
        assert_string_equal(none, "[]");
        log_info(log, "redis.connected", "one", log_str("address", "a \"b\""));
        log_debug(log, "redis.renewed", "not this one");
        log_info(log, "request.answered", "nor this one");
        log_warn(log, "redis.lost", "two");
        assert_string_equal(written(p), "");
        char *text = recent_of(log);
        json_t *lines = json_loads(text, 0, NULL);
        assert_int_equal(json_array_size(lines), 2);
        assert_member(json_array_get(lines, 0), "address", "a \"b\"");
        assert_member(json_array_get(lines, 1), "message", "two");
        json_decref(lines);
        free(text);
        free(none);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
}

static void only_the_latest_lines_are_kept(void **state)
{
        struct piped *p = *state;
        struct log *log = open_remembering(p->fds[1]);
        for (int i = 0; i < LOG_RECENT_MAX + 3; i++)
                log_info(log, "redis.connected", "many", log_int("attempt", i));
        char *long_text = malloc(LOG_RECENT_LINE_MAX_BYTES + 1);
        memset(long_text, 'x', LOG_RECENT_LINE_MAX_BYTES);
        long_text[LOG_RECENT_LINE_MAX_BYTES] = '\0';
        log_info(log, "redis.connected", long_text);
        char *text = recent_of(log);
        json_t *lines = json_loads(text, 0, NULL);
        assert_int_equal(json_array_size(lines), LOG_RECENT_MAX);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 0), "attempt")), 3);
        json_decref(lines);
        free(text);
        free(long_text);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
}

#define WITH_A_PIPE(test) cmocka_unit_test_setup_teardown(test, open_piped, close_piped)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_A_PIPE(a_line_names_time_level_program_event_and_message),
                WITH_A_PIPE(fields_follow_in_their_order_and_kind),
                WITH_A_PIPE(quotes_and_control_characters_are_escaped),
                WITH_A_PIPE(bytes_that_are_no_utf8_become_the_replacement_character),
                WITH_A_PIPE(a_long_text_is_cut_and_says_so),
                WITH_A_PIPE(lines_below_the_level_are_not_made),
                WITH_A_PIPE(fields_of_a_line_that_is_not_made_are_not_computed),
                WITH_A_PIPE(lines_about_a_noun_are_kept_whatever_the_level_of_the_log),
                WITH_A_PIPE(only_the_latest_lines_are_kept),
                cmocka_unit_test(without_a_log_nothing_happens),
                cmocka_unit_test(the_programs_name_is_copied_and_cut),
                cmocka_unit_test(lines_that_nobody_reads_are_dropped_counted_and_told),
                cmocka_unit_test(a_reader_that_comes_late_loses_nothing),
                cmocka_unit_test(a_log_that_nobody_reads_is_closed_all_the_same),
                cmocka_unit_test(what_a_full_disk_did_not_take_is_written_when_it_has_room),
                cmocka_unit_test(a_pipe_without_a_reader_is_no_end_of_the_program),
                WITH_A_PIPE(long_and_short_lines_come_out_whole),
                WITH_A_PIPE(the_dropped_lines_are_a_metric),
                WITH_A_PIPE(a_line_above_the_maximum_is_dropped_whole),
                cmocka_unit_test(lines_of_several_threads_never_mix),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
