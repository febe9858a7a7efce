/* Tests of the format of a line, of escaping, and of which lines are kept. */
#include "log/piped_test.h"

static void a_line_names_time_level_program_event_and_message(void **state)
{
        struct piped *p = *state;
        log_warn(p->log, "redis.lost", "Redis is unreachable; requests are held");
        json_t *object = line(p);
        assert_int_equal(json_object_size(object), 5);
        assert_member(object, "level", "warn");
        assert_member(object, "program", "collector");
        assert_member(object, "event", "redis.lost");
        assert_member(object, "message", "Redis is unreachable; requests are held");
        const char *time = json_string_value(json_object_get(object, "time"));
        assert_int_equal(strlen(time), strlen("2026-11-24T08:15:30.123Z"));
        assert_true(time[10] == 'T' && time[23] == 'Z');
        json_decref(object);
}

static void fields_follow_in_order_with_their_types(void **state)
{
        struct piped *p = *state;
        struct err err = { .code = ERR_DENIED, .text = "AUTH: wrong password" };
        log_error(p->log, "a.b", "c", log_str("address", "10.0.0.9:6379"), log_str("key", "abc"),
                  log_int("bytes", INT64_MIN), log_err(&err), log_int(NULL, 1), log_code(&err),
                  log_str("reason", NULL));
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

static void invalid_utf8_becomes_the_replacement_character(void **state)
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
                { "\xc3", "\xef\xbf\xbd" },                                                 /* truncated */
                { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },                                 /* truncated */
                { "\xe2\x82(", "\xef\xbf\xbd\xef\xbf\xbd(" },                               /* without its end */
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

static void a_long_text_is_truncated_visibly(void **state)
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

static void lines_below_the_level_are_not_written(void **state)
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
        assert_int_equal(dropped_lines(p->log), 0);
}

static void fields_of_a_line_that_is_not_written_are_not_computed(void **state)
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

static void the_programs_name_is_copied_and_truncated(void **state UNUSED)
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

static void lines_about_a_noun_are_kept_at_any_log_level(void **state)
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_A_PIPE(a_line_names_time_level_program_event_and_message),
                WITH_A_PIPE(fields_follow_in_order_with_their_types),
                WITH_A_PIPE(quotes_and_control_characters_are_escaped),
                WITH_A_PIPE(invalid_utf8_becomes_the_replacement_character),
                WITH_A_PIPE(a_long_text_is_truncated_visibly),
                WITH_A_PIPE(lines_below_the_level_are_not_written),
                WITH_A_PIPE(fields_of_a_line_that_is_not_written_are_not_computed),
                WITH_A_PIPE(lines_about_a_noun_are_kept_at_any_log_level),
                WITH_A_PIPE(only_the_latest_lines_are_kept),
                cmocka_unit_test(without_a_log_nothing_happens),
                cmocka_unit_test(the_programs_name_is_copied_and_truncated),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
