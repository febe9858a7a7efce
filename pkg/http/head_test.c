/* Tests of heads that are ambiguous, malformed or too large, and of valid heads that look odd. */
#include "http/refusal_test.h"

enum { CLOSED = 0 /* 400, or closed without a response */ };

/* Nothing may follow a response, except that libmicrohttpd 0.9.75's own page for a malformed Content-Length repeats its
 * head. */
static void assert_no_other_response(int fd)
{
        char rest[2048];
        size_t n = 0;
        for (int byte = client_byte(fd); byte >= 0 && n + 1 < sizeof(rest); byte = client_byte(fd))
                rest[n++] = (char)byte;
        rest[n] = '\0';
        assert_null(strstr(rest, "HTTP/1.1 2"));
}

static void ambiguous_heads_are_rejected(void **state)
{
#define CASE(text, status)                                                                                             \
        {                                                                                                              \
                text, sizeof(text) - 1, status                                                                         \
        }
#define GET "GET /now HTTP/1.1\r\n"
#define POST "POST /size HTTP/1.1\r\nHost: x\r\n"
        static const struct {
                const char *text;
                size_t length;
                int status;
        } cases[] = {
                CASE(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                CASE(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
                CASE(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
                CASE(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
                CASE(POST "Content-Length: 3, 3\r\n\r\nabc", 400),
                CASE(POST "Content-Length: +3\r\n\r\nabc", 400),
                CASE(POST "Content-Length: 0x3\r\n\r\nabc", 400),
                CASE(POST "Content-Length: -1\r\n\r\n", 400),
                CASE(POST "Content-Length:\r\n\r\n", 400),
                CASE(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
                CASE(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
                CASE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
                CASE("POST /size HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                CASE(POST "Content-Length : 3\r\n\r\nabc", 400),
                CASE(POST "Content-Length\t: 3\r\n\r\nabc", 400),
                CASE(POST "X-A: b\r\n Content-Length: 3\r\n\r\nabc", 400),
                CASE(POST "X-A: b\nContent-Length: 3\r\n\r\nabc", 400),
                CASE(POST "X-A: b\rContent-Length: 3\r\n\r\nabc", 400),
                CASE(POST "X-A: b\0Content-Length: 3\r\n\r\n", 400),
                CASE(POST "X-A: b\0\0Content-Length: 3\r\n\r\n", 400),
                CASE(POST "X-A\0: b\r\n\r\n", 400),
                CASE(POST "X A: b\r\n\r\n", 400),
                CASE(POST "X-A: b\r\n\n", 400),
                CASE(POST ": b\r\n\r\n", 400),
                CASE(POST "(x): b\r\n\r\n", 400),
                CASE(GET "\r\n", 400),
                CASE(GET "Host: a\r\nHost: b\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\nHost: x\r\n\r\n", 400),
                CASE("GET  /now HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("GET /n\0w HTTP/1.1\r\nHost: x\r\n\r\n", CLOSED),
                CASE("GET /n\tw HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("GET /n\xc3\xa4w HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("G\"T /now HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("GET now HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("GET http://a@b/now HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("GET http:///now HTTP/1.1\r\nHost: x\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: a b/c@\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: c@\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: a?b\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: a,b\\c\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: x:b\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: x:1:2\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: []\r\n\r\n", 400),
                CASE("GET /now HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400),
                CASE(POST "X-A: b\x01\r\n\r\n", 400),
                CASE(POST "X-A: \x1b[31m and more\r\n\r\n", 400),
                CASE(POST "X-A: 12345678901234567890\x7f\r\n\r\n", 400),
                CASE(POST "X-A: 1234567\t1234567\b1234567\r\n\r\n", 400),
                CASE(POST "Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 3\r\n\r\nabc", 400),
                CASE(POST "Content-Type: a/b\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc", 400),
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int fd = client_open(&f);
                client_send_bytes(fd, cases[i].text, cases[i].length);
                int status = client_read(fd, &answer);
                if (status != 400 && (cases[i].status != CLOSED || status != -1))
                        fail_msg("case %zu: %d for\n%s", i, status, cases[i].text);
                if (status > 0)
                        assert_no_other_response(fd);
                assert_int_equal(close(fd), 0);
        }
}

static void valid_heads_that_look_odd_are_accepted(void **state)
{
        static const char *const fields[] = {
                "Host: a.example:80",
                "Host: ::1:4001",
                "Host: [::1]",
                "Host: [::ffff:1.2.3.4]:4001",
                "Host: ",
                "Host: a_b.c-d~e%41:",
                "Host: 127.0.0.1:",
                "Host: x\r\nX-A: 12\t34\t5678\t9",
                "Host: x\r\nX-A: \xc3\xa4\xff 12345",
                "Host: x\r\nX-Long: 12345678901234567890 ~~~~~~~~~~~~~~~~",
        };
        char request[256];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(fields); i++) {
                (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\n%s\r\n\r\n", fields[i]);
                if (exchange(&f, request, &answer) != 200)
                        fail_msg("%s: %d %s", fields[i], answer.status, answer.body);
        }
}

/* The server must not process the bytes that follow a rejected head. */
static void bytes_after_an_ambiguous_head_are_not_served(void **state)
{
        static const char request[] = POST "Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                                           "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";
        (void)state;
        int fd = client_open(&f);
        client_send_bytes(fd, request, sizeof(request) - 1);
        assert_int_equal(client_read(fd, &answer), 400);
        assert_no_other_response(fd);
        assert_int_equal(close(fd), 0);
}

/* Returns the status of the response. A client that sends everything before it reads must still get the whole
 * refusal. */
static int status_of_refusal(int fd, const char *request)
{
        client_send(fd, request);
        int status = client_read(fd, &answer);
        if (status == 200)
                return status;
        assert_non_null(strstr(answer.head, "Content-Type: application/problem+json\r\n"));
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        assert_non_null(strstr(answer.body, "\"The request head is too large.\""));
        assert_ended(fd);
        return status;
}

/* Returns the status, which must be the same on a new connection and on one that has already served a request. */
static int status_of_large(const char *request)
{
        int first = client_open(&f);
        int status = status_of_refusal(first, request);
        assert_int_equal(close(first), 0);
        int second = client_open(&f);
        client_send(second, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
        assert_int_equal(client_read(second, &answer), 200);
        assert_int_equal(status_of_refusal(second, request), status);
        assert_int_equal(close(second), 0);
        return status;
}

static void a_large_field_is_rejected_with_431(void **state)
{
        static char request[200000];
        static const int sizes[] = { 7000, 7125, 7250, 7375, 7500, 8000, 8300, 8425, 8500, 9000, 16000, 100000 };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\nX-A: %.*s\r\n\r\n", sizes[i],
                               large);
                int status = status_of_large(request);
                if (status != 431 && (status != 200 || sizes[i] > 7250))
                        fail_msg("a field of %d bytes: %d", sizes[i], status);
        }
}

static void a_large_cookie_is_rejected_with_431(void **state)
{
        static char request[20000];
        (void)state;
        for (int size = 2000; size <= 10000; size += 1000) {
                (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\nCookie: a=%.*s\r\n\r\n", size,
                               large);
                int status = status_of_large(request);
                if (status != 431 && (status != 200 || size > 7000))
                        fail_msg("a cookie of %d bytes: %d", size, status);
        }
}

static void a_large_target_is_rejected_with_414_or_431(void **state)
{
        static char request[200000];
        static const int sizes[] = { 7000, 7125, 7250, 7375, 7500, 8000, 8300, 8425, 8500, 9000, 16000, 100000 };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                (void)snprintf(request, sizeof(request), "GET /any/%.*s HTTP/1.1\r\nHost: x\r\n\r\n", sizes[i], large);
                int status = status_of_large(request);
                if (status != 414 && status != 431 && (status != 200 || sizes[i] > 7250))
                        fail_msg("a target of %d bytes: %d", sizes[i], status);
        }
}

static void many_small_fields_are_rejected_with_431(void **state)
{
        static char request[20000];
        (void)state;
        for (int count = 10; count < 400; count += 10) {
                int n = snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\n");
                for (int i = 0; i < count; i++)
                        n += snprintf(request + n, sizeof(request) - (size_t)n, "X-%d: %d\r\n", i, i);
                (void)snprintf(request + n, sizeof(request) - (size_t)n, "\r\n");
                int status = status_of_large(request);
                if (count <= 80 ? status != 200 : status != 431 && (status != 200 || count > 100))
                        fail_msg("%d fields: %d", count, status);
        }
}

/* A client with a slow but small head must not be mistaken for the one whose head is too large. */
static void a_slow_head_is_served_while_a_large_one_is_rejected(void **state)
{
        static char request[20000];
        (void)state;
        (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\nX-A: %.*s\r\n\r\n", 10000, large);
        for (int order = 0; order < 2; order++) {
                int fast = order ? client_open(&f) : -1;
                int slow = client_open(&f);
                client_send(slow, "GET /now HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nX-A: ");
                client_send_bytes(slow, large, 4000);
                if (!order)
                        fast = client_open(&f);
                assert_int_equal(status_of_refusal(fast, request), 431);
                client_send(slow, "\r\n\r\n");
                assert_int_equal(client_read(slow, &answer), 200);
                assert_int_equal(close(slow), 0);
                assert_int_equal(close(fast), 0);
        }
        await_connections(0);
}

/* libmicrohttpd stores the parameters that it sees in the connection's memory. */
static void a_query_of_many_parameters_is_parsed(void **state)
{
        static char request[20000];
        (void)state;
        for (int count = 100; count <= 1500; count += 100) {
                int n = snprintf(request, sizeof(request), "GET /query?");
                for (int i = 0; i < count; i++)
                        n += snprintf(request + n, sizeof(request) - (size_t)n, "a=1&");
                (void)snprintf(request + n, sizeof(request) - (size_t)n, " HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_int_equal(exchange(&f, request, &answer), 200);
                int found = 0;
                for (const char *at = answer.body; (at = strstr(at, "a=1;")); at++)
                        found++;
                assert_int_equal(found, count);
        }
}

/* After a NUL the end of the target is unknown, so libmicrohttpd does see the parameters. */
static void parameters_after_a_nul_are_rejected_at_once(void **state)
{
#define START(text)                                                                                                    \
        {                                                                                                              \
                text, sizeof(text) - 1                                                                                 \
        }
        static const struct {
                const char *text;
                size_t length;
        } starts[] = { START("GET /\0?"), START("GET /query?\0"), START("GET /query?a\0"),
                       START("GET /\0HTTP/1.1\0?") };
        static const char end[] = " HTTP/1.1\r\nHost: x\r\n\r\n";
        static char request[20000];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(starts); i++) {
                size_t n = starts[i].length;
                memcpy(request, starts[i].text, n);
                for (int j = 0; j < 150; j++, n += 4)
                        memcpy(request + n, "a=1&", 4);
                memcpy(request + n, end, sizeof(end) - 1);
                int64_t start_ms = clock_monotonic_ms();
                int fd = client_open(&f);
                client_send_bytes(fd, request, n + sizeof(end) - 1);
                int status = client_read(fd, &answer);
                if (status != 400 && status != -1)
                        fail_msg("case %zu: %d", i, status);
                assert_true(clock_monotonic_ms() - start_ms < DEADLINE_MS);
                assert_int_equal(close(fd), 0);
        }
        await_connections(0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ambiguous_heads_are_rejected),
                cmocka_unit_test(valid_heads_that_look_odd_are_accepted),
                cmocka_unit_test(bytes_after_an_ambiguous_head_are_not_served),
                cmocka_unit_test(a_large_field_is_rejected_with_431),
                cmocka_unit_test(a_large_cookie_is_rejected_with_431),
                cmocka_unit_test(a_large_target_is_rejected_with_414_or_431),
                cmocka_unit_test(many_small_fields_are_rejected_with_431),
                cmocka_unit_test(a_slow_head_is_served_while_a_large_one_is_rejected),
                cmocka_unit_test(a_query_of_many_parameters_is_parsed),
                cmocka_unit_test(parameters_after_a_nul_are_rejected_at_once),
        };
        return cmocka_run_group_tests_name("http heads", tests, start, stop);
}
