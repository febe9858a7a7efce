/* Tests of which clients are admitted, which responses the others get, and how both change when the tokens are
 * replaced. */
#include "http/fixture.h"

static struct fixture f;
static struct answer answer;
static char large[1 << 20];

static int start(void **state)
{
        (void)state;
        memset(large, 'x', sizeof(large) - 1);
        fixture_start(&f, (struct http_options){ .body_max_bytes = 1 << 20 }, 1);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        fixture_stop(&f);
        return 0;
}

static void set_tokens(const char *const pairs[][2], size_t count)
{
        struct secret values[4] = { 0 };
        struct http_token tokens[4] = { 0 };
        struct err err;
        for (size_t i = 0; i < count; i++) {
                assert_int_equal(secret_init(&values[i], pairs[i][1], strlen(pairs[i][1])), 0);
                tokens[i] = (struct http_token){ pairs[i][0], &values[i] };
        }
        assert_int_equal(http_server_set_tokens(f.server, tokens, count, &err), 0);
        for (size_t i = 0; i < count; i++)
                secret_fini(&values[i]);
}

static void set_two(void)
{
        static const char *const pairs[][2] = { { "orders", "aaaa-1111" }, { "billing", "bbbb.2222==" } };
        set_tokens(pairs, 2);
}

static void assert_challenge(const char *challenge)
{
        char field[96];
        (void)snprintf(field, sizeof(field), "\r\nWWW-Authenticate: %s\r\n", challenge);
        assert_int_equal(answer.status, 401);
        if (!strcasestr(answer.head, field))
                fail_msg("%s is not in %s", field, answer.head);
        assert_non_null(strcasestr(answer.head, "\r\nContent-Type: application/problem+json\r\n"));
        assert_non_null(strcasestr(answer.head, "\r\nx-correlation-id: "));
        assert_non_null(strstr(answer.body, "\"status\":401"));
}

static int get(const char *target, const char *fields)
{
        char request[512];
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, fields);
        return exchange(&f, request, &answer);
}

static void without_configured_tokens_none_is_required(void **state)
{
        (void)state;
        assert_int_equal(get("/token", ""), 200);
        assert_string_equal(answer.body, "none");
        assert_int_equal(get("/token", "Authorization: Bearer whatever\r\n"), 200);
        assert_string_equal(answer.body, "none");
}

static void a_client_is_identified_by_the_name_of_its_token(void **state)
{
        (void)state;
        set_two();
        assert_int_equal(get("/token", "Authorization: Bearer aaaa-1111\r\n"), 200);
        assert_string_equal(answer.body, "orders");
        assert_int_equal(get("/token", "authorization: bEARER   bbbb.2222==\r\n"), 200);
        assert_string_equal(answer.body, "billing");
}

static void without_a_token_the_challenge_says_what_is_required(void **state)
{
        static const char *const none[] = { "",
                                            "Authorization: aaaa-1111\r\n",
                                            "Authorization: Basic YTpi\r\n",
                                            "Authorization: Bearer\r\n",
                                            "Authorization: Bearer \r\n",
                                            "Authorization:\r\n",
                                            "X-Authorization: Bearer aaaa-1111\r\n" };
        (void)state;
        set_two();
        for (size_t i = 0; i < COUNT_OF(none); i++) {
                (void)get("/token", none[i]);
                assert_challenge("Bearer");
        }
}

static void a_wrong_token_is_distinguished_from_a_missing_one(void **state)
{
        static const char *const wrong[] = { "aaaa-1112",   "aaaa-111",  "aaaa-11111", "AAAA-1111",
                                             "aaaa-1111 x", "bbbb.2222", "orders" };
        char field[128];
        (void)state;
        set_two();
        for (size_t i = 0; i < COUNT_OF(wrong); i++) {
                (void)snprintf(field, sizeof(field), "Authorization: Bearer %s\r\n", wrong[i]);
                (void)get("/token", field);
                assert_challenge("Bearer error=\"invalid_token\"");
                assert_null(strstr(answer.body, wrong[i]));
        }
}

static void two_authorizations_are_ambiguous(void **state)
{
        (void)state;
        set_two();
        assert_int_equal(get("/token", "Authorization: Bearer aaaa-1111\r\nAuthorization: Bearer aaaa-1111\r\n"), 400);
        assert_null(strcasestr(answer.head, "WWW-Authenticate"));
        assert_non_null(strstr(answer.body, "several Authorization fields"));
}

