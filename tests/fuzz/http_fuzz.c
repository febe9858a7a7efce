/* Sends arbitrary bytes through a real socket to a server whose handlers read every part of a request. The first byte
 * says in how many pieces the rest is sent, and whether the handler answers at once or later. One route requires a
 * token: only a request with that token may reach it. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include "http/http.h"

enum { HELD_MAX = 64, TURNS_MAX = 10000 };

static struct http_server *server;
static struct http_worker *worker;
static uv_loop_t loop;
static struct http_request *held[HELD_MAX];
static size_t held_count;
static bool later;

static bool touch(const char *name, const char *value, void *data)
{
        *(size_t *)data += strlen(name) + strlen(value);
        return true;
}

static void answer(struct http_request *request)
{
        size_t total = 0, length;
        const char *body = http_request_body(request, &length);
        http_request_each_header(request, touch, &total);
        http_request_each_query(request, touch, &total);
        if (strlen(body) > length || http_request_path(request)[0] == '\0')
                abort();
        http_respond(request,
                     &(struct http_answer){ .status = 200 + (int)(total % 300), .body = body, .body_length = length });
}

static void handle(struct http_request *request, void *context)
{
        (void)context;
        if (later && held_count < HELD_MAX)
                held[held_count++] = request;
        else
                answer(request);
}

static void handle_protected(struct http_request *request, void *context)
{
        const char *authorization = http_request_header(request, "authorization");
        const char *token = http_request_token(request);
        if (!token || strcmp(token, "client") != 0 || !authorization || !strstr(authorization, "t-0k.en="))
                abort();
        handle(request, context);
}

static void on_prepare(uv_prepare_t *prepare)
{
        (void)prepare;
        http_worker_turn(worker);
}

static void start(void)
{
        static const struct http_route routes[] = {
                { .path = "/*", .name = "all", .handle = handle, .body = true, .is_public = true },
                { .method = "GET", .path = "/a/{b}/c", .name = "one", .handle = handle, .is_public = true },
                { .method = "POST", .path = "/{a}/{b}", .name = "two", .handle = handle_protected, .body = true },
        };
        static uv_prepare_t prepare;
        const struct secret value = { (char[]){ "t-0k.en=" }, 8 };
        const struct http_token token = { "client", &value };
        struct http_options options = {
                .address = "127.0.0.1", .routes = routes, .route_count = 3, .body_max_bytes = 200
        };
        if (http_server_open(&options, &server, NULL) < 0 || http_server_set_tokens(server, &token, 1, NULL) < 0 ||
            uv_loop_init(&loop) < 0 || http_worker_open(server, &loop, NULL, &worker, NULL) < 0 ||
            uv_prepare_init(&loop, &prepare) < 0 || uv_prepare_start(&prepare, on_prepare) < 0)
                abort();
}

static void turn(void)
{
        (void)uv_run(&loop, UV_RUN_NOWAIT); /* the result only says that handles are active, which is expected */
        for (; held_count > 0; held_count--)
                answer(held[held_count - 1]);
}

/* Each client uses its own address in 127.0.0.0/8: if the server closes first, the pair of addresses and ports stays in
 * use for a minute. Returns -1 if no address is free. */
static int open_client(void)
{
        static uint32_t count;
        struct sockaddr_in from = { .sin_family = AF_INET };
        from.sin_addr.s_addr = htonl((127u << 24) + 2 + count++ % 0xfffff0);
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(http_server_port(server)),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct linger hard = { .l_onoff = 1, .l_linger = 0 };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) ||
            bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
            connect(fd, (struct sockaddr *)&address, sizeof(address))) {
                (void)close(fd);
                return -1;
        }
        return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (!server)
                start();
        if (size < 1)
                return 0;
        size_t pieces = (data[0] & 3u) + 1;
        later = data[0] & 4u;
        int fd = open_client();
        if (fd < 0)
                return 0;
        size_t step = (size - 1) / pieces + 1;
        for (size_t at = 1; at < size; at += step) {
                size_t length = size - at < step ? size - at : step;
                (void)send(fd, data + at, length, MSG_NOSIGNAL | MSG_DONTWAIT); /* rejected: nothing more to send */
                for (int i = 0; i < 4; i++)
                        turn();
        }
        (void)close(fd); /* resets it, so that no port stays in TIME_WAIT */
        for (int i = 0; http_server_connections(server) > 0; i++) {
                if (i == TURNS_MAX)
                        abort();
                turn();
        }
        return 0;
}
