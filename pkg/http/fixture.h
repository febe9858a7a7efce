/* fixture: a real server for the tests in this folder, with its workers, each on a loop in its own thread, and raw
 * client sockets, which can send what no HTTP library would.
 *
 *     struct fixture f;
 *     fixture_start(&f, (struct http_options){ .body_max_bytes = 100 }, 1);
 *     int fd = client_open(&f);
 *     client_send(fd, "GET /now HTTP/1.1\r\nHost: x\r\n\r\n");
 *     assert_int_equal(client_read(fd, &answer), 200);
 *
 * Every wait has a deadline of WAIT_MS. The routes are in fixture_routes. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/http.h"

enum { WAIT_MS = 15000, WORKERS_MAX = 2, HELD_MAX = 4096 };

struct fixture;

struct fixture_worker {
        struct fixture *fixture;
        struct http_worker *worker;
        uv_loop_t loop;
        uv_prepare_t prepare;
        uv_check_t check;
        uv_idle_t idle;
        uv_async_t async;
        void (*command)(struct fixture_worker *);
        sem_t done;
        pthread_t thread;
        struct http_request *held[HELD_MAX]; /* answered in the next turn */
        struct http_request *kept[HELD_MAX]; /* answered on command       */
        size_t held_count, kept_count, result;
};

struct fixture {
        struct http_server *server;
        struct fixture_worker workers[WORKERS_MAX];
        unsigned count;
};

struct answer {
        int status;
        char head[4096];
        char body[1 << 16];
        size_t body_length;
};

/* --- Handlers -------------------------------------------------------------------------------------- */

static void respond_text(struct http_request *request, const char *text)
{
        http_respond(request,
                     &(struct http_answer){
                             .status = 200, .content_type = "text/plain", .body = text, .body_length = strlen(text) });
}

static void on_idle(uv_idle_t *idle)
{
        (void)idle;
}

static void hold(struct http_request *request, void *context)
{
        struct fixture_worker *w = context;
        w->held[w->held_count++] = request;
        (void)uv_idle_start(&w->idle, on_idle);
}

static void keep(struct http_request *request, void *context)
{
        struct fixture_worker *w = context;
        w->kept[w->kept_count++] = request;
}

static void answer_now(struct http_request *request, void *context)
{
        (void)context;
        respond_text(request, http_request_target(request));
}

static void answer_body(struct http_request *request, void *context)
{
        size_t length;
        const char *body = http_request_body(request, &length);
        (void)context;
        http_respond(request, &(struct http_answer){ .status = 200, .body = body, .body_length = length });
}

static void answer_size(struct http_request *request, void *context)
{
        char text[64];
        size_t length;
        (void)context;
        free(http_request_take_body(request, &length));
        (void)snprintf(text, sizeof(text), "%zu", length);
        respond_text(request, text);
}

static bool print_pair(const char *name, const char *value, void *data)
{
        return buf_printf(data, "%s=%s;", name, value) == 0;
}

static void refuse_other_types(struct http_request *request, void *context)
{
        const char *type = http_request_header(request, "Content-Type");
        (void)context;
        if (http_request_expects_continue(request) && (!type || strcmp(type, "text/plain")))
                http_problem(request, 415, &(struct http_header){ "Accept-Post", "text/plain" }, 1, "another type");
}

static void answer_with_all(struct http_request *request, void *context)
{
        struct buf text;
        const char *key = http_request_param(request, "key");
        const char *part = http_request_param(request, "part");
        (void)context;
        buf_init(&text, 0);
        assert_int_equal(buf_printf(&text, "route=%s path=%s key=%s part=%s query=", http_request_route(request),
                                    http_request_path(request), key ? key : "-", part ? part : "-"),
                         0);
        http_request_each_query(request, print_pair, &text);
        respond_text(request, text.data);
        buf_fini(&text);
}

static void answer_header(struct http_request *request, void *context)
{
        const char *value = http_request_header(request, "x-test");
        (void)context;
        respond_text(request, value ? value : "none");
}

static void answer_token(struct http_request *request, void *context)
{
        const char *name = http_request_token(request);
        (void)context;
        respond_text(request, name ? name : "none");
}

