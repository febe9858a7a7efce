/* Tests that lines are written completely and in order, and that lines that cannot be written are counted. */
#include "log/piped_test.h"

#include <pthread.h>

enum { THREADS = 4, LINES = 200 };

/* Reads the log to its end and checks that every line is whole and that "a.line" counts from 0 without gaps, except
 * those that "log.dropped" reports. Returns the number of lines reported as lost. */
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

/* Opens a log that writes to a blocking pipe, like a program's standard output. */
static struct log *open_blocking(int fds[2])
{
        struct log *log;
        struct err err;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        struct log_options options = { .fd = fds[1], .level = LOG_INFO, .program = "test" };
        assert_int_equal(log_open(&options, &log, &err), 0);
        return log;
}

static void lines_that_nobody_reads_are_dropped_counted_and_reported(void **state UNUSED)
{
        enum { ALL = 20000 }; /* more than the pipe and the memory can hold */
        int fds[2];
        pthread_t thread;
        struct log *log = open_blocking(fds);
        struct reader reader = { fds[0], malloc(TEXT_MAX) };
        put_lines(log, 0, ALL);
        int64_t dropped = dropped_lines(log);
        assert_true(dropped > 0 && dropped < ALL);
        assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, &reader), 0);
        log_flush(log, clock_monotonic_ms() + PATIENCE_MS);
        put_lines(log, ALL, 10);
        assert_int_equal(dropped_lines(log), dropped);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(fds[1]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(check_lines(reader.text, ALL + 10), dropped);
        free(reader.text);
        (void)close(fds[0]);
}

static void a_late_reader_loses_nothing(void **state UNUSED)
{
        enum { ALL = 5000 }; /* more than a pipe holds, less than the memory holds */
        int fds[2];
        pthread_t thread;
        struct log *log = open_blocking(fds);
        struct reader reader = { fds[0], malloc(TEXT_MAX) };
        put_lines(log, 0, ALL);
        assert_int_equal(dropped_lines(log), 0);
        assert_int_equal(pthread_create(&thread, NULL, read_to_the_end, &reader), 0);
        log_close(log, clock_monotonic_ms() + PATIENCE_MS);
        (void)close(fds[1]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(check_lines(reader.text, ALL), 0);
        free(reader.text);
        (void)close(fds[0]);
}

static void a_log_that_nobody_reads_can_still_be_closed(void **state UNUSED)
{
        int fds[2];
        struct log *log = open_blocking(fds);
        put_lines(log, 0, 5000);
        int64_t began_ms = clock_monotonic_ms();
        log_close(log, clock_monotonic_ms() + 60 * PATIENCE_MS);
        assert_true(clock_monotonic_ms() - began_ms < PATIENCE_MS);
        (void)close(fds[0]); /* the hanging write fails with EPIPE, and its thread, which still owns fds[1], frees
                          * everything */
}

static void lines_refused_by_a_full_disk_are_written_when_there_is_room(void **state UNUSED)
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
        int64_t dropped = dropped_lines(log);
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

static void a_pipe_without_a_reader_does_not_end_the_program(void **state UNUSED)
{
        int fds[2];
        struct log *log = open_blocking(fds);
        (void)close(fds[0]);
        put_lines(log, 0, 10);
        log_close(log, clock_monotonic_ms() + 10);
        (void)close(fds[1]);
}

static void long_and_short_lines_are_written_whole(void **state)
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

/* A field is truncated at 8 KiB; a line may be 64 KiB long. */
static void put_line_over_the_maximum(struct log *log)
{
        char text[8 * 1024];
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        log_info(log, "a.b", "c", log_str("1", text), log_str("2", text), log_str("3", text), log_str("4", text),
                 log_str("5", text), log_str("6", text), log_str("7", text), log_str("8", text));
}

static void a_metric_counts_the_dropped_lines(void **state)
{
        struct piped *p = *state;
        struct buf text;
        buf_init(&text, 0);
        put_line_over_the_maximum(p->log);
        assert_int_equal(log_print_metrics(p->log, &text), 0);
        assert_non_null(strstr(text.data, "\ncollector_log_lines_dropped_total 1\n"));
        buf_fini(&text);
}

static void a_line_over_the_maximum_is_dropped_whole(void **state)
{
        struct piped *p = *state;
        put_line_over_the_maximum(p->log);
        json_t *object = line(p);
        assert_member(object, "event", "log.dropped");
        assert_int_equal(json_integer_value(json_object_get(object, "lines_dropped")), 1);
        json_decref(object);
        assert_int_equal(dropped_lines(p->log), 1);
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
        assert_int_equal(dropped_lines(log), 0);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_that_nobody_reads_are_dropped_counted_and_reported),
                cmocka_unit_test(a_late_reader_loses_nothing),
                cmocka_unit_test(a_log_that_nobody_reads_can_still_be_closed),
                cmocka_unit_test(lines_refused_by_a_full_disk_are_written_when_there_is_room),
                cmocka_unit_test(a_pipe_without_a_reader_does_not_end_the_program),
                WITH_A_PIPE(long_and_short_lines_are_written_whole),
                WITH_A_PIPE(a_metric_counts_the_dropped_lines),
                WITH_A_PIPE(a_line_over_the_maximum_is_dropped_whole),
                cmocka_unit_test(lines_of_several_threads_never_mix),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
