/* bare_mhd: a minimal server on libmicrohttpd. It reads a request's body without examining it and sends a response that
 * looks like Collector's. The benchmark compares Collector with it: the difference is the work of Collector and Redis.
 *
 *     bare_mhd PORT WORKERS [--suspend]
 *
 * Everything that costs time is as in pkg/http: libmicrohttpd's options, external epoll, one listener, threads that
 * share nothing. The loop is a plain epoll_wait, so the cost of libuv counts as Collector's. With --suspend each
 * request is suspended once its body has arrived, and answered in the next turn of the loop. Any server that waits for
 * something before it responds has this cost. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/attr.h"

enum { POOL_BYTES = 8448, IDLE_TIMEOUT_S = 75, BACKLOG = 4096, ROUNDS_MAX = 4, WORKERS_MAX = 64 };

static const char answer_body[] = "{\"result\":\"OK\",\"key\":\"01a20b8d-c49b-717b-91fb-2cf2010b4cb4\"}";
static const char answer_id[] = "bd2f8a91-fabd-4fc7-98ec-f7c72a519d1a";

struct request {
        struct request *next; /* in worker->spare or worker->waiting */
        struct MHD_Connection *mhd;
        char *body;
        size_t length, capacity;
        bool waited;
};

struct server {
        int listen_fd;
        unsigned workers;
        bool suspend;
        atomic_uint connections;
};

struct worker {
        struct server *server;
        struct MHD_Daemon *daemon;
        struct MHD_Response *response; /* created once */
        int epoll_fd;
        unsigned connections;
        struct request *spare;
        struct request *waiting;
};

/* --- Requests ------------------------------------------------------------------------------------------ */

static struct request *request_new(struct worker *worker)
{
        struct request *request = worker->spare;
        if (request)
                worker->spare = request->next;
        else
                request = calloc(1, sizeof(*request));
        if (!request)
                return NULL;
        request->length = 0;
        request->waited = false;
        return request;
}

static bool keep(struct request *request, const char *bytes, size_t count)
{
        if (request->length + count > request->capacity) {
                char *body = realloc(request->body, (request->length + count) * 2);
                if (!body)
                        return false;
                request->body = body;
                request->capacity = (request->length + count) * 2;
        }
        memcpy(request->body + request->length, bytes, count);
        request->length += count;
        return true;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url UNUSED,
                                  const char *method UNUSED, const char *version UNUSED, const char *upload,
                                  size_t *upload_size, void **context)
{
        struct worker *worker = cls;
        struct request *request = *context;
        if (!request) {
                *context = request_new(worker);
                return *context ? MHD_YES : MHD_NO;
        }
        if (*upload_size > 0) {
                bool kept = keep(request, upload, *upload_size);
                *upload_size = 0;
                return kept ? MHD_YES : MHD_NO;
        }
        if (worker->server->suspend && !request->waited) {
                request->waited = true;
                request->mhd = mhd;
                request->next = worker->waiting;
                worker->waiting = request;
                MHD_suspend_connection(mhd);
                return MHD_YES;
        }
        return MHD_queue_response(mhd, MHD_HTTP_OK, worker->response);
}

static void on_request_done(void *cls, struct MHD_Connection *mhd UNUSED, void **context,
                            enum MHD_RequestTerminationCode code UNUSED)
{
        struct worker *worker = cls;
        struct request *request = *context;
        if (!request)
                return;
        *context = NULL;
        request->next = worker->spare;
        worker->spare = request;
}

static void on_connection(void *cls, struct MHD_Connection *mhd UNUSED, void **context UNUSED,
                          enum MHD_ConnectionNotificationCode code)
{
        struct worker *worker = cls;
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                worker->connections++;
        } else {
                worker->connections--;
                atomic_fetch_sub(&worker->server->connections, 1);
        }
}

/* --- The loop ------------------------------------------------------------------------------------------ */