static const struct http_route fixture_routes[] = {
        { .method = "GET", .path = "/now", .name = "now", .handle = answer_now },
        { .method = "GET", .path = "/held", .name = "held", .handle = hold },
        { .method = "GET", .path = "/kept", .name = "kept", .handle = keep },
        { .method = "POST", .path = "/echo", .name = "echo", .handle = answer_body, .body = true },
        { .method = "POST", .path = "/size", .name = "size", .handle = answer_size, .body = true },
        { .method = "POST", .path = "/held", .name = "held", .handle = hold, .body = true },
        { .method = "POST",
          .path = "/judged",
          .name = "judged",
          .handle = answer_size,
          .at_head = refuse_other_types,
          .body = true },
        { .method = "POST", .path = "/dropped", .name = "dropped", .handle = answer_size },
        { .method = "GET", .path = "/items/{key}", .name = "item", .handle = answer_with_all },
        { .method = "GET", .path = "/items/{key}/parts/{part}", .name = "part", .handle = answer_with_all },
        { .method = "GET", .path = "/items/first", .name = "first", .handle = answer_with_all },
        { .method = "GET", .path = "/query", .name = "query", .handle = answer_with_all },
        { .method = "GET", .path = "/header", .name = "header", .handle = answer_header },
        { .method = "GET", .path = "/public", .name = "public", .handle = answer_now, .is_public = true },
        { .method = "GET", .path = "/token", .name = "token", .handle = answer_token },
        { .method = NULL, .path = "/any/*", .name = "any", .handle = answer_with_all },
};

/* --- Server ---------------------------------------------------------------------------------------- */

static void on_prepare(uv_prepare_t *prepare)
{
        struct fixture_worker *w = prepare->data;
        if (w->worker)
                http_worker_turn(w->worker);
}

static void on_check(uv_check_t *check)
{
        struct fixture_worker *w = check->data;
        size_t count = w->held_count;
        w->held_count = 0;
        (void)uv_idle_stop(&w->idle);
        for (size_t i = 0; i < count; i++)
                respond_text(w->held[i], http_request_target(w->held[i]));
}

static void on_async(uv_async_t *async)
{
        struct fixture_worker *w = async->data;
        w->command(w);
        (void)sem_post(&w->done);
}

static void *run_worker(void *data)
{
        struct fixture_worker *w = data;
        (void)uv_run(&w->loop, UV_RUN_DEFAULT);
        return NULL;
}

/* Runs `command` in the worker's thread and waits for it. */
static inline size_t fixture_call(struct fixture *f, unsigned index, void (*command)(struct fixture_worker *))
{
        struct fixture_worker *w = &f->workers[index];
        w->command = command;
        assert_int_equal(uv_async_send(&w->async), 0);
        while (sem_wait(&w->done) && errno == EINTR)
                ;
        return w->result;
}

static inline void answer_kept(struct fixture_worker *w)
{
        w->result = w->kept_count;
        for (size_t i = 0; i < w->kept_count; i++)
                respond_text(w->kept[i], http_request_target(w->kept[i]));
        w->kept_count = 0;
}

static inline void count_kept(struct fixture_worker *w)
{
        w->result = w->kept_count;
}

static inline void count_abandoned(struct fixture_worker *w)
{
        w->result = 0;
        for (size_t i = 0; i < w->kept_count; i++)
                w->result += http_request_is_abandoned(w->kept[i]);
}

static inline void count_busy(struct fixture_worker *w)
{
        w->result = http_worker_busy(w->worker);
}

static inline void stop_accepting(struct fixture_worker *w)
{
        http_worker_stop_accepting(w->worker);
}

static inline void close_worker(struct fixture_worker *w)
{
        w->kept_count = w->held_count = 0;
        http_worker_close(w->worker);
        w->worker = NULL;
}

static inline void close_all(struct fixture_worker *w)
{
        close_worker(w);
        uv_close((uv_handle_t *)&w->prepare, NULL);
        uv_close((uv_handle_t *)&w->check, NULL);
        uv_close((uv_handle_t *)&w->idle, NULL);
        uv_close((uv_handle_t *)&w->async, NULL);
}

