/* Tests of routes that examine the beginning of a body before they choose how to receive it. */
#include "http/stream_test.h"

/* Sends the body as chunks of `size` bytes. */
static void send_chunks(int fd, const char *body, size_t size)
{
        char chunk[64];
        client_send(fd, "POST /maybe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t left = strlen(body); left > 0; body += size, left -= size) {
                size = size < left ? size : left;
                (void)snprintf(chunk, sizeof(chunk), "%zx\r\n%.*s\r\n", size, (int)size, body);
                client_send(fd, chunk);
        }
        client_send(fd, "0\r\n\r\n");
}

static void send_whole(int fd, const char *body, size_t length, const char *fields)
{
        char head[256];
        (void)snprintf(head, sizeof(head), "POST /maybe HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", fields,
                       length);
        client_send(fd, head);
        client_send(fd, body);
}

static void the_route_chooses_when_it_has_seen_enough(void **state)
{
        static const char body[] = "    [abcdefgh";
        char expected[96];
        size_t sum = 0;
        (void)state;
        for (size_t i = 0; body[i]; i++)
                sum += (unsigned char)body[i];
        (void)snprintf(expected, sizeof(expected), "%zu bytes, sum %zu", strlen(body), sum);
        stream_start((struct streaming){ 0 });
        int fd = client_open(&f);
        for (size_t size = 1; size <= sizeof(body); size++) {
                for (int again = 0; again < 2; again++) {
                        stream_next((struct streaming){ 0 });
                        send_chunks(fd, body, size);
                        assert_int_equal(client_read(fd, &answer), 200);
                        assert_string_equal(answer.body, expected);
                }
                send_chunks(fd, "    {abcdefgh", size);
                assert_int_equal(client_read(fd, &answer), 200);
                assert_string_equal(answer.body, "13");
        }
        send_chunks(fd, "   ", 1);
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "3");
        assert_int_equal(close(fd), 0);
        fixture_await(&f, 0, count_engine, 0);
        assert_int_equal(fixture_call(&f, 0, count_used), 0);
        fixture_stop(&f);
}

static void the_limit_applies_to_a_body_that_is_not_streamed(void **state)
{
        (void)state;
        stream_start((struct streaming){ 0 });
        int fd = client_open(&f);
        send_whole(fd, "  {", 1001, "");
        assert_int_equal(client_read(fd, &answer), 413);
        assert_int_equal(close(fd), 0);
        fd = client_open(&f);
        send_whole(fd, "", 1001, "Expect: 100-continue\r\n");
        assert_int_equal(client_read(fd, &answer), 100);
        client_send(fd, "{");
        assert_int_equal(client_read(fd, &answer), 413);
        assert_int_equal(close(fd), 0);
        fd = client_open(&f);
        send_whole(fd, "[", 5001, "Expect: 100-continue\r\n");
        assert_int_equal(client_read(fd, &answer), 100);
        send_zeros(fd, 5000);
        assert_int_equal(client_read(fd, &answer), 200);
        assert_string_equal(answer.body, "5001 bytes, sum 91");
        assert_int_equal(close(fd), 0);
        fixture_await(&f, 0, count_engine, 0);
        assert_int_equal(fixture_call(&f, 0, count_used), 0);
        fixture_stop(&f);
}

static void a_route_may_answer_after_the_beginning_of_a_body(void **state)
{
        (void)state;
        stream_start((struct streaming){ 0 });
        int fd = client_open(&f);
        send_whole(fd, "!ab", 3, "");
        assert_int_equal(client_read(fd, &answer), 422);
        send_chunks(fd, "  !ab", 1);
        assert_int_equal(client_read(fd, &answer), 422);
        assert_int_equal(close(fd), 0);
        fd = client_open(&f);
        send_whole(fd, "!", 1 << 20, "");
        assert_int_equal(client_read(fd, &answer), 422);
        assert_int_equal(close(fd), 0);
        fixture_await(&f, 0, count_engine, 0);
        fixture_stop(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_route_chooses_when_it_has_seen_enough),
                cmocka_unit_test(the_limit_applies_to_a_body_that_is_not_streamed),
                cmocka_unit_test(a_route_may_answer_after_the_beginning_of_a_body),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
