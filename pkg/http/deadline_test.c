/* Tests of clients that send their heads or bodies too slowly, and of idle clients. */
#define DEADLINE_MS 200
#include "http/refusal_test.h"

/* Sends one byte of `text` every 20 ms until a response arrives, which must happen before the text ends. */
static void dribble(int fd, const char *text)
{
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        for (; poll(&wait, 1, 20) == 0; text++) {
                assert_int_not_equal(*text, '\0');
                client_send_bytes(fd, text, 1);
        }
}

static void a_head_that_arrives_too_slowly_is_rejected(void **state)
{
        char head[900];
        (void)state;
        (void)snprintf(head, sizeof(head), "GET /now HTTP/1.1\r\nHost: %.800s", large);
        for (int second = 0; second < 2; second++) {
                int fd = client_open(&f);
                if (second) {
                        client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
                        assert_int_equal(client_read(fd, &answer), 200);
                }
                int64_t start_ms = clock_monotonic_ms();
                dribble(fd, head);
                assert_true(clock_monotonic_ms() - start_ms >= DEADLINE_MS);
                assert_problem(fd, 408);
                assert_int_equal(close(fd), 0);
        }
}

/* libmicrohttpd reports nothing before the request line ends; only the kernel's byte count shows the progress. */
static void an_unfinished_request_line_is_rejected(void **state)
{
        static const char *const before[] = { "", "GET /now HTTP/1.1\r\nHost: x\r\n\r\n",
                                              "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(before); i++) {
                int fd = client_open(&f);
                client_send(fd, before[i]);
                client_send(fd, "GET /no");
                if (i > 0)
                        assert_int_equal(client_read(fd, &answer), 200);
                assert_problem(fd, 408);
                assert_ended(fd);
                assert_int_equal(close(fd), 0);
        }
}

static void a_body_that_arrives_too_slowly_is_rejected(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n");
        dribble(fd, large);
        assert_problem(fd, 408);
        assert_int_equal(close(fd), 0);
}

/* libmicrohttpd stops reading when the connection's memory is full. */
static void a_chunk_line_that_never_ends_is_rejected(void **state)
{
        static const char *const starts[] = { "2;", "00000000", "" };
        static char zeros[100000];
        (void)state;
        memset(zeros, '0', sizeof(zeros));
        for (size_t i = 0; i < COUNT_OF(starts); i++) {
                int fd = client_open(&f);
                client_send(fd, "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
                client_send(fd, starts[i]);
                client_send_bytes(fd, i == 1 ? zeros : large, sizeof(zeros));
                int status = client_read(fd, &answer);
                if (status != 400 && status != 408 && status != 413)
                        fail_msg("case %zu: %d", i, status);
                assert_int_equal(close(fd), 0);
        }
        await_connections(0);
}

static void an_idle_connection_outlives_the_deadline_for_heads(void **state)
{
        static const char *const requests[] = {
                "GET /now HTTP/1.1\r\nHost: x\r\n\r\n",
                "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                ("POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
        };
        int fds[COUNT_OF(requests) + 1];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                fds[i] = client_open(&f);
                if (i < COUNT_OF(requests)) {
                        client_send(fds[i], requests[i]);
                        assert_int_equal(client_read(fds[i], &answer), 200);
                }
        }
        struct pollfd wait = { .fd = fds[0], .events = POLLIN };
        assert_int_equal(poll(&wait, 1, 3 * DEADLINE_MS), 0);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                client_send(fds[i], "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_int_equal(client_read(fds[i], &answer), 200);
                assert_int_equal(close(fds[i]), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_head_that_arrives_too_slowly_is_rejected),
                cmocka_unit_test(an_unfinished_request_line_is_rejected),
                cmocka_unit_test(a_body_that_arrives_too_slowly_is_rejected),
                cmocka_unit_test(a_chunk_line_that_never_ends_is_rejected),
                cmocka_unit_test(an_idle_connection_outlives_the_deadline_for_heads),
        };
        return cmocka_run_group_tests_name("http deadlines", tests, start, stop);
}
