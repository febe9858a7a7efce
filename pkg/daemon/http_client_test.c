/* http_client: arguments and URLs. request_command_test.c has whole exchanges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http_client.h"

static int parse(const char *method, const char *url, struct client_request *out, struct err *err)
{
        char *arguments[] = { (char *)method, (char *)url };
        return client_parse(2, arguments, out, err);
}

static void a_url_is_parsed(void **state)
{
        static const struct {
                const char *url, *host, *port, *target;
        } cases[] = {
                { "http://collector", "collector", "80", "" },
                { "http://collector:4001/", "collector", "4001", "/" },
                { "HTTP://a.b:1/v1/documents?limit=2", "a.b", "1", "/v1/documents?limit=2" },
                { "http://[::1]:65535/x", "::1", "65535", "/x" },
                { "http://[::1]?key=1", "::1", "80", "?key=1" },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct client_request request;
                struct err err;
                assert_int_equal(parse("GET", cases[i].url, &request, &err), 0);
                assert_string_equal(request.host, cases[i].host);
                assert_string_equal(request.port, cases[i].port);
                assert_string_equal(request.target, cases[i].target);
        }
}

static void an_unusable_url_is_rejected(void **state)
{
        static const char *const bad[] = {
                "",          "collector:4001", "https://collector", "http://",     "http://:80/",
                "http://a:", "http://a:0",     "http://a:65536",    "http://a:8x", "http://::1/",
                "http://[]", "http://a/ b",    "http://a/\r\nX: y", "http://u@a/", "http://a/#part",
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
                struct client_request request;
                struct err err;
                assert_int_equal(parse("GET", bad[i], &request, &err), ERR_INVALID);
                assert_non_null(strstr(err.text, "URL"));
        }
}

static void options_are_parsed_and_invalid_ones_named(void **state)
{
        char *good[] = { "PUT", "http://a", "--header", "A: 1", "--data", "{}", "--header", "B:2", "--timeout", "7" };
        char *bad[][4] = {
                { "get", "http://a", NULL, NULL },           { "GET", "http://a", "--data", NULL },
                { "GET", "http://a", "--header", "A" },      { "GET", "http://a", "--header", "A: 1\r\nB: 2" },
                { "GET", "http://a", "--header", ": 1" },    { "GET", "http://a", "--timeout", "0" },
                { "GET", "http://a", "--timeout", "1s" },    { "GET", "http://a", "--verbose", "1" },
                { "GET", "http://a", "--header", "A B: 1" },
        };
        struct client_request request;
        struct err err;
        (void)state;
        assert_int_equal(client_parse((int)COUNT_OF(good), good, &request, &err), 0);
        assert_int_equal(request.header_count, 2);
        assert_string_equal(request.headers[1], "B:2");
        assert_string_equal(request.data, "{}");
        assert_int_equal(request.timeout_ms, 7000);
        for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_int_equal(client_parse(bad[i][3] ? 4 : bad[i][2] ? 3 : 2, bad[i], &request, &err), ERR_INVALID);
        assert_int_equal(client_parse(1, good, &request, &err), ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_url_is_parsed),
                cmocka_unit_test(an_unusable_url_is_rejected),
                cmocka_unit_test(options_are_parsed_and_invalid_ones_named),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
