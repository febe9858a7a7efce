/* Tests of exchanges with a well-behaved client: routes, parameters, bodies, keep-alive, pipelining. */
#include "http/fixture.h"

static struct fixture f;
static struct answer answer;

static int start(void **state)
{
        (void)state;
        fixture_start(&f, (struct http_options){ .body_max_bytes = 40000 }, 1);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        fixture_stop(&f);
        return 0;
}

static void routes_parameters_and_queries_are_decoded(void **state)
{
        static const struct {
                const char *target;
                int status;
                const char *body;
        } cases[] = {
                { "/items/abc", 200, "route=item path=/items/abc key=abc part=- query=" },
                { "/items/first", 200, "route=first path=/items/first key=- part=- query=" },
                { "/items/a%20b%2Fc", 200, "route=item path=/items/a b/c key=a b/c part=- query=" },
                { "/items/%66irst", 200, "route=first path=/items/first key=- part=- query=" },
                { "/items/1/parts/2?x=y", 200, "route=part path=/items/1/parts/2 key=1 part=2 query=x=y;" },
                { "/query?a=1&b=2%203&c=x+y&d&=e&&f=", 200,
                  "route=query path=/query key=- part=- query=a=1;b=2 3;c=x y;d=;=e;f=;" },
                { "/query?a=%zz&b=%00&c=%", 200, "route=query path=/query key=- part=- query=a=%zz;b=%00;c=%;" },
                { "/query?a=b?c", 200, "route=query path=/query key=- part=- query=a=b?c;" },
                { "http://example.org/query?q=1", 200, "route=query path=/query key=- part=- query=q=1;" },
                { "/any", 404, NULL },
                { "/any/", 200, "route=any path=/any/ key=- part=- query=" },
                { "/any/a/b%20c", 200, "route=any path=/any/a/b c key=- part=- query=" },
                { "/items/", 404, NULL },
                { "/items", 404, NULL },
                { "/items/a/", 404, NULL },
                { "/now/", 404, NULL },
                { "//now", 404, NULL },
                { "/NOW", 404, NULL },
                { "/items/a%00b", 400, NULL },
                { "/items/a%2", 400, NULL },
                { "/items/a%zz", 400, NULL },
                { "now", 400, NULL },
                { "*", 404, NULL },
        };
        char request[512];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);
                int status = exchange(&f, request, &answer);
                if (status != cases[i].status || (cases[i].body && strcmp(answer.body, cases[i].body)))
                        fail_msg("%s: %d %s", cases[i].target, status, answer.body);
        }
}

static void an_unknown_path_is_a_problem(void **state)
{
        (void)state;
        assert_int_equal(exchange(&f, "GET /nothing HTTP/1.1\r\nHost: x\r\nx-correlation-id: me-1\r\n\r\n", &answer),
                         404);
        assert_non_null(strstr(answer.head, "Content-Type: application/problem+json\r\n"));
        assert_non_null(strstr(answer.head, "x-correlation-id: me-1\r\n"));
        assert_string_equal(answer.body, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                                         "\"detail\":\"Nothing exists at this path.\",\"correlationId\":\"me-1\"}");
}