/* Accepts one connection per turn, and only within the worker's share, so that connections spread evenly. */
static void accept_one(struct worker *worker)
{
        struct server *server = worker->server;
        struct sockaddr_in address;
        socklen_t length = sizeof(address);
        int on = 1;
        if (worker->connections > atomic_load(&server->connections) / server->workers)
                return;
        int fd = accept4(server->listen_fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return; /* another worker was faster */
        atomic_fetch_add(&server->connections, 1);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a failure only slows responses */
        (void)MHD_add_connection(worker->daemon, fd, (struct sockaddr *)&address,
                                 length); /* libmicrohttpd closes a refused connection itself */
}

static void resume_waiting(struct worker *worker)
{
        while (worker->waiting) {
                struct request *request = worker->waiting;
                worker->waiting = request->next;
                MHD_resume_connection(request->mhd);
        }
}

/* How long the loop may sleep, as epoll_wait's timeout: in milliseconds, -1 for no limit. */
static int wait_ms(const struct worker *worker)
{
        MHD_UNSIGNED_LONG_LONG ms;
        if (worker->waiting)
                return 0;
        return MHD_get_timeout(worker->daemon, &ms) == MHD_YES ? (int)(ms > 1000 ? 1000 : ms) : -1;
}

static void turn(struct worker *worker)
{
        struct epoll_event events[2];
        int count = epoll_wait(worker->epoll_fd, events, COUNT_OF(events), wait_ms(worker));
        for (int i = 0; i < count; i++)
                if (events[i].data.fd == worker->server->listen_fd)
                        accept_one(worker);
        resume_waiting(worker);
        for (int round = 0; round < ROUNDS_MAX; round++) {
                (void)MHD_run(worker->daemon); /* fails only after a stop */
                if (worker->waiting || wait_ms(worker) != 0)
                        break;
        }
}

static void *run(void *argument)
{
        for (;;)
                turn(argument);
        return NULL;
}

/* --- Start --------------------------------------------------------------------------------------------- */

static int listen_on(uint16_t port)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
        int on = 1;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG))
                return -1; /* the process ends */
        return fd;
}

static bool make_response(struct worker *worker)
{
        worker->response = MHD_create_response_from_buffer(sizeof(answer_body) - 1, (void *)(uintptr_t)answer_body,
                                                           MHD_RESPMEM_PERSISTENT);
        return worker->response &&
               MHD_add_response_header(worker->response, "Content-Type", "application/json") == MHD_YES &&
               MHD_add_response_header(worker->response, "x-correlation-id", answer_id) == MHD_YES;
}

static bool watch(const struct worker *worker, int fd)
{
        struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };
        return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool start_worker(struct worker *worker, struct server *server)
{
        pthread_t thread;
        worker->server = server;
        worker->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
                                          NULL, on_request, worker,                            //
                                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES,      //
                                          MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,       //
                                          MHD_OPTION_NOTIFY_CONNECTION, on_connection, worker, //
                                          MHD_OPTION_NOTIFY_COMPLETED, on_request_done, worker, MHD_OPTION_END);
        worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        return worker->daemon && worker->epoll_fd >= 0 && make_response(worker) &&
               watch(worker, MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd) &&
               watch(worker, server->listen_fd) && pthread_create(&thread, NULL, run, worker) == 0;
}

static void raise_descriptor_limit(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &limit); /* then fewer connections have to suffice */
        }
}

int main(int argc, char **argv)
{
        static struct server server;
        static struct worker workers[WORKERS_MAX];
        long port = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
        long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
        server.suspend = argc == 4 && strcmp(argv[3], "--suspend") == 0;
        if (argc > 4 || (argc == 4 && !server.suspend) || port < 1 || port > 65535 || count < 1 ||
            count > WORKERS_MAX) {
                fprintf(stderr, "usage: bare_mhd PORT WORKERS [--suspend]\n");
                return 2;
        }
        raise_descriptor_limit();
        server.workers = (unsigned)count;
        server.listen_fd = listen_on((uint16_t)port);
        bool started = server.listen_fd >= 0;
        for (long i = 0; started && i < count; i++)
                started = start_worker(&workers[i], &server);
        if (!started) {
                fprintf(stderr, "bare_mhd: port %ld: %s\n", port, strerror(errno));
                return 1;
        }
        for (;;)
                (void)pause(); /* until a signal ends the process */
}
