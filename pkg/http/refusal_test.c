/* What a client sees that is too large, too slow, too many or ambiguous: an answer that it gets to
 * read, also when it reads nothing before it has sent all. */
#include "http/fixture.h"

enum {
        BODY_MAX = 1000,
        HEADER_MS = 200,
        BODY_MS = 200,
        CONNECTIONS_MAX = 8,
        CLOSED = 0 /* 400, or closed without an answer */
};

static struct fixture f;
static struct answer answer;
static char large[3 << 20];
static char zeros[100000];

static int start(void **state)
{
        (void)state;
        memset(large, 'x', sizeof(large) - 1);
        memset(zeros, '0', sizeof(zeros));
        fixture_start(&f,
                      (struct http_options){ .body_max_bytes = BODY_MAX,
                                             .header_timeout_ms = HEADER_MS,
                                             .body_timeout_ms = BODY_MS,
                                             .connections_max = CONNECTIONS_MAX },
                      1);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        fixture_stop(&f);
        return 0;
}

static void assert_problem(int fd, int status)
{
        assert_int_equal(client_read(fd, &answer), status);
        assert_non_null(strstr(answer.head, "Content-Type: application/problem+json\r\n"));
        assert_non_null(strstr(answer.head, "x-correlation-id: "));
        assert_non_null(strstr(answer.head, "\r\nDate: "));
        assert_non_null(strstr(answer.body, "\"correlationId\":"));
}

static void await_connections(unsigned wanted)
{
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
        while (http_server_connections(f.server) != wanted) {
                assert_true(clock_monotonic_ms() < deadline_ms);
                (void)poll(NULL, 0, 1);
        }
}

static void assert_refused(const char *bytes, size_t length, int status)
{
        int fd = client_open(&f);
        client_send_bytes(fd, bytes, length);
        assert_problem(fd, status);
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
}

/* What comes after an answer must be its end; only libmicrohttpd 0.9.75's own page for a malformed
 * Content-Length has its head twice. */
static void assert_nothing_else_is_answered(int fd)
{
        char rest[2048];
        size_t n = 0;
        for (int byte = client_byte(fd); byte >= 0 && n + 1 < sizeof(rest); byte = client_byte(fd))
                rest[n++] = (char)byte;
        rest[n] = '\0';
        assert_null(strstr(rest, "HTTP/1.1 2"));
}

static void a_body_of_exactly_the_limit_is_taken(void **state)
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

static void a_large_content_length_is_refused_and_read(void **state)
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

static void a_large_body_is_refused_before_it_is_sent_to_a_client_that_asks(void **state)
{
        static const char request[] = "POST /size HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                      "Content-Length: 1001\r\n\r\n";
        (void)state;
        assert_refused(request, sizeof(request) - 1, 413);
}

static void a_large_chunked_body_is_refused_and_read(void **state)
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

/* A body without an end is cut after LINGER_BYTES or LINGER_MS; the client must not be read for ever. */
static void an_endless_body_is_cut(void **state)
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

static void ambiguous_heads_are_refused(void **state)
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
                        assert_nothing_else_is_answered(fd);
                assert_int_equal(close(fd), 0);
        }
}

static void heads_that_only_look_odd_are_taken(void **state)
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

/* A refused head's connection must not serve the bytes behind it. */
static void nothing_behind_an_ambiguous_head_is_served(void **state)
{
        static const char request[] = POST "Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                                           "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";
        (void)state;
        int fd = client_open(&f);
        client_send_bytes(fd, request, sizeof(request) - 1);
        assert_int_equal(client_read(fd, &answer), 400);
        assert_nothing_else_is_answered(fd);
        assert_int_equal(close(fd), 0);
}

static void a_large_head_is_refused(void **state)
{
        static char request[20000];
        (void)state;
        for (int size = 7000; size <= 16000; size += 125) {
                int fd = client_open(&f);
                (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\nX-A: %.*s\r\n\r\n", size,
                               large);
                client_send(fd, request);
                int status = client_read(fd, &answer);
                if (size == 7000)
                        assert_int_equal(status, 200);
                else if (status != 431 && (status != 200 || size > 8192))
                        fail_msg("a field of %d bytes: %d", size, status);
                assert_int_equal(close(fd), 0);
        }
        for (int size = 7000; size <= 16000; size += 125) {
                int fd = client_open(&f);
                (void)snprintf(request, sizeof(request), "GET /any/%.*s HTTP/1.1\r\nHost: x\r\n\r\n", size, large);
                client_send(fd, request);
                int status = client_read(fd, &answer);
                if (size == 7000)
                        assert_int_equal(status, 200);
                else if (status != 414 && status != 431 && (status != 200 || size > 8192))
                        fail_msg("a target of %d bytes: %d", size, status);
                assert_int_equal(close(fd), 0);
        }
}