static void an_unknown_method_gets_405_with_allow(void **state)
{
        (void)state;
        assert_int_equal(exchange(&f, "DELETE /held HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 405);
        assert_non_null(strstr(answer.head, "Allow: GET, HEAD, POST, OPTIONS\r\n"));
        assert_int_equal(exchange(&f, "POST /items/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", &answer),
                         405);
        assert_non_null(strstr(answer.head, "Allow: GET, HEAD, OPTIONS\r\n"));
        assert_int_equal(exchange(&f, "BREW /any/pot HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
}

static void options_lists_the_methods_of_a_path_or_of_all(void **state)
{
        static const struct {
                const char *target, *allow;
        } cases[] = { { "/held", "Allow: GET, HEAD, POST, OPTIONS\r\n" },
                      { "/items/x", "Allow: GET, HEAD, OPTIONS\r\n" },
                      { "*", "Allow: POST, GET, HEAD, OPTIONS\r\n" } };
        char request[128];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                (void)snprintf(request, sizeof(request), "OPTIONS %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);
                assert_int_equal(exchange(&f, request, &answer), 204);
                assert_non_null(strstr(answer.head, cases[i].allow));
        }
        assert_int_equal(exchange(&f, "OPTIONS /nothing HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 404);
        assert_int_equal(exchange(&f, "OPTIONS /any/pot HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
}

static void no_response_may_be_cached(void **state)
{
        (void)state;
        assert_int_equal(exchange(&f, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
        assert_non_null(strstr(answer.head, "Cache-Control: no-store\r\n"));
        assert_int_equal(exchange(&f, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 404);
        assert_non_null(strstr(answer.head, "Cache-Control: no-store\r\n"));
        assert_int_equal(exchange(&f, "GET /now HTTP/1.1\r\nHost: a b\r\n\r\n", &answer), 400);
        assert_non_null(strstr(answer.head, "Cache-Control: no-store\r\n"));
}

static void keep_alive_announces_how_long_the_connection_stays_open(void **state)
{
        static const struct {
                const char *text;
                bool told;
        } cases[] = {
                { "GET /now HTTP/1.1\r\nHost: x\r\n\r\n", true },
                { "GET /held HTTP/1.1\r\nHost: x\r\nConnection: TE\r\n\r\n", true },
                { "GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false },
                { "GET /now HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n", false },
                { "GET /now HTTP/1.0\r\n\r\n", false },
                { "GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                assert_int_equal(exchange(&f, cases[i].text, &answer), 200);
                if ((strstr(answer.head, "Keep-Alive: timeout=75\r\n") != NULL) != cases[i].told)
                        fail_msg("case %zu: %s", i, answer.head);
        }
}

static void conditions_that_cannot_be_met_are_rejected(void **state)
{
        static const struct {
                const char *method, *field;
                int status;
        } cases[] = {
                { "GET", "If-Match: \"a\"", 412 },
                { "GET", "If-Match: *", 200 },
                { "POST", "If-Match: *", 412 },
                { "POST", "if-match: W/\"a\", \"b\"", 412 },
                { "POST", "If-Unmodified-Since: Sat, 28 Nov 2026 03:29:14 GMT", 412 },
                { "GET", "If-Unmodified-Since: Sat, 28 Nov 2026 03:29:14 GMT", 200 },
                { "POST", "If-None-Match: *", 200 },
                { "GET", "If-None-Match: *", 200 },
        };
        char request[256];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                int fd = client_open(&f);
                (void)snprintf(request, sizeof(request),
                               "%s /held HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n%s\r\n\r\nabc", cases[i].method,
                               cases[i].field);
                client_send(fd, request);
                int status = client_read(fd, &answer);
                if (status != cases[i].status)
                        fail_msg("%s with %s: %d", cases[i].method, cases[i].field, status);
                client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection stays open */
                assert_int_equal(client_read(fd, &answer), 200);
                assert_int_equal(close(fd), 0);
        }
}

static void head_has_the_fields_of_get_and_no_body(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "HEAD /now HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 200);
        assert_non_null(strstr(answer.head, "Content-Length: 4\r\n"));
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "/now");
        assert_int_equal(close(fd), 0);
}

static void a_valid_correlation_id_is_used(void **state)
{
        char request[512], id[200];
        (void)state;
        memset(id, 'x', sizeof(id));
        id[128] = '\0';
        (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: %s\r\n\r\n", id);
        assert_int_equal(exchange(&f, request, &answer), 200);
        assert_non_null(strstr(answer.head, id));
        static const char *const bad[] = { "", "a b", "\xc3\xa4", "a\tb" };
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                (void)snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: %s\r\n\r\n",
                               bad[i]);
                assert_int_equal(exchange(&f, request, &answer), 200);
                const char *field = strstr(answer.head, "x-correlation-id: ");
                assert_non_null(field);
                assert_int_equal(strcspn(field + 18, "\r"), 36);
        }
}

static void space_around_a_field_value_is_removed(void **state)
{
        (void)state;
        assert_int_equal(exchange(&f, "GET /header HTTP/1.1\r\nHost: x\r\nX-TEST: \t a b \t \r\n\r\n", &answer), 200);
        assert_string_equal(answer.body, "a b");
        assert_int_equal(exchange(&f, "GET /header HTTP/1.1\r\nHost: x\r\nX-Test:\r\n\r\n", &answer), 200);
        assert_string_equal(answer.body, "");
}

static void a_head_may_arrive_in_pieces(void **state)
{
        static const char request[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
        (void)state;
        int fd = client_open(&f);
        for (size_t i = 0; i < sizeof(request) - 1; i++) {
                client_send_bytes(fd, request + i, 1);
                if (i % 8 == 0)
                        (void)poll(NULL, 0, 1);
        }
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "hello");
        assert_int_equal(close(fd), 0);
}

/* The chunks have no extensions, because libmicrohttpd 1.0.1 miscounts those and answers 400. */
static void a_chunked_body_is_put_together(void **state)
{
        (void)state;
        assert_int_equal(exchange(&f,
                                  "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n",
                                  &answer),
                         200);
        assert_string_equal(answer.body, "hello world");
}

/* The next request's first byte must not be read as part of the body. */
static void large_bodies_of_both_kinds_are_followed_by_the_next_request(void **state)
{
        static char request[100000];
        (void)state;
        int fd = client_open(&f);
        int n = snprintf(request, sizeof(request), "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n");
        memset(request + n, 'x', 40000);
        n += 40000;
        n += snprintf(request + n, sizeof(request) - (size_t)n,
                      "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n");
        memset(request + n, 'y', 30000);
        n += 30000;
        n += snprintf(request + n, sizeof(request) - (size_t)n,
                      "\r\n0\r\n\r\nPOST /dropped HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
        n += snprintf(request + n, sizeof(request) - (size_t)n, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
        client_send_bytes(fd, request, (size_t)n);
        static const char *const bodies[] = { "40000", "30000", "0", "/now" };
        for (size_t i = 0; i < COUNT_OF(bodies); i++) {
                assert_int_equal(client_read(fd, &answer), 200);
                assert_string_equal(answer.body, bodies[i]);
        }
        assert_int_equal(close(fd), 0);
}

static void twenty_pipelined_requests_are_answered_in_order(void **state)
{
        char request[4096], expected[32];
        size_t n = 0;
        (void)state;
        int fd = client_open(&f);
        for (int i = 0; i < 20; i++)
                n += (size_t)snprintf(request + n, sizeof(request) - n, "GET %s?n=%d HTTP/1.1\r\nHost: x\r\n\r\n",
                                      i % 3 ? "/held" : "/now", i);
        client_send(fd, request);
        for (int i = 0; i < 20; i++) {
                (void)snprintf(expected, sizeof(expected), "%s?n=%d", i % 3 ? "/held" : "/now", i);
                assert_int_equal(client_read(fd, &answer), 200);
                assert_string_equal(answer.body, expected);
        }
        fixture_await(&f, 0, count_busy, 0);
        assert_int_equal(close(fd), 0);
}

static void an_http_1_0_client_is_served(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "GET /now HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 200);
        client_send(fd, "GET /held HTTP/1.0\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
}

/* `nc -N` and others shut down their sending side after the last byte, but still read the response. */
static void a_client_that_has_shut_down_its_sending_side_is_answered(void **state)
{
        static const char *const targets[] = { "/now", "/held", "/kept" };
        char request[128];
        (void)state;
        for (size_t i = 0; i < COUNT_OF(targets); i++) {
                int fd = client_open(&f);
                (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
                client_send(fd, request);
                assert_int_equal(shutdown(fd, SHUT_WR), 0);
                if (i == 2) {
                        fixture_await(&f, 0, count_kept, 1);
                        fixture_await(&f, 0, count_abandoned, 1);
                        assert_int_equal(fixture_call(&f, 0, answer_kept), 1);
                }
                assert_int_equal(client_read(fd, &answer), 200);
                assert_string_equal(answer.body, targets[i]);
                assert_ended(fd);
                assert_int_equal(close(fd), 0);
        }
}

static void a_request_without_keep_alive_closes_the_connection(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "GET /held HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
}

static void a_client_that_waits_for_continue_receives_it(void **state)
{
        (void)state;
        int fd = client_open(&f);
        client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_int_equal(client_read(fd, &answer), 100);
        client_send(fd, "hello");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "hello");
        assert_int_equal(close(fd), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(routes_parameters_and_queries_are_decoded),
                cmocka_unit_test(an_unknown_path_is_a_problem),
                cmocka_unit_test(an_unknown_method_gets_405_with_allow),
                cmocka_unit_test(options_lists_the_methods_of_a_path_or_of_all),
                cmocka_unit_test(no_response_may_be_cached),
                cmocka_unit_test(keep_alive_announces_how_long_the_connection_stays_open),
                cmocka_unit_test(conditions_that_cannot_be_met_are_rejected),
                cmocka_unit_test(head_has_the_fields_of_get_and_no_body),
                cmocka_unit_test(a_valid_correlation_id_is_used),
                cmocka_unit_test(space_around_a_field_value_is_removed),
                cmocka_unit_test(a_head_may_arrive_in_pieces),
                cmocka_unit_test(a_chunked_body_is_put_together),
                cmocka_unit_test(large_bodies_of_both_kinds_are_followed_by_the_next_request),
                cmocka_unit_test(twenty_pipelined_requests_are_answered_in_order),
                cmocka_unit_test(an_http_1_0_client_is_served),
                cmocka_unit_test(a_client_that_has_shut_down_its_sending_side_is_answered),
                cmocka_unit_test(a_request_without_keep_alive_closes_the_connection),
                cmocka_unit_test(a_client_that_waits_for_continue_receives_it),
        };
        return cmocka_run_group_tests_name("http exchange", tests, start, stop);
}
