/* Tests of bodies that a handler takes in pieces. */
#include "http/stream_test.h"

#define CHUNKED "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Sends the head of a body with Content-Length. */
static void send_head(int fd, size_t length, const char *fields)
{
        char head[256];
        (void)snprintf(head, sizeof(head), "POST /in HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", fields,
                       length);
        client_send(fd, head);
}

static void assert_answered(int fd, size_t bytes, size_t sum)
{
        char expected[96];
        (void)snprintf(expected, sizeof(expected), "%zu bytes, sum %zu", bytes, sum);
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, expected);
}

static void assert_nothing_is_left(void)
{
        fixture_await(&f, 0, count_engine, 0);
        assert_int_equal(fixture_call(&f, 0, count_used), 0);
        fixture_stop(&f);
}

static void finish(int fd)
{
        assert_int_equal(close(fd), 0);
        assert_nothing_is_left();
}

static void a_body_of_any_size_arrives_in_pieces_and_the_connection_stays(void **state)
{
        static char bytes[3 << 20];
        (void)state;
        stream_start((struct streaming){ 0 });
        int fd = client_open(&f);
        memset(bytes, 1, sizeof(bytes));
        send_head(fd, sizeof(bytes), "");
        client_send_bytes(fd, bytes, sizeof(bytes));
        assert_answered(fd, sizeof(bytes), sizeof(bytes));
        stream_next((struct streaming){ 0 });
        client_send(fd, CHUNKED);
        for (int i = 0; i < 1000; i++)
                client_send(fd, "3\r\nabc\r\n2\r\nde\r\n");
        client_send(fd, "0\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_answered(fd, 5000, 1000 * ('a' + 'b' + 'c' + 'd' + 'e'));
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "/now");
        stream_next((struct streaming){ 0 });
        send_head(fd, 0, "");
        assert_answered(fd, 0, 0);
        stream_look();
        assert_int_equal(s.ends, 1);
        finish(fd);
}

static void a_handler_that_does_not_choose_a_stream_gets_the_whole_body(void **state)
{
        (void)state;
        stream_start((struct streaming){ 0 });
        assert_int_equal(exchange(&f, "POST /in?whole=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", &answer),
                         200);
        assert_string_equal(answer.body, "3");
        assert_int_equal(exchange(&f, "POST /in?whole=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", &answer),
                         413);
        stream_look();
        assert_int_equal(s.pieces, 0);
        assert_nothing_is_left();
}