static void many_small_fields_are_refused_with_an_answer(void **state)
{
        static char request[20000];
        (void)state;
        for (int count = 10; count < 400; count += 10) {
                int n = snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\n");
                for (int i = 0; i < count; i++)
                        n += snprintf(request + n, sizeof(request) - (size_t)n, "X-%d: %d\r\n", i, i);
                (void)snprintf(request + n, sizeof(request) - (size_t)n, "\r\n");
                int fd = client_open(&f);
                client_send(fd, request);
                int status = client_read(fd, &answer);
                if (count <= 80 ? status != 200 : status != 200 && status != 431)
                        fail_msg("%d fields: %d", count, status);
                assert_int_equal(close(fd), 0);
        }
}

/* libmicrohttpd keeps parameters in the memory of the connection, if it sees them. */
static void a_query_of_many_parameters_is_taken_apart(void **state)
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

/* Behind a NUL the end of the target can't be told, so libmicrohttpd does see the parameters. */
static void parameters_behind_a_nul_are_refused_at_once(void **state)
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
                assert_true(clock_monotonic_ms() - start_ms < HEADER_MS);
                assert_int_equal(close(fd), 0);
        }
        await_connections(0);
}

/* Sends `text` a byte every 20 ms until an answer has come. */
static void dribble(int fd, const char *text)
{
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        for (; *text && poll(&wait, 1, 20) == 0; text++)
                client_send_bytes(fd, text, 1);
}

static void a_head_that_dribbles_is_refused(void **state)
{
        (void)state;
        for (int second = 0; second < 2; second++) {
                int fd = client_open(&f);
                if (second) {
                        client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
                        assert_int_equal(client_read(fd, &answer), 200);
                }
                int64_t start_ms = clock_monotonic_ms();
                dribble(fd, "GET /now HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
                int64_t took_ms = clock_monotonic_ms() - start_ms;
                assert_problem(fd, 408);
                assert_true(took_ms >= HEADER_MS && took_ms < HEADER_MS + 500);
                assert_int_equal(close(fd), 0);
        }
}

/* Within the request line libmicrohttpd reports nothing: the kernel's count of bytes tells. */
static void a_request_line_that_stops_is_refused(void **state)
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

static void a_body_that_dribbles_is_refused(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n");
        dribble(fd, large);
        assert_problem(fd, 408);
        assert_int_equal(close(fd), 0);
}

/* libmicrohttpd reads it into the memory of the connection, and no further. */
static void a_chunk_line_that_never_ends_is_refused(void **state)
{
        static const char *const starts[] = { "2;", "00000000", "" };
        (void)state;
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
        assert_int_equal(poll(&wait, 1, 3 * HEADER_MS), 0);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                client_send(fds[i], "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_int_equal(client_read(fds[i], &answer), 200);
                assert_int_equal(close(fds[i]), 0);
        }
}

/* The start of a ClientHello; it may come in pieces. */
static void tls_is_told_that_this_port_has_none(void **state)
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

static void a_connection_too_many_gets_503_and_the_next_is_served(void **state)
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
                cmocka_unit_test(a_body_of_exactly_the_limit_is_taken),
                cmocka_unit_test(a_large_content_length_is_refused_and_read),
                cmocka_unit_test(a_large_body_is_refused_before_it_is_sent_to_a_client_that_asks),
                cmocka_unit_test(a_large_chunked_body_is_refused_and_read),
                cmocka_unit_test(an_endless_body_is_cut),
                cmocka_unit_test(ambiguous_heads_are_refused),
                cmocka_unit_test(heads_that_only_look_odd_are_taken),
                cmocka_unit_test(nothing_behind_an_ambiguous_head_is_served),
                cmocka_unit_test(a_large_head_is_refused),
                cmocka_unit_test(many_small_fields_are_refused_with_an_answer),
                cmocka_unit_test(a_query_of_many_parameters_is_taken_apart),
                cmocka_unit_test(parameters_behind_a_nul_are_refused_at_once),
                cmocka_unit_test(a_head_that_dribbles_is_refused),
                cmocka_unit_test(a_request_line_that_stops_is_refused),
                cmocka_unit_test(a_body_that_dribbles_is_refused),
                cmocka_unit_test(a_chunk_line_that_never_ends_is_refused),
                cmocka_unit_test(an_idle_connection_outlives_the_deadline_for_heads),
                cmocka_unit_test(tls_is_told_that_this_port_has_none),
                cmocka_unit_test(a_connection_too_many_gets_503_and_the_next_is_served),
        };
        return cmocka_run_group_tests_name("http refusals", tests, start, stop);
}