static void public_routes_and_unknown_paths_need_none(void **state)
{
        (void)state;
        set_two();
        assert_int_equal(get("/public", ""), 200);
        assert_int_equal(get("/public", "Authorization: Bearer wrong\r\n"), 200);
        assert_int_equal(get("/nothing", ""), 404);
        assert_int_equal(exchange(&f, "PUT /token HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 405);
}

static void a_head_request_is_denied_without_a_body(void **state)
{
        (void)state;
        set_two();
        int fd = client_open(&f);
        client_send(fd, "HEAD /token HTTP/1.1\r\nHost: x\r\n\r\nGET /public HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(client_read_head_or_all(fd, &answer, true), 401);
        assert_int_equal(client_read(fd, &answer), 200);
        assert_int_equal(close(fd), 0);
}

static void a_small_body_is_dropped_and_the_connection_stays_open(void **state)
{
        (void)state;
        set_two();
        int fd = client_open(&f);
        client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
                        "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer aaaa-1111\r\nContent-Length: 5\r\n\r\n"
                        "world");
        assert_int_equal(client_read(fd, &answer), 401);
        assert_challenge("Bearer");
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "world");
        assert_int_equal(close(fd), 0);
}

static void assert_refused(const char *head, size_t body_length)
{
        int fd = client_open(&f);
        client_send(fd, head);
        client_send_bytes(fd, large, body_length);
        assert_int_equal(client_read(fd, &answer), 401);
        assert_challenge("Bearer");
        assert_non_null(strcasestr(answer.head, "\r\nConnection: close\r\n"));
        assert_ended(fd);
        assert_int_equal(close(fd), 0);
}

static void a_large_body_is_rejected_before_it_is_read(void **state)
{
        (void)state;
        set_two();
        assert_refused("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", 1000000);
        assert_refused("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 0);
        assert_refused("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 0);
        /* even if it is too large: unauthorized clients do not learn the limits */
        assert_refused("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", 0);
}

static void replaced_tokens_apply_immediately(void **state)
{
        static const char *const pairs[][2] = { { "orders", "cccc-3333" } };
        (void)state;
        set_two();
        int fd = client_open(&f);
        client_send(fd, "GET /kept HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer aaaa-1111\r\n\r\n");
        fixture_await(&f, 0, count_kept, 1);
        set_tokens(pairs, 1);
        assert_int_equal(get("/token", "Authorization: Bearer aaaa-1111\r\n"), 401);
        assert_int_equal(get("/token", "Authorization: Bearer cccc-3333\r\n"), 200);
        assert_string_equal(answer.body, "orders");
        assert_int_equal(fixture_call(&f, 0, answer_kept), 1); /* admitted before the change */
        assert_int_equal(client_read(fd, &answer), 200);
        assert_int_equal(close(fd), 0);
}

static void an_empty_token_list_locks_everyone_out(void **state)
{
        (void)state;
        set_tokens(NULL, 0);
        (void)get("/token", "");
        assert_challenge("Bearer");
        (void)get("/token", "Authorization: Bearer aaaa-1111\r\n");
        assert_challenge("Bearer error=\"invalid_token\"");
        assert_int_equal(get("/public", ""), 200);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(without_configured_tokens_none_is_required, start, stop),
                cmocka_unit_test_setup_teardown(a_client_is_identified_by_the_name_of_its_token, start, stop),
                cmocka_unit_test_setup_teardown(without_a_token_the_challenge_says_what_is_required, start, stop),
                cmocka_unit_test_setup_teardown(a_wrong_token_is_distinguished_from_a_missing_one, start, stop),
                cmocka_unit_test_setup_teardown(two_authorizations_are_ambiguous, start, stop),
                cmocka_unit_test_setup_teardown(public_routes_and_unknown_paths_need_none, start, stop),
                cmocka_unit_test_setup_teardown(a_head_request_is_denied_without_a_body, start, stop),
                cmocka_unit_test_setup_teardown(a_small_body_is_dropped_and_the_connection_stays_open, start, stop),
                cmocka_unit_test_setup_teardown(a_large_body_is_rejected_before_it_is_read, start, stop),
                cmocka_unit_test_setup_teardown(replaced_tokens_apply_immediately, start, stop),
                cmocka_unit_test_setup_teardown(an_empty_token_list_locks_everyone_out, start, stop),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