static void a_client_that_waits_for_100_continue_receives_it(void **state)
{
        (void)state;
        stream_start((struct streaming){ 0 });
        int fd = client_open(&f);
        send_head(fd, 2000, "Expect: 100-continue\r\n");
        assert_int_equal(client_read(fd, &answer), 100);
        send_zeros(fd, 2000);
        assert_answered(fd, 2000, 0);
        client_send(fd, "POST /in?no=1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 422);
        assert_ended(fd);
        finish(fd);
}

static void an_http_1_0_client_may_send_a_body_of_known_length(void **state)
{
        (void)state;
        stream_start((struct streaming){ 0 });
        int fd = client_open(&f);
        client_send(fd, "POST /in HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
        assert_answered(fd, 3, 'a' + 'b' + 'c');
        finish(fd);
}

static void a_paused_body_slows_its_client_down(void **state)
{
        enum { ALL = 64 << 20 };
        (void)state;
        stream_start((struct streaming){ .pauses = true });
        for (int chunked = 0; chunked < 2; chunked++) {
                stream_next((struct streaming){ .pauses = true });
                int fd = client_open(&f);
                if (chunked)
                        client_send(fd, CHUNKED "4000000\r\n");
                else
                        send_head(fd, ALL, "");
                size_t taken = fill(fd, ALL);
                assert_true(taken < ALL / 2); /* what the kernel's buffers hold */
                assert_int_equal(fixture_call(&f, 0, count_pieces), 1);
                fixture_await(&f, 0, is_suspended, 1);
                assert_int_equal(fixture_call(&f, 0, count_gone), 0);
                (void)fixture_call(&f, 0, resume);
                send_zeros(fd, ALL - taken);
                if (chunked)
                        client_send(fd, "\r\n0\r\n\r\n");
                assert_answered(fd, ALL, 0);
                assert_int_equal(close(fd), 0);
        }
        assert_nothing_is_left();
}

static void a_body_may_be_paused_at_every_piece(void **state)
{
        (void)state;
        stream_start((struct streaming){ .pauses = true });
        int fd = client_open(&f);
        client_send(fd, CHUNKED);
        for (int i = 0; i < 20; i++)
                client_send(fd, "3\r\nabc\r\n");
        client_send(fd, "0\r\n\r\n");
        for (size_t i = 1; i < 20; i++) {
                fixture_await(&f, 0, count_pieces, i);
                fixture_await(&f, 0, is_suspended, 1);
                (void)fixture_call(&f, 0, resume_once);
        }
        assert_answered(fd, 60, 20 * ('a' + 'b' + 'c'));
        finish(fd);
}

static void a_client_that_has_sent_everything_and_shut_down_is_served(void **state)
{
        (void)state;
        stream_start_hasty((struct streaming){ .pauses = true, .keeps = true });
        int fd = client_open(&f);
        send_head(fd, 30000, "");
        send_zeros(fd, 30000);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        fixture_await(&f, 0, is_suspended, 1);
        (void)poll(NULL, 0, BODY_MS + BODY_MS / 2); /* the sweeps see only a paused stream */
        assert_int_equal(fixture_call(&f, 0, count_gone), 0);
        (void)fixture_call(&f, 0, resume);
        assert_answered(fd, 30000, 0);
        finish(fd);
}

static void a_response_before_the_end_of_the_body_reaches_the_client(void **state)
{
        (void)state;
        stream_start((struct streaming){ .refuses = true });
        int fd = client_open(&f);
        send_head(fd, 1 << 30, "");
        (void)fill(fd, 1 << 20);
        assert_int_equal(client_read(fd, &answer), 413);
        assert_non_null(strstr(answer.body, "Too much of it."));
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        assert_int_equal(close(fd), 0);
        fixture_await(&f, 0, count_records, 1);
        stream_look();
        assert_int_equal(records.last.status, 413);
        /* The rest of a small body is dropped, and the connection stays open. */
        fd = client_open(&f);
        client_send(
                fd,
                "POST /in?no=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 422);
        assert_int_equal(client_read(fd, &answer), 200);
        client_send(fd, "POST /in?no=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 422);
        assert_int_equal(client_read(fd, &answer), 200);
        finish(fd);
}

static void a_response_to_a_paused_body_reaches_the_client(void **state)
{
        (void)state;
        stream_start((struct streaming){ .pauses = true });
        int fd = client_open(&f);
        send_head(fd, 1 << 20, "");
        send_zeros(fd, 1 << 19);
        fixture_await(&f, 0, is_suspended, 1);
        (void)fixture_call(&f, 0, answer_late);
        assert_int_equal(client_read(fd, &answer), 200);
        finish(fd);
}

static void a_response_may_follow_long_after_the_body(void **state)
{
        (void)state;
        stream_start_hasty((struct streaming){ .answers_late = true });
        int fd = client_open(&f);
        client_send(fd, CHUNKED "1\r\na\r\n0\r\n\r\n");
        fixture_await(&f, 0, count_ends, 1);
        (void)poll(NULL, 0, BODY_MS + BODY_MS / 2);
        (void)fixture_call(&f, 0, answer_late);
        assert_answered(fd, 1, 'a');
        finish(fd);
}

static void a_request_that_was_given_its_body_is_like_one_whose_body_came_whole(void **state)
{
        (void)state;
        stream_start((struct streaming){ .gives = true });
        int fd = client_open(&f);
        client_send(fd, CHUNKED "1\r\na\r\n0\r\n\r\n");
        assert_answered(fd, 1, 'a');
        stream_next((struct streaming){ .gives = true, .answers_late = true });
        client_send(fd, CHUNKED "1\r\nb\r\n0\r\n\r\n");
        fixture_await(&f, 0, count_ends, 1);
        (void)fixture_call(&f, 0, answer_late);
        assert_answered(fd, 1, 'b');
        for (size_t i = 1; i <= 50; i++) {
                int other = client_open(&f);
                stream_next((struct streaming){ .gives = true, .answers_late = true });
                client_send(other, CHUNKED "1\r\na\r\n0\r\n\r\n");
                fixture_await(&f, 0, count_ends, 1);
                reset_connection(other);
                stream_look();
                assert_int_equal(s.gone, 0);
                (void)fixture_call(&f, 0, answer_late);
                fixture_await(&f, 0, count_records, i + 2);
        }
        finish(fd);
}

/* Covers a handler that ends the request at once, and one that keeps it for a while. */
static void a_disconnect_is_reported_once(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                bool keeps = i % 2, pauses = i / 2;
                stream_start((struct streaming){ .keeps = keeps, .pauses = pauses });
                int fd = client_open(&f);
                send_head(fd, 1 << 20, "");
                send_zeros(fd, 1 << 16);
                if (pauses)
                        fixture_await(&f, 0, is_suspended, 1);
                else
                        fixture_await(&f, 0, count_bytes, 1 << 16);
                reset_connection(fd);
                fixture_await(&f, 0, count_gone, 1);
                assert_int_equal(fixture_call(&f, 0, is_there), keeps);
                if (keeps)
                        (void)fixture_call(&f, 0, answer_late);
                fixture_await(&f, 0, count_records, 1);
                assert_nothing_is_left();
        }
}

static void a_client_that_leaves_after_its_body_is_still_answered(void **state)
{
        (void)state;
        stream_start((struct streaming){ .answers_late = true });
        for (int i = 1; i <= 100; i++) {
                int fd = client_open(&f);
                client_send(fd, CHUNKED "1\r\na\r\n0\r\n\r\n");
                fixture_await(&f, 0, count_ends, (size_t)i);
                reset_connection(fd); /* noticed only if the connection is not suspended yet */
                (void)fixture_call(&f, 0, answer_if_there);
                fixture_await(&f, 0, count_records, (size_t)i);
        }
        assert_nothing_is_left();
}

static void a_body_that_stops_is_rejected_but_a_slow_one_is_accepted(void **state)
{
        (void)state;
        stream_start_hasty((struct streaming){ 0 });
        int fd = client_open(&f);
        send_head(fd, 12, "");
        for (int i = 0; i < 12; i++) { /* takes twice as long as the limit for a body that is not a stream */
                client_send(fd, "a");
                (void)poll(NULL, 0, BODY_MS / 6);
        }
        assert_answered(fd, 12, 12 * 'a');
        stream_next((struct streaming){ 0 });
        send_head(fd, 12, "");
        client_send(fd, "a");
        assert_int_equal(client_read(fd, &answer), 408);
        assert_int_equal(fixture_call(&f, 0, count_gone), 1);
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
        stream_look();
        assert_int_equal(records.count, 2);
        assert_int_equal(records.last.status, 408);
        assert_nothing_is_left();
}

static void a_refused_body_may_be_answered_later(void **state)
{
        (void)state;
        stream_start_hasty((struct streaming){ .keeps = true });
        int fd = client_open(&f);
        send_head(fd, 12, "");
        assert_int_equal(client_read(fd, &answer), 408);
        (void)fixture_call(&f, 0, answer_late);
        assert_int_equal(close(fd), 0);
        fd = client_open(&f);
        send_head(fd, 12, "");
        assert_int_equal(client_read(fd, &answer), 408);
        assert_int_equal(close(fd), 0);
        fixture_await(&f, 0, count_gone, 2);
        (void)poll(NULL, 0, 50);
        (void)fixture_call(&f, 0, answer_late);
        stream_look();
        assert_int_equal(records.count, 2);
        assert_nothing_is_left();
}

static void a_chunk_line_that_never_ends_is_rejected(void **state)
{
        static char zeros[100000];
        (void)state;
        stream_start_hasty((struct streaming){ 0 });
        memset(zeros, '0', sizeof(zeros));
        int fd = client_open(&f);
        client_send(fd, CHUNKED "1\r\na\r\n");
        client_send_bytes(fd, zeros, sizeof(zeros));
        int status = client_read(fd, &answer);
        assert_true(status == 400 || status == 413);
        fixture_await(&f, 0, count_gone, 1);
        finish(fd);
}

static void a_body_ends_when_the_server_drains(void **state)
{
        (void)state;
        for (int pauses = 0; pauses < 2; pauses++) {
                stream_start((struct streaming){ .pauses = pauses });
                int fd = client_open(&f);
                send_head(fd, 1 << 20, "");
                send_zeros(fd, 1 << 16);
                if (pauses)
                        fixture_await(&f, 0, is_suspended, 1);
                else
                        fixture_await(&f, 0, count_bytes, 1 << 16);
                http_server_drain(f.server);
                assert_int_equal(client_read(fd, &answer), 503);
                assert_non_null(strstr(answer.body, "The upload was stopped."));
                assert_int_equal(close(fd), 0);
                fixture_await(&f, 0, count_busy, 0);
                fd = client_open(&f);
                client_send(fd, CHUNKED);
                assert_int_equal(client_read(fd, &answer), 503);
                assert_int_equal(close(fd), 0);
                stream_look();
                assert_int_equal(s.drains, 1);
                assert_int_equal(s.gone, 0);
                assert_nothing_is_left();
        }
}

static void a_short_body_is_accepted_while_the_server_drains(void **state)
{
        (void)state;
        stream_start((struct streaming){ .is_short = true });
        int fd = client_open(&f);
        http_server_drain(f.server);
        client_send(fd, CHUNKED "1\r\na\r\n0\r\n\r\n");
        assert_answered(fd, 1, 'a');
        finish(fd);
}

static void closing_the_worker_ends_streamed_bodies_of_every_kind(void **state)
{
        (void)state;
        for (int i = 0; i < 6; i++) {
                stream_start((struct streaming){ .pauses = i % 2, .keeps = i / 2 == 1, .answers_late = i / 2 == 2 });
                int fd = client_open(&f);
                send_head(fd, 1 << 16, "");
                (void)fill(fd, i / 2 == 2 ? 1 << 16 : 1 << 15);
                if (i % 2)
                        fixture_await(&f, 0, is_suspended, 1);
                else
                        fixture_await(&f, 0, count_bytes, i / 2 == 2 ? 1 << 16 : 1 << 15);
                (void)fixture_call(&f, 0, close_worker);
                assert_int_equal(close(fd), 0);
                fixture_stop(&f);
        }
}

static void a_thousand_uploads_that_end_at_any_time_leak_nothing(void **state)
{
        (void)state;
        stream_start((struct streaming){ 0 });
        for (unsigned i = 0; i < 1000; i++) {
                stream_next((struct streaming){ .pauses = i % 3 == 0 });
                int fd = client_open(&f);
                client_send(fd, CHUNKED "3\r\nabc\r\n");
                if (i % 2)
                        client_send(fd, "3\r\nabc\r\n0\r\n\r\n");
                for (unsigned j = 0; j < i % 5; j++)
                        (void)fixture_call(&f, 0, count_bytes);
                reset_connection(fd);
                if (i % 50 == 0)
                        fixture_await(&f, 0, is_there, 0);
        }
        assert_nothing_is_left();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_body_of_any_size_arrives_in_pieces_and_the_connection_stays),
                cmocka_unit_test(a_handler_that_does_not_choose_a_stream_gets_the_whole_body),
                cmocka_unit_test(a_client_that_waits_for_100_continue_receives_it),
                cmocka_unit_test(an_http_1_0_client_may_send_a_body_of_known_length),
                cmocka_unit_test(a_paused_body_slows_its_client_down),
                cmocka_unit_test(a_body_may_be_paused_at_every_piece),
                cmocka_unit_test(a_client_that_has_sent_everything_and_shut_down_is_served),
                cmocka_unit_test(a_response_before_the_end_of_the_body_reaches_the_client),
                cmocka_unit_test(a_response_to_a_paused_body_reaches_the_client),
                cmocka_unit_test(a_response_may_follow_long_after_the_body),
                cmocka_unit_test(a_request_that_was_given_its_body_is_like_one_whose_body_came_whole),
                cmocka_unit_test(a_disconnect_is_reported_once),
                cmocka_unit_test(a_client_that_leaves_after_its_body_is_still_answered),
                cmocka_unit_test(a_body_that_stops_is_rejected_but_a_slow_one_is_accepted),
                cmocka_unit_test(a_refused_body_may_be_answered_later),
                cmocka_unit_test(a_chunk_line_that_never_ends_is_rejected),
                cmocka_unit_test(a_body_ends_when_the_server_drains),
                cmocka_unit_test(a_short_body_is_accepted_while_the_server_drains),
                cmocka_unit_test(closing_the_worker_ends_streamed_bodies_of_every_kind),
                cmocka_unit_test(a_thousand_uploads_that_end_at_any_time_leak_nothing),
        };
        return cmocka_run_group_tests_name("http streamed bodies", tests, NULL, NULL);
}
