/* Tests of requests that are answered after their handler has returned: immediately, after libmicrohttpd has suspended
 * their connection, and after their client has disconnected. */
#include "http/fixture.h"
#include "http/request.h"
#include "http/worker.h"

static struct answer answer;

static struct {
        int count;
        char text[256];
} records;

static void on_answered(const struct http_record *record, void *context)
{
        (void)context;
        records.count++;
        (void)snprintf(records.text, sizeof(records.text), "%s %s %s %s %s %d %zu", record->method, record->target,
                       record->route, record->correlation_id, http_request_remote(record->request, NULL),
                       record->status, record->response_bytes);
}

/* The client that `keep_and_reset` disconnects from within the handler, before libmicrohttpd looks for a response. */
static int client;

static void reset_client(void)
{
        assert_int_equal(
                setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger)), 0);
        assert_int_equal(close(client), 0);
}

static void keep_and_reset(struct http_request *request, void *context)
{
        assert_string_equal(http_request_header(request, "x-test"), "1");
        keep(request, context);
        reset_client();
}

static const struct http_route routes[] = {
        { .method = "GET", .path = "/kept", .name = "kept", .handle = keep },
        { .method = NULL, .path = "/reset/{key}", .name = "reset", .handle = keep_and_reset, .body = true },
};

static void start(struct fixture *f)
{
        memset(&records, 0, sizeof(records));
        fixture_start(
                f,
                (struct http_options){ .routes = routes, .route_count = COUNT_OF(routes), .on_answered = on_answered },
                1);
}

static void count_suspended(struct fixture_worker *w)
{
        w->result = 0;
        for (size_t i = 0; i < w->kept_count; i++)
                w->result += w->kept[i]->hold.is_suspended;
}

static void count_orphans(struct fixture_worker *w)
{
        w->result = 0;
        for (size_t i = 0; i < w->kept_count; i++)
                w->result += !w->kept[i]->conn;
}

static void count_connections(struct fixture_worker *w)
{
        w->result = http_server_connections(w->fixture->server);
}

static void count_looked_at(struct fixture_worker *w)
{
        w->result = w->worker->engine.looked_at;
}

static void send_and_be_reset(struct fixture *f)
{
        client = client_open(f);
        client_send(client, "BREWSOMETHINGWITHAVERYLONGMETHODNAME /reset/a%20b?q=1 HTTP/1.1\r\nHost: x\r\nX-Test: 1\r\n"
                            "X-Correlation-ID: me-1\r\nContent-Length: 5\r\n\r\nhello");
        fixture_await(f, 0, count_orphans, 1);
}

static void assert_still_readable(struct fixture_worker *w)
{
        struct http_request *request = w->kept[0];
        size_t length;
        uint16_t port = 0;
        assert_true(http_request_is_abandoned(request));
        assert_string_equal(http_request_method(request), "BREWSOMETHINGWITHAVERYLONGMETHO");
        assert_string_equal(http_request_target(request), "/reset/a%20b?q=1");
        assert_string_equal(http_request_path(request), "/reset/a b");
        assert_string_equal(http_request_param(request, "key"), "a b");
        assert_non_null(http_request_query(request, "q"));
        assert_string_equal(http_request_query(request, "q"), "1");
        assert_string_equal(http_request_body(request, &length), "hello");
        assert_string_equal(http_request_correlation_id(request), "me-1");
        assert_true(http_request_has_correlation_id(request));
        assert_string_equal(http_request_remote(request, &port), "127.0.0.1");
        assert_int_not_equal(port, 0);
        assert_null(http_request_header(request, "x-test"));
        http_request_each_header(request, NULL, NULL);
}

static void a_request_whose_client_left_early_lives_until_it_is_answered(void **state)
{
        struct fixture f;
        (void)state;
        start(&f);
        send_and_be_reset(&f);
        fixture_await(&f, 0, count_connections, 0);
        assert_int_equal(fixture_call(&f, 0, count_busy), 1);
        (void)fixture_call(&f, 0, assert_still_readable);
        assert_int_equal(fixture_call(&f, 0, answer_kept), 1);
        assert_int_equal(fixture_call(&f, 0, count_busy), 0);
        fixture_stop(&f);
        assert_int_equal(records.count, 1);
        assert_string_equal(records.text,
                            "BREWSOMETHINGWITHAVERYLONGMETHO /reset/a%20b?q=1 reset me-1 127.0.0.1 200 0");
}

