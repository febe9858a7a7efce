/* Tests of the server when memory runs out; `make torture` makes each allocation fail in turn. A failure affects only
 * one request: its connection is answered or closed, and the next request is served. */
#include "http/fixture.h"

static struct fixture f;

/* Replaces the fixture's handlers that allocate, because those assert success. */
static void answer_param(struct http_request *request, void *context UNUSED)
{
        const char *part = http_request_param(request, "part"), *query = http_request_query(request, "y");
        if (part && query)
                respond_text(request, part);
        else
                http_problem(request, 404, NULL, 0, "A part of the target was lost.");
}

static const struct http_route routes[] = {
        { .method = "GET", .path = "/items/{key}/parts/{part}", .name = "part", .handle = answer_param },
        { .method = "POST", .path = "/size", .name = "size", .handle = answer_size, .body = true },
        { .method = "POST", .path = "/held", .name = "held", .handle = hold, .body = true },
};

static int start(void **state UNUSED)
{
        fixture_start(&f,
                      (struct http_options){ .header_timeout_ms = 1000,
                                             .body_timeout_ms = 1000,
                                             .routes = routes,
                                             .route_count = COUNT_OF(routes) },
                      1);
        return 0;
}

static int stop(void **state UNUSED)
{
        fixture_stop(&f);
        return 0;
}

/* Sends the request on a new connection; returns the status, or 0 if the connection is closed without a response. */
static int status_of(const char *request)
{
        char text[512];
        size_t length = 0;
        int status = 0;
        int fd = client_open(&f);
        client_send(fd, request);
        for (;;) {
                struct pollfd wait = { .fd = fd, .events = POLLIN };
                assert_int_equal(poll(&wait, 1, WAIT_MS), 1); /* the client is never left waiting */
                ssize_t n = recv(fd, text + length, sizeof(text) - 1 - length, 0);
                if (n <= 0)
                        break;
                length += (size_t)n;
                text[length] = '\0';
                if (strstr(text, "\r\n") && sscanf(text, "HTTP/1.1 %d", &status) == 1)
                        break;
        }
        assert_int_equal(close(fd), 0);
        return status;
}

/* At most one allocation fails, so at most one of three requests does. */
static void assert_only_one_request_fails(const char *request)
{
        int failed = 0;
        for (int i = 0; i < 3; i++) {
                int status = status_of(request);
                assert_true(status == 200 || status == 0 || status == 500 || status == 503);
                failed += status != 200;
        }
        assert_true(failed <= 1);
}

static void only_one_request_fails_whichever_allocation_fails(void **state UNUSED)
{
        assert_only_one_request_fails(
                "GET /items/a%20b/parts/c?x=1&y=%41&z HTTP/1.1\r\nHost: x\r\nX-Correlation-Id: me\r\n\r\n");
}

static void only_one_body_fails_whichever_allocation_fails(void **state UNUSED)
{
        assert_only_one_request_fails("POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        assert_only_one_request_fails(
                "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

static void only_one_held_request_fails_whichever_allocation_fails(void **state UNUSED)
{
        assert_only_one_request_fails("POST /held?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_one_request_fails_whichever_allocation_fails),
                cmocka_unit_test(only_one_body_fails_whichever_allocation_fails),
                cmocka_unit_test(only_one_held_request_fails_whichever_allocation_fails),
        };
        return cmocka_run_group_tests_name("http without memory", tests, start, stop);
}
