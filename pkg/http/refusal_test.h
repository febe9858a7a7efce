/* refusal_test: a server with low limits and an assertion that a request was refused, shared by the tests of refusals.
 *
 * Threads: one at a time. */
#ifndef HTTP_REFUSAL_TEST_H
#define HTTP_REFUSAL_TEST_H

#include "http/fixture.h"

#ifndef DEADLINE_MS
#define DEADLINE_MS 10000 /* for a head and for a body, long enough even for a busy machine */
#endif

enum { BODY_MAX = 1000, CONNECTIONS_MAX = 8 };

static struct fixture f;
static struct answer answer;
static char large[3 << 20];

static inline int start(void **state)
{
        (void)state;
        memset(large, 'x', sizeof(large) - 1);
        fixture_start(&f,
                      (struct http_options){ .body_max_bytes = BODY_MAX,
                                             .header_timeout_ms = DEADLINE_MS,
                                             .body_timeout_ms = DEADLINE_MS,
                                             .connections_max = CONNECTIONS_MAX },
                      1);
        return 0;
}

static inline int stop(void **state)
{
        (void)state;
        fixture_stop(&f);
        return 0;
}

static inline void assert_problem(int fd, int status)
{
        assert_int_equal(client_read(fd, &answer), status);
        assert_non_null(strstr(answer.head, "Content-Type: application/problem+json\r\n"));
        assert_non_null(strstr(answer.head, "x-correlation-id: "));
        assert_non_null(strstr(answer.head, "\r\nDate: "));
        assert_non_null(strstr(answer.body, "\"correlationId\":"));
}

static inline void await_connections(unsigned wanted)
{
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
        while (http_server_connections(f.server) != wanted) {
                assert_true(clock_monotonic_ms() < deadline_ms);
                (void)poll(NULL, 0, 1);
        }
}

#endif
