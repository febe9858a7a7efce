/* Tests of draining, stopping, clients that have disconnected, and several workers. */
#include "http/fixture.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

static struct answer answer;
static atomic_uint strays; /* counts epoll calls with a closed descriptor */

/* Replaces the C library's function, also for libuv and libmicrohttpd. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
        long rc = syscall(SYS_epoll_ctl, epoll, operation, fd, event);
        if (rc < 0 && errno == EBADF)
                atomic_fetch_add(&strays, 1);
        return (int)rc;
}

static void handles_are_closed_before_their_descriptors(void **state)
{
        struct fixture f;
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 2);
        assert_int_equal(exchange(&f, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
        fixture_stop(&f);
        assert_int_equal(atomic_load(&strays), 0);
}

static void a_client_that_left_is_noticed(void **state)
{
        struct fixture f;
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 1);
        int gone = client_open(&f);
        int reset = client_open(&f);
        int stays = client_open(&f);
        client_send(gone, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\nGET");
        client_send(reset, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
        client_send(stays, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        fixture_await(&f, 0, count_kept, 3);
        assert_int_equal(fixture_call(&f, 0, count_abandoned), 0);
        struct linger hard = { .l_onoff = 1, .l_linger = 0 };
        assert_int_equal(setsockopt(reset, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
        assert_int_equal(close(reset), 0);
        assert_int_equal(close(gone), 0);
        fixture_await(&f, 0, count_abandoned, 2);
        assert_int_equal(fixture_call(&f, 0, count_busy), 3);
        assert_int_equal(fixture_call(&f, 0, answer_kept), 3);
        assert_int_equal(client_read(stays, &answer), 200);
        assert_string_equal(answer.body, "/kept");
        assert_int_equal(client_read(stays, &answer), 200);
        assert_string_equal(answer.body, "/now");
        fixture_await(&f, 0, count_busy, 0);
        assert_int_equal(close(stays), 0);
        fixture_stop(&f);
}

static void while_draining_responses_close_and_connections_are_accepted(void **state)
{
        struct fixture f;
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 1);
        int old = client_open(&f);
        client_send(old, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read(old, &answer), 200);
        assert_null(strstr(answer.head, "Connection: close\r\n"));
        http_server_drain(f.server);
        int new = client_open(&f);
        client_send(new, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read(new, &answer), 200);
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        assert_ended(new);
        client_send(old, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read(old, &answer), 200);
        assert_ended(old);
        assert_int_equal(close(old) | close(new), 0);
        fixture_stop(&f);
}

static void connections_waiting_in_the_queue_are_served_when_accepting_stops(void **state)
{
        struct fixture f;
        int fds[64];
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 1);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                fds[i] = client_open(&f);
                client_send(fds[i], "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        (void)fixture_call(&f, 0, stop_accepting);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                assert_int_equal(client_read(fds[i], &answer), 200);
                assert_int_equal(close(fds[i]), 0);
        }
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(http_server_port(f.server)),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
        assert_int_equal(errno, ECONNREFUSED);
        assert_int_equal(close(fd), 0);
        fixture_stop(&f);
}

static void closing_answers_held_requests_with_503(void **state)
{
        struct fixture f;
        int fds[50];
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 1);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                fds[i] = client_open(&f);
                client_send(fds[i], "GET /kept HTTP/1.1\r\nHost: x\r\n\r\nGET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        int half = client_open(&f);
        client_send(half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
        int idle = client_open(&f);
        fixture_await(&f, 0, count_kept, COUNT_OF(fds));
        (void)fixture_call(&f, 0, close_worker);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                assert_int_equal(client_read(fds[i], &answer), 503);
                assert_int_equal(close(fds[i]), 0);
        }
        assert_ended(half);
        assert_ended(idle);
        assert_int_equal(close(half) | close(idle), 0);
        assert_int_equal(http_server_connections(f.server), 0);
        fixture_stop(&f);
}

static void a_body_that_never_arrives_does_not_delay_the_stop(void **state)
{
        struct fixture f;
        char rest[] = "x";
        (void)state;
        fixture_start(&f, (struct http_options){ .body_timeout_ms = 60000 }, 1);
        int silent = client_open(&f), slow = client_open(&f);
        client_send(silent, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
        client_send(slow, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
        fixture_await(&f, 0, count_busy, 2);
        http_server_drain(f.server);
        struct pollfd wait = { .fd = silent, .events = POLLIN };
        int left = 100;
        for (; left > 50 && poll(&wait, 1, 500) == 0; left--)
                client_send(slow, rest);
        assert_int_equal(client_read(silent, &answer), 503);
        assert_non_null(strstr(answer.head, "Retry-After: 1\r\n"));
        assert_ended(silent);
        for (; left > 0; left--)
                client_send(slow, rest);
        assert_int_equal(client_read(slow, &answer), 200);
        fixture_await(&f, 0, count_busy, 0);
        assert_int_equal(close(silent) | close(slow), 0);
        fixture_stop(&f);
}

static void two_workers_share_connections_evenly(void **state)
{
        struct fixture f;
        int fds[100];
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 2);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                fds[i] = client_open(&f);
                client_send(fds[i], "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
        size_t first, second;
        do {
                first = fixture_call(&f, 0, count_kept);
                second = fixture_call(&f, 1, count_kept);
                assert_true(clock_monotonic_ms() < deadline_ms);
        } while (first + second < COUNT_OF(fds));
        assert_true(first >= 30 && second >= 30);
        (void)fixture_call(&f, 0, answer_kept);
        (void)fixture_call(&f, 1, answer_kept);
        for (size_t i = 0; i < COUNT_OF(fds); i++) {
                assert_int_equal(client_read(fds[i], &answer), 200);
                assert_int_equal(close(fds[i]), 0);
        }
        fixture_stop(&f);
}

static void the_error_for_a_port_in_use_names_address_and_port(void **state)
{
        struct fixture f;
        struct http_server *second;
        struct err err;
        char port[16];
        (void)state;
        fixture_start(&f, (struct http_options){ 0 }, 1);
        struct http_options options = { .address = "127.0.0.1", .port = http_server_port(f.server) };
        assert_int_equal(http_server_open(&options, &second, &err), ERR_UNAVAILABLE);
        (void)snprintf(port, sizeof(port), "127.0.0.1:%u", (unsigned)options.port);
        assert_non_null(strstr(err.text, port));
        fixture_stop(&f);
        options = (struct http_options){ .address = "no such host" };
        assert_int_equal(http_server_open(&options, &second, &err), ERR_INVALID);
}

static void ipv4_and_ipv6_are_served_by_one_socket(void **state)
{
        struct fixture f;
        (void)state;
        fixture_start(&f, (struct http_options){ .address = "" }, 1);
        assert_int_equal(exchange(&f, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
        struct sockaddr_in6 address = { .sin6_family = AF_INET6,
                                        .sin6_port = htons(http_server_port(f.server)),
                                        .sin6_addr = in6addr_loopback };
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
                client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
                assert_int_equal(client_read(fd, &answer), 200);
        }
        if (fd >= 0)
                assert_int_equal(close(fd), 0);
        fixture_stop(&f);
}

static atomic_int records;
static char record_text[256];

static void on_answered(const struct http_record *record, void *context)
{
        (void)context;
        (void)snprintf(record_text, sizeof(record_text), "%s %s %s %d %s %zu %zu", record->method, record->target,
                       record->route, record->status, http_request_remote(record->request, NULL), record->request_bytes,
                       record->response_bytes);
        atomic_fetch_add(&records, 1);
}

static void responses_are_counted_and_recorded(void **state)
{
        struct fixture f;
        struct metrics *metrics = metrics_new();
        assert_non_null(metrics);
        struct buf text;
        (void)state;
        fixture_start(&f, (struct http_options){ .metrics = metrics, .on_answered = on_answered, .body_max_bytes = 10 },
                      1);
        assert_int_equal(exchange(&f, "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", &answer),
                         200);
        assert_string_equal(record_text, "POST /echo?a=b echo 200 127.0.0.1 5 5");
        assert_int_equal(
                exchange(&f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world", &answer), 413);
        assert_int_equal(exchange(&f, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 404);
        assert_int_equal(atomic_load(&records), 3);
        fixture_stop(&f);
        buf_init(&text, 0);
        assert_int_equal(metrics_print(metrics, &text), 0);
        assert_non_null(strstr(text.data, "http_requests_total{route=\"echo\",status=\"200\"} 1\n"));
        assert_non_null(strstr(text.data, "http_requests_total{route=\"echo\",status=\"413\"} 1\n"));
        assert_non_null(strstr(text.data, "http_requests_total{route=\"\",status=\"404\"} 1\n"));
        assert_non_null(strstr(text.data, "http_request_duration_seconds_count{route=\"echo\"} 2\n"));
        assert_non_null(strstr(text.data, "http_connections 0\n"));
        buf_fini(&text);
        metrics_free(metrics);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(handles_are_closed_before_their_descriptors),
                cmocka_unit_test(a_client_that_left_is_noticed),
                cmocka_unit_test(while_draining_responses_close_and_connections_are_accepted),
                cmocka_unit_test(connections_waiting_in_the_queue_are_served_when_accepting_stops),
                cmocka_unit_test(closing_answers_held_requests_with_503),
                cmocka_unit_test(a_body_that_never_arrives_does_not_delay_the_stop),
                cmocka_unit_test(two_workers_share_connections_evenly),
                cmocka_unit_test(the_error_for_a_port_in_use_names_address_and_port),
                cmocka_unit_test(ipv4_and_ipv6_are_served_by_one_socket),
                cmocka_unit_test(responses_are_counted_and_recorded),
        };
        return cmocka_run_group_tests_name("http stop", tests, NULL, NULL);
}
