/* Tests of responses that a handler writes in pieces. */
#include "http/stream_test.h"

#define GET_OUT "GET /out HTTP/1.1\r\nHost: x\r\n\r\n"

enum { LINES = 20000 }; /* 2 MB: more than a slow reader's buffers hold */

static char trailers[256];

/* A client with small kernel buffers. */
static int open_slow(void)
{
        int size = 16 << 10;
        int fd = client_open(&f);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
        return fd;
}

static int request_lines(int fd)
{
        client_send(fd, GET_OUT);
        return client_read_head_or_all(fd, &answer, true);
}

static void assert_nothing_is_left(void)
{
        fixture_await(&f, 0, count_engine, 0);
        assert_int_equal(fixture_call(&f, 0, count_used), 0);
        fixture_stop(&f);
}

static void a_response_of_unknown_length_ends_with_its_trailers(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = LINES });
        int fd = client_open(&f);
        assert_int_equal(request_lines(fd), 200);
        assert_non_null(strcasestr(answer.head, "Transfer-Encoding: chunked\r\n"));
        assert_non_null(strstr(answer.head, "Trailer: x-count, x-more\r\n"));
        assert_non_null(strstr(answer.head, "Cache-Control: no-store\r\n"));
        assert_int_equal(read_chunks(fd, trailers), LINES * LINE_BYTES);
        assert_string_equal(trailers, "x-count: 20000;x-more: no;");
        /* The connection stays usable, also for another stream. */
        stream_next((struct streaming){ 0 });
        client_send(fd, GET_OUT "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 200);
        for (const char *at = "0\r\nx-count: 0\r\nx-more: no\r\n\r\n"; *at; at++)
                assert_int_equal(client_byte(fd), *at);
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "/now");
        fixture_await(&f, 0, count_records, 3);
        stream_look();
        assert_int_equal(records.last.status, 200);
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void a_stream_is_recorded_when_it_ends(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = 30 });
        int fd = client_open(&f);
        assert_int_equal(request_lines(fd), 200);
        assert_int_equal(read_chunks(fd, trailers), 30 * LINE_BYTES);
        fixture_await(&f, 0, count_records, 1);
        stream_look();
        assert_int_equal(records.last.response_bytes, 30 * LINE_BYTES);
        assert_int_equal(records.last.count, 30);
        assert_false(records.last.is_broken);
        assert_int_equal(close(fd), 0);
        assert_int_equal(exchange(&f, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
        stream_look();
        assert_int_equal(records.last.count, -1);
        assert_nothing_is_left();
}

static void head_is_answered_without_a_stream(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = 30 });
        int fd = client_open(&f);
        client_send(fd, "HEAD /out HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 200);
        assert_non_null(strstr(answer.head, "Trailer: x-count, x-more\r\n"));
        assert_ended(fd);
        stream_look();
        assert_int_equal(s.writables, 0);
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void an_http_1_0_client_is_told_what_it_needs(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = 30 });
        int fd = client_open(&f);
        client_send(fd, "GET /out HTTP/1.0\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 505);
        assert_non_null(strstr(answer.body, "proxy_http_version 1.1"));
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void a_slow_reader_slows_the_handler_down(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = LINES });
        int fd = open_slow();
        assert_int_equal(request_lines(fd), 200);
        size_t before = 0, now = fixture_call(&f, 0, count_lines);
        for (int64_t end_ms = clock_monotonic_ms() + 200; clock_monotonic_ms() < end_ms;) {
                before = now;
                now = fixture_call(&f, 0, count_lines);
        }
        assert_int_equal(before, now);
        assert_true(now < LINES / 2);
        size_t used = fixture_call(&f, 0, count_used);
        assert_true(used >= 64 << 10 && used <= 256 << 10);
        assert_int_equal(read_chunks(fd, trailers), LINES * LINE_BYTES);
        stream_look();
        assert_true(s.peak < (64 << 10) + 2 * LINE_BYTES);
        assert_true(s.writables > 10);
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void a_handler_may_begin_late_and_write_at_any_time(void **state)
{
        (void)state;
        stream_start_hasty((struct streaming){ .lines = 1000, .answers_late = true, .idles = true });
        int fd = client_open(&f);
        client_send(fd, GET_OUT);
        fixture_await(&f, 0, is_there, 1);
        (void)poll(NULL, 0, 50);
        assert_int_equal(fixture_call(&f, 0, begin_late), 1);
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 200); /* before the first byte of the body */
        fixture_await(&f, 0, is_suspended, 1);
        (void)poll(NULL, 0, BODY_MS + BODY_MS / 2); /* the server waits for a handler that has nothing to write */
        (void)fixture_call(&f, 0, write_late);
        assert_int_equal(read_chunks(fd, trailers), 1000 * LINE_BYTES);
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void a_client_that_has_shut_down_its_side_gets_the_whole_response(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = LINES });
        int fd = client_open(&f);
        client_send(fd, GET_OUT);
        fixture_await(&f, 0, is_there, 1);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 200);
        assert_int_equal(read_chunks(fd, trailers), LINES * LINE_BYTES);
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void an_aborted_response_is_visibly_incomplete(void **state)
{
        (void)state;
        for (int idles = 0; idles < 2; idles++) {
                stream_start((struct streaming){ .lines = LINES, .idles = idles });
                int fd = open_slow();
                assert_int_equal(request_lines(fd), 200);
                if (idles)
                        fixture_await(&f, 0, is_suspended, 1);
                (void)fixture_call(&f, 0, abort_late);
                assert_int_equal(read_chunks(fd, trailers), SIZE_MAX);
                fixture_await(&f, 0, count_records, 1);
                stream_look();
                assert_true(records.last.is_broken);
                assert_int_equal(s.gone, 0);
                assert_int_equal(close(fd), 0);
                assert_nothing_is_left();
        }
}