static inline void fixture_start(struct fixture *f, struct http_options options, unsigned workers)
{
        struct err err;
        memset(f, 0, sizeof(*f));
        (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
        options.address = options.address ? options.address : "127.0.0.1";
        options.workers = workers;
        if (!options.routes) {
                options.routes = fixture_routes;
                options.route_count = COUNT_OF(fixture_routes);
        }
        f->count = workers;
        if (http_server_open(&options, &f->server, &err) < 0)
                fail_msg("%s", err.text);
        for (unsigned i = 0; i < workers; i++) {
                struct fixture_worker *w = &f->workers[i];
                w->fixture = f;
                assert_int_equal(uv_loop_init(&w->loop), 0);
                assert_int_equal(uv_prepare_init(&w->loop, &w->prepare), 0);
                assert_int_equal(uv_check_init(&w->loop, &w->check), 0);
                assert_int_equal(uv_idle_init(&w->loop, &w->idle), 0);
                assert_int_equal(uv_async_init(&w->loop, &w->async, on_async), 0);
                w->prepare.data = w->check.data = w->idle.data = w->async.data = w;
                assert_int_equal(uv_prepare_start(&w->prepare, on_prepare), 0);
                assert_int_equal(uv_check_start(&w->check, on_check), 0);
                assert_int_equal(sem_init(&w->done, 0, 0), 0);
                if (http_worker_open(f->server, &w->loop, w, &w->worker, &err) < 0)
                        fail_msg("%s", err.text);
                assert_int_equal(pthread_create(&w->thread, NULL, run_worker, w), 0);
        }
}

static inline void fixture_stop(struct fixture *f)
{
        for (unsigned i = 0; i < f->count; i++) {
                struct fixture_worker *w = &f->workers[i];
                (void)fixture_call(f, i, close_all);
                assert_int_equal(pthread_join(w->thread, NULL), 0);
                assert_int_equal(uv_loop_close(&w->loop), 0);
                (void)sem_destroy(&w->done);
        }
        assert_int_equal(http_server_connections(f->server), 0);
        http_server_close(f->server);
}

/* Repeats a command until it returns the wanted result. */
static inline void fixture_await(struct fixture *f, unsigned index, void (*command)(struct fixture_worker *),
                                 size_t wanted)
{
        int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
        while (fixture_call(f, index, command) != wanted) {
                assert_true(clock_monotonic_ms() < deadline_ms);
                (void)poll(NULL, 0, 1);
        }
}

/* --- Client ---------------------------------------------------------------------------------------- */

static inline int client_open(const struct fixture *f)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(http_server_port(f->server)),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int on = 1;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
        return fd;
}

/* Sends all bytes before it reads anything. */
static inline void client_send_bytes(int fd, const char *bytes, size_t length)
{
        while (length > 0) {
                ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
                assert_true(n > 0);
                bytes += n;
                length -= (size_t)n;
        }
}

static inline void client_send(int fd, const char *text)
{
        client_send_bytes(fd, text, strlen(text));
}

/* Reads one byte, or returns -1 if the connection has ended; an unexpected reset fails the test. */
static inline int client_byte(int fd)
{
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        unsigned char byte;
        if (poll(&wait, 1, WAIT_MS) != 1)
                fail_msg("nothing arrived within %d ms", WAIT_MS);
        return recv(fd, &byte, 1, 0) == 1 ? byte : -1;
}

/* Reads one response; `without_body` for HEAD. Returns its status, or -1 if the connection has ended. */
static inline int client_read_head_or_all(int fd, struct answer *answer, bool without_body)
{
        size_t n = 0;
        memset(answer, 0, offsetof(struct answer, body));
        answer->body_length = 0;
        while (n < 4 || memcmp(answer->head + n - 4, "\r\n\r\n", 4)) {
                int byte = client_byte(fd);
                if (byte < 0)
                        return -1;
                assert_true(n + 1 < sizeof(answer->head));
                answer->head[n++] = (char)byte;
        }
        answer->head[n] = '\0';
        assert_int_equal(sscanf(answer->head, "HTTP/1.1 %d", &answer->status), 1);
        const char *length = strcasestr(answer->head, "\r\nContent-Length: ");
        size_t body_length = length ? strtoul(length + 18, NULL, 10) : 0;
        assert_true(body_length < sizeof(answer->body));
        while (!without_body && answer->body_length < body_length) {
                int byte = client_byte(fd);
                assert_true(byte >= 0);
                answer->body[answer->body_length++] = (char)byte;
        }
        answer->body[answer->body_length] = '\0';
        return answer->status;
}

static inline int client_read(int fd, struct answer *answer)
{
        return client_read_head_or_all(fd, answer, false);
}

static inline void assert_ended(int fd)
{
        assert_int_equal(client_byte(fd), -1);
}

/* Makes one request on a new connection. */
static inline int exchange_bytes(const struct fixture *f, const char *bytes, size_t length, struct answer *answer)
{
        int fd = client_open(f);
        client_send_bytes(fd, bytes, length);
        int status = client_read(fd, answer);
        assert_int_equal(close(fd), 0);
        return status;
}

static inline int exchange(const struct fixture *f, const char *text, struct answer *answer)
{
        return exchange_bytes(f, text, strlen(text), answer);
}

#endif