static void answer_with_taken_body(struct fixture_worker *w)
{
        http_respond(w->kept[0],
                     &(struct http_answer){
                             .status = 200, .body = strdup("taken"), .body_length = 5, .body_kind = HTTP_BODY_TAKE });
        w->kept_count = 0;
}

static void a_response_without_a_reader_still_takes_its_body(void **state)
{
        struct fixture f;
        (void)state;
        start(&f);
        send_and_be_reset(&f);
        (void)fixture_call(&f, 0, answer_with_taken_body);
        assert_int_equal(fixture_call(&f, 0, count_busy), 0);
        fixture_stop(&f);
}

static void a_suspended_request_whose_client_left_is_answered(void **state)
{
        struct fixture f;
        (void)state;
        start(&f);
        client = client_open(&f);
        client_send(client, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
        fixture_await(&f, 0, count_kept, 1);
        fixture_await(&f, 0, count_suspended, 1);
        assert_int_equal(fixture_call(&f, 0, count_looked_at), 0);
        reset_client();
        fixture_await(&f, 0, count_abandoned, 1);
        assert_int_equal(fixture_call(&f, 0, answer_kept), 1);
        fixture_await(&f, 0, count_connections, 0);
        assert_int_equal(fixture_call(&f, 0, count_busy), 0);
        fixture_stop(&f);
        assert_int_equal(records.count, 1);
}

static void pipelined_requests_are_held_one_after_the_other(void **state)
{
        struct fixture f;
        char text[4096], expected[32];
        size_t n = 0;
        (void)state;
        start(&f);
        int fd = client_open(&f);
        for (int i = 0; i < 20; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "GET /kept?n=%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
        client_send(fd, text);
        for (int i = 0; i < 20; i++) {
                fixture_await(&f, 0, count_kept, 1);
                if (i % 5 == 0)
                        fixture_await(&f, 0, count_suspended, 1);
                assert_int_equal(fixture_call(&f, 0, answer_kept), 1);
                (void)snprintf(expected, sizeof(expected), "/kept?n=%d", i);
                assert_int_equal(client_read(fd, &answer), 200);
                assert_string_equal(answer.body, expected);
        }
        fixture_await(&f, 0, count_busy, 0);
        assert_int_equal(close(fd), 0);
        fixture_stop(&f);
}

static void closing_the_worker_ends_held_requests_of_every_kind(void **state)
{
        struct fixture f;
        (void)state;
        start(&f);
        int suspended = client_open(&f);
        client_send(suspended, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
        fixture_await(&f, 0, count_suspended, 1);
        send_and_be_reset(&f);
        int looked_at = client_open(&f);
        client_send(looked_at, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\nGET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
        fixture_await(&f, 0, count_kept, 3);
        (void)fixture_call(&f, 0, close_worker);
        assert_int_equal(client_read(suspended, &answer), 503);
        assert_int_equal(client_read(looked_at, &answer), 503);
        assert_int_equal(close(suspended) | close(looked_at), 0);
        fixture_stop(&f);
        assert_int_equal(records.count, 3);
}

static void a_thousand_clients_that_leave_at_any_time_leak_nothing(void **state)
{
        struct fixture f;
        (void)state;
        start(&f);
        for (unsigned i = 0; i < 1000; i++) {
                client = client_open(&f);
                client_send(client, "GET /kept HTTP/1.1\r\nHost: x\r\n\r\nGET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
                for (unsigned j = 0; j < i % 7; j++)
                        (void)fixture_call(&f, 0, j % 3 ? answer_kept : count_kept);
                reset_client();
        }
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
        while (fixture_call(&f, 0, count_connections) > 0) {
                (void)fixture_call(&f, 0, answer_kept);
                assert_true(clock_monotonic_ms() < deadline_ms);
        }
        (void)fixture_call(&f, 0, answer_kept);
        assert_int_equal(fixture_call(&f, 0, count_busy), 0);
        assert_int_equal(fixture_call(&f, 0, count_looked_at), 0);
        fixture_stop(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_whose_client_left_early_lives_until_it_is_answered),
                cmocka_unit_test(a_response_without_a_reader_still_takes_its_body),
                cmocka_unit_test(a_suspended_request_whose_client_left_is_answered),
                cmocka_unit_test(pipelined_requests_are_held_one_after_the_other),
                cmocka_unit_test(closing_the_worker_ends_held_requests_of_every_kind),
                cmocka_unit_test(a_thousand_clients_that_leave_at_any_time_leak_nothing),
        };
        return cmocka_run_group_tests_name("http held", tests, NULL, NULL);
}
