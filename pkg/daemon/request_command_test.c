/* request_command: whole exchanges with a server that accepts one connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "daemon/request_command.h"

struct server {
        int fd;
        const char *answer; /* NULL: it never responds */
        size_t expected;    /* bytes of the request */
        char got[1024];
        char url[64];
        pthread_t thread;
};

static void *serve(void *data)
{
        struct server *server = data;
        int fd = accept(server->fd, NULL, NULL);
        size_t got = 0;
        while (fd >= 0 && got < sizeof(server->got) - 1) {
                ssize_t n = recv(fd, server->got + got, sizeof(server->got) - 1 - got, 0);
                if (n <= 0)
                        break;
                got += (size_t)n;
                if (server->answer && got >= server->expected) {
                        (void)send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
                        break;
                }
        }
        (void)close(fd);
        return NULL;
}

static void start(struct server *server)
{
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(at);
        server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(server->fd >= 0);
        assert_int_equal(bind(server->fd, (struct sockaddr *)&at, size), 0);
        assert_int_equal(listen(server->fd, 1), 0);
        assert_int_equal(getsockname(server->fd, (struct sockaddr *)&at, &size), 0);
        (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d/x", ntohs(at.sin_port));
        assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
        assert_int_equal(pthread_join(server->thread, NULL), 0);
        assert_int_equal(close(server->fd), 0);
}

/* Runs the sub-command against a server that sends `answer`. *out receives its output; free it. */
static int exchange(struct server *server, char **out, char **errors)
{
        char *arguments[] = { "POST", server->url, "--data", "{\"a\":1}", "--header", "X-A: 1", "--timeout", "1" };
        static const char head[] = "POST /x HTTP/1.0\r\nHost: 127.0.0.1:00000\r\nX-A: 1\r\n"
                                   "Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        size_t out_bytes = 0, error_bytes = 0;
        server->expected = sizeof(head) - 1 - 4; /* the port may be shorter */
        start(server);
        FILE *out_file = open_memstream(out, &out_bytes), *error_file = open_memstream(errors, &error_bytes);
        assert_non_null(out_file);
        assert_non_null(error_file);
        int status = request_command("pinger", (int)COUNT_OF(arguments), arguments, out_file, error_file);
        assert_int_equal(fclose(out_file), 0);
        assert_int_equal(fclose(error_file), 0);
        stop(server);
        return status;
}

static void a_2xx_response_is_printed_with_exit_status_0(void **state)
{
        struct server server = { .answer = "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{\"key\":1}" };
        char *out = NULL, *errors = NULL;
        (void)state;
        assert_int_equal(exchange(&server, &out, &errors), 0);
        assert_string_equal(out, "{\"key\":1}");
        assert_string_equal(errors, "");
        assert_non_null(strstr(server.got, "POST /x HTTP/1.0\r\nHost: 127.0.0.1:"));
        assert_non_null(
                strstr(server.got, "\r\nX-A: 1\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"));
        free(out);
        free(errors);
}

static void any_other_response_gives_exit_status_1(void **state)
{
        static const struct {
                const char *answer, *out, *said;
        } cases[] = {
                { "HTTP/1.1 503 Service Unavailable\r\n\r\nwait", "wait\n", "pinger request: the status is 503" },
                { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"key\"", "", "received only 6 of 9 bytes" },
                { "HTTP/1.1 200 OK\r\nContent-Len", "", "not HTTP" },
                { "SSH-2.0-OpenSSH\r\n\r\n", "", "not HTTP" },
                { "", "", "not HTTP" },
                { NULL, "", "no response in time" },
        };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct server server = { .answer = cases[i].answer };
                char *out = NULL, *errors = NULL;
                assert_int_equal(exchange(&server, &out, &errors), 1);
                assert_string_equal(out, cases[i].out);
                assert_non_null(strstr(errors, cases[i].said));
                free(out);
                free(errors);
        }
}

/* Both streams are merged, as in `kubectl describe`. */
static void an_error_starts_on_a_new_line_after_the_body(void **state)
{
        static const char *const answers[] = { "HTTP/1.1 503 No\r\n\r\nwait", "HTTP/1.1 503 No\r\n\r\nwait\n" };
        (void)state;
        for (size_t i = 0; i < COUNT_OF(answers); i++) {
                struct server server = { .answer = answers[i] };
                char *arguments[] = { "GET", server.url, "--timeout", "9" }, *text = NULL;
                size_t bytes = 0;
                start(&server);
                FILE *both = open_memstream(&text, &bytes);
                assert_non_null(both);
                assert_int_equal(request_command("pinger", (int)COUNT_OF(arguments), arguments, both, both), 1);
                assert_int_equal(fclose(both), 0);
                stop(&server);
                assert_string_equal(text, "wait\npinger request: the status is 503\n");
                free(text);
        }
}

static void no_server_gives_exit_status_1_and_no_url_2(void **state)
{
        struct server server = { .answer = "" };
        char *arguments[] = { "GET", server.url, "--timeout", "2" };
        (void)state;
        start(&server);
        FILE *null = fopen("/dev/null", "we");
        assert_non_null(null);
        assert_int_equal(request_command("pinger", 2, arguments, null, null), 1);
        stop(&server);
        assert_int_equal(request_command("pinger", 4, arguments, null, null), 1);
        assert_int_equal(request_command("pinger", 1, arguments, null, null), 2);
        assert_int_equal(fclose(null), 0);
}

static void help_is_printed_and_failed_output_gives_exit_status_1(void **state)
{
        char text[512] = "";
        char *arguments[] = { "--help" };
        (void)state;
        FILE *out = fmemopen(text, sizeof(text), "w");
        FILE *full = fopen("/dev/full", "we");
        assert_true(out && full);
        assert_int_equal(request_command("pinger", 1, arguments, out, out), 0);
        assert_non_null(strstr(text, "usage: pinger request METHOD URL"));
        assert_int_equal(request_command("pinger", 1, arguments, full, full), 1);
        assert_int_equal(fclose(out), 0);
        (void)fclose(full); /* fails again, as expected */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_2xx_response_is_printed_with_exit_status_0),
                cmocka_unit_test(any_other_response_gives_exit_status_1),
                cmocka_unit_test(an_error_starts_on_a_new_line_after_the_body),
                cmocka_unit_test(no_server_gives_exit_status_1_and_no_url_2),
                cmocka_unit_test(help_is_printed_and_failed_output_gives_exit_status_1),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
