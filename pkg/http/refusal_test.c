/* Tests of the responses to a client whose body is too large or that speaks TLS, and to clients over the limit. Such
 * clients can read the response even if they send everything before they read. */
#include "http/refusal_test.h"

static void assert_refused(const char *bytes, size_t length, int status)
{
        int fd = client_open(&f);
        client_send_bytes(fd, bytes, length);
        assert_problem(fd, status);
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
}

static void a_body_of_exactly_the_limit_is_accepted(void **state)
{
        char head[128];
        (void)state;
        int fd = client_open(&f);
        (void)snprintf(head, sizeof(head), "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", BODY_MAX);
        client_send(fd, head);
        client_send_bytes(fd, large, BODY_MAX);
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "1000");
        (void)snprintf(head, sizeof(head), "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
                       BODY_MAX);
        client_send(fd, head);
        client_send_bytes(fd, large, BODY_MAX);
        client_send(fd, "\r\n0\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "1000");
        assert_int_equal(close(fd), 0);
}

static void a_body_with_a_large_content_length_is_rejected_and_drained(void **state)
{
        static const size_t sizes[] = { BODY_MAX + 1, 100000, 1 << 20 };
        char head[128];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                int fd = client_open(&f);
                (void)snprintf(head, sizeof(head), "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                               sizes[i]);
                client_send(fd, head);
                client_send_bytes(fd, large, sizes[i]);
                assert_problem(fd, 413);
                assert_ended(fd);
                assert_int_equal(close(fd), 0);
        }
}

static void a_client_that_expects_100_gets_the_error_before_it_sends_a_large_body(void **state)
{
        static const char request[] = "POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                      "Content-Length: 1001\r\n\r\n";
        (void)state;
        assert_refused(request, sizeof(request) - 1, 413);
}

/* A request whose head alone determines the response is answered without 100 (Continue). */
static void a_client_that_expects_100_gets_the_error_before_it_sends_a_body(void **state)
{
        static const struct {
                const char *line;
                int status;
                const char *field;
        } cases[] = {
                { "POST /nothing", 404, "\r\nDate: " },
                { "PUT /echo", 405, "\r\nAllow: POST, OPTIONS\r\n" },
                { "POST /judged", 415, "\r\nAccept-Post: text/plain\r\n" },
        };
        char request[256];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                for (int sends_anyway = 0; sends_anyway < 2; sends_anyway++) {
                        int fd = client_open(&f);
                        (void)snprintf(request, sizeof(request),
                                       "%s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n%s",
                                       cases[i].line, sends_anyway ? "hello" : "");
                        client_send(fd, request);
                        assert_problem(fd, cases[i].status);
                        assert_non_null(strstr(answer.head, cases[i].field));
                        assert_non_null(strstr(answer.head, "\r\nConnection: close\r\n"));
                        assert_ended(fd);
                        assert_int_equal(close(fd), 0);
                }
        }
}

static void a_client_that_expects_100_gets_it_if_the_request_may_be_valid(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "POST /judged HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: text/plain\r\n"
                        "Content-Length: 5\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 100);
        client_send(fd, "hello");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "5");
        assert_non_null(strstr(answer.head, "Keep-Alive: "));
        client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_int_equal(close(fd), 0);
}

static void a_large_chunked_body_is_rejected_and_drained(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 20; i++) {
                client_send(fd, "4e20\r\n");
                client_send_bytes(fd, large, 20000);
                client_send(fd, "\r\n");
        }
        client_send(fd, "0\r\n\r\n");
        assert_problem(fd, 413);
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
}

/* The server stops reading an endless body after LINGER_BYTES or LINGER_MS. */
static void an_endless_body_is_cut_off(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n");
        ssize_t sent = 0;
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
        while (sent >= 0 && clock_monotonic_ms() < deadline_ms)
                sent = send(fd, large, sizeof(large), MSG_NOSIGNAL);
        assert_true(clock_monotonic_ms() < deadline_ms);
        assert_int_equal(close(fd), 0);
}

/* The start of a ClientHello, which may arrive in pieces. */
static void a_tls_client_learns_that_the_port_is_plain_http(void **state)
{
        static const char hello[] = "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"
                                    "random\nand\r\n\r\nmore";
        (void)state;
        for (size_t first = 0; first < 4; first++) {
                int fd = client_open(&f);
                await_connections(1);
                client_send_bytes(fd, hello, first);
                if (first == 0)
                        client_send_bytes(fd, hello, sizeof(hello) - 1);
                assert_problem(fd, 400);
                assert_non_null(strstr(answer.body, "plain HTTP"));
                assert_ended(fd);
                assert_int_equal(close(fd), 0);
                await_connections(0);
        }
}

static void a_connection_over_the_limit_gets_503_and_a_later_one_is_served(void **state)
{
        int fds[CONNECTIONS_MAX];
        (void)state;
        await_connections(0);
        for (int i = 0; i < CONNECTIONS_MAX; i++)
                fds[i] = client_open(&f);
        await_connections(CONNECTIONS_MAX);
        for (int i = 0; i < 100; i++) {
                int fd = client_open(&f);
                if (i % 2)
                        client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_problem(fd, 503);
                assert_non_null(strstr(answer.head, "Retry-After: "));
                assert_ended(fd);
                assert_int_equal(close(fd), 0);
        }
        for (int i = 0; i < CONNECTIONS_MAX; i++)
                assert_int_equal(close(fds[i]), 0);
        await_connections(0);
        assert_int_equal(exchange(&f, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_body_of_exactly_the_limit_is_accepted),
                cmocka_unit_test(a_body_with_a_large_content_length_is_rejected_and_drained),
                cmocka_unit_test(a_client_that_expects_100_gets_the_error_before_it_sends_a_large_body),
                cmocka_unit_test(a_client_that_expects_100_gets_the_error_before_it_sends_a_body),
                cmocka_unit_test(a_client_that_expects_100_gets_it_if_the_request_may_be_valid),
                cmocka_unit_test(a_large_chunked_body_is_rejected_and_drained),
                cmocka_unit_test(an_endless_body_is_cut_off),
                cmocka_unit_test(a_tls_client_learns_that_the_port_is_plain_http),
                cmocka_unit_test(a_connection_over_the_limit_gets_503_and_a_later_one_is_served),
        };
        return cmocka_run_group_tests_name("http refusals", tests, start, stop);
}