static void a_disconnect_is_reported_once(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                bool idles = i % 2, keeps = i / 2;
                stream_start((struct streaming){ .lines = LINES, .idles = idles, .keeps = keeps });
                int fd = open_slow();
                assert_int_equal(request_lines(fd), 200);
                if (idles)
                        fixture_await(&f, 0, is_suspended, 1);
                reset_connection(fd);
                fixture_await(&f, 0, count_gone, 1);
                assert_int_equal(fixture_call(&f, 0, is_there), keeps);
                if (keeps) {
                        (void)fixture_call(&f, 0, write_late); /* the write is lost, which must be harmless */
                        (void)fixture_call(&f, 0, abort_late);
                }
                fixture_await(&f, 0, count_records, 1);
                stream_look();
                assert_true(records.last.is_broken);
                assert_nothing_is_left();
        }
}

static void is_held_long(struct fixture_worker *w)
{
        w->result = s.request && s.request->hold.is_suspended;
}

static void a_disconnect_during_a_late_response_is_reported_once(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = LINES, .answers_late = true });
        int fd = open_slow();
        client_send(fd, GET_OUT);
        fixture_await(&f, 0, is_held_long, 1);
        assert_int_equal(fixture_call(&f, 0, begin_late), 1);
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 200);
        reset_connection(fd);
        fixture_await(&f, 0, count_gone, 1);
        assert_nothing_is_left();
}

static void only_a_client_that_reads_nothing_is_cut_off(void **state)
{
        (void)state;
        stream_start_hasty((struct streaming){ .lines = 3000 });
        int fd = open_slow();
        assert_int_equal(request_lines(fd), 200);
        char bytes[20 << 10];
        for (size_t all = 0; all < 3000 * LINE_BYTES / 2;) { /* takes longer than the deadline in total */
                ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
                assert_true(n > 0);
                all += (size_t)n;
                (void)poll(NULL, 0, BODY_MS / 8);
        }
        assert_int_equal(fixture_call(&f, 0, count_gone), 0);
        fixture_await(&f, 0, count_gone, 1);
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void a_response_ends_when_the_server_drains(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                bool farewell = i % 2, idles = i / 2;
                stream_start((struct streaming){ .lines = LINES, .farewell = farewell, .idles = idles });
                int fd = open_slow();
                assert_int_equal(request_lines(fd), 200);
                if (idles)
                        fixture_await(&f, 0, is_suspended, 1);
                http_server_drain(f.server);
                if (!farewell) { /* the response ends although nothing reads it */
                        fixture_await(&f, 0, count_busy, 0);
                        assert_int_equal(fixture_call(&f, 0, count_gone), 1);
                        assert_int_equal(read_chunks(fd, trailers), SIZE_MAX);
                } else if (idles) {
                        assert_int_equal(read_chunks(fd, trailers), 3);
                        fixture_await(&f, 0, count_busy, 0);
                } else {
                        assert_int_not_equal(read_chunks(fd, trailers), SIZE_MAX);
                }
                assert_int_equal(close(fd), 0);
                assert_int_equal(exchange(&f, GET_OUT, &answer), 503);
                assert_nothing_is_left();
        }
}

static void closing_the_worker_ends_streamed_responses_of_every_kind(void **state)
{
        (void)state;
        for (int i = 0; i < 8; i++) {
                stream_start((struct streaming){ .lines = LINES, .idles = i & 1, .keeps = i & 2 });
                int fd = open_slow();
                assert_int_equal(request_lines(fd), 200);
                if (i & 1)
                        fixture_await(&f, 0, is_suspended, 1);
                if (i & 4)
                        reset_connection(fd);
                (void)fixture_call(&f, 0, close_worker);
                stream_look();
                assert_int_equal(s.gone, 1);
                if (!(i & 4)) {
                        assert_int_equal(read_chunks(fd, trailers), SIZE_MAX);
                        assert_int_equal(close(fd), 0);
                }
                fixture_stop(&f);
        }
}

static void a_thousand_readers_that_leave_at_any_time_leak_nothing(void **state)
{
        (void)state;
        stream_start((struct streaming){ .lines = 0 });
        for (unsigned i = 0; i < 1000; i++) {
                stream_next((struct streaming){ .lines = i % 3 ? 2000 : 2 });
                int fd = client_open(&f);
                client_send(fd, GET_OUT GET_OUT);
                for (unsigned j = 0; j < i % 7; j++)
                        (void)fixture_call(&f, 0, count_lines);
                reset_connection(fd);
        }
        assert_nothing_is_left();
}

static void count_apart(struct fixture_worker *w)
{
        w->result = w->worker->stream_engine.held;
}

static void count_among_others(struct fixture_worker *w)
{
        w->result = w->worker->engine.held;
}

static void clients_that_begin_with_an_endless_stream_are_served_separately(void **state)
{
        const struct {
                const char *first, *rest;
                size_t apart;
        } cases[] = { { GET_OUT, "", 1 },
                      { "GET /out?a=1 HTTP/1.1\r\nHost: x\r\n\r\n", "", 1 },
                      { "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", GET_OUT, 0 },
                      { "GET /out", " HTTP/1.1\r\nHost: x\r\n\r\n", 0 } };
        (void)state;
        stream_start((struct streaming){ .idles = true });
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                stream_next((struct streaming){ .idles = true });
                int fd = client_open(&f);
                client_send(fd, cases[i].first);
                if (*cases[i].rest == 'G')
                        assert_int_equal(client_read(fd, &answer), 200);
                else
                        (void)exchange(&f, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &answer);
                client_send(fd, cases[i].rest);
                assert_int_equal(client_read_head_or_all(fd, &answer, true), 200);
                fixture_await(&f, 0, is_suspended, 1);
                assert_int_equal(fixture_call(&f, 0, count_apart), cases[i].apart);
                assert_int_equal(fixture_call(&f, 0, count_among_others), 1 - cases[i].apart);
                reset_connection(fd);
                (void)fixture_call(&f, 0, write_late); /* the write notices the reset */
                fixture_await(&f, 0, count_engine, 0);
        }
        assert_nothing_is_left();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_response_of_unknown_length_ends_with_its_trailers),
                cmocka_unit_test(a_stream_is_recorded_when_it_ends),
                cmocka_unit_test(head_is_answered_without_a_stream),
                cmocka_unit_test(an_http_1_0_client_is_told_what_it_needs),
                cmocka_unit_test(a_slow_reader_slows_the_handler_down),
                cmocka_unit_test(a_handler_may_begin_late_and_write_at_any_time),
                cmocka_unit_test(a_client_that_has_shut_down_its_side_gets_the_whole_response),
                cmocka_unit_test(an_aborted_response_is_visibly_incomplete),
                cmocka_unit_test(a_disconnect_is_reported_once),
                cmocka_unit_test(a_disconnect_during_a_late_response_is_reported_once),
                cmocka_unit_test(only_a_client_that_reads_nothing_is_cut_off),
                cmocka_unit_test(a_response_ends_when_the_server_drains),
                cmocka_unit_test(closing_the_worker_ends_streamed_responses_of_every_kind),
                cmocka_unit_test(a_thousand_readers_that_leave_at_any_time_leak_nothing),
                cmocka_unit_test(clients_that_begin_with_an_endless_stream_are_served_separately),
        };
        return cmocka_run_group_tests_name("http streamed answers", tests, NULL, NULL);
}
