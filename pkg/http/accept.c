/* accept: takes connections from the socket that all workers listen on. The kernel wakes all workers, so a worker that
 * already holds its share leaves new connections to the others. It may exceed its share by one connection, or by up to
 * eight if the server is busy, because a margin of one would keep hundreds of clients waiting. A connection that is
 * still waiting a moment later is taken anyway, since the other workers may be busy.
 *
 * Beyond the limit, a connection is accepted and answered with 503, so that its client does not wait in the queue for
 * nothing. */
#include "http/accept.h"

#include <errno.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "http/problem.h"

enum {
        PASSED_MS = 1,
        SHORT_OF_DESCRIPTORS_MS = 100,
        TURN_MAX = 16, /* connections accepted in a row; the loop has other work too */
};

static void on_accept_again(uv_timer_t *timer);

static void pause_accepting(struct acceptor *acceptor, uint64_t ms)
{
        (void)uv_poll_stop(&acceptor->poll);                            /* never fails */
        (void)uv_timer_start(&acceptor->again, on_accept_again, ms, 0); /* fails only while the listener closes */
}

/* False when no connection was waiting. */
static bool accept_one(struct acceptor *acceptor)
{
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        int fd = accept4(acceptor->server->listen_fd, (struct sockaddr *)&address, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                        pause_accepting(acceptor, SHORT_OF_DESCRIPTORS_MS);
                return errno == ECONNABORTED || errno == EINTR;
        }
        if (!connection_share_enter(acceptor->share)) {
                refused_add(acceptor->refused, fd, 503, RETRY_AFTER_LINE, "Too many connections; try again soon.");
                return true;
        }
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a failure only makes responses slower */
        silent_add(acceptor->silents, fd, &address, length);
        return true;
}

static void on_listen(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
        struct acceptor *acceptor = CONTAINER_OF(poll, struct acceptor, poll);
        if (connection_share_is_full(acceptor->share) && !acceptor->passed) {
                acceptor->passed = true;
                pause_accepting(acceptor, PASSED_MS);
                return;
        }
        acceptor->passed = false;
        for (int taken = 0; taken < TURN_MAX; taken++)
                if (!accept_one(acceptor) || connection_share_is_full(acceptor->share))
                        break; /* another worker was faster */
}

static void start(struct acceptor *acceptor)
{
        if (uv_poll_start(&acceptor->poll, UV_READABLE, on_listen) < 0)
                (void)uv_timer_start(&acceptor->again, on_accept_again, SHORT_OF_DESCRIPTORS_MS, 0);
}

static void on_accept_again(uv_timer_t *timer)
{
        start(CONTAINER_OF(timer, struct acceptor, again));
}

void accept_init(struct acceptor *acceptor, uv_loop_t *loop, struct handles *handles)
{
        (void)uv_timer_init(loop, &acceptor->again); /* never fails */
        handles_add(handles, (uv_handle_t *)&acceptor->again);
}

int accept_open(struct acceptor *acceptor, uv_loop_t *loop, struct handles *handles, struct err *err)
{
        int rc = uv_poll_init(loop, &acceptor->poll, acceptor->server->listen_fd);
        if (rc < 0)
                return err_set(err, ERR_NOMEM, "poll the listener: %s", uv_strerror(rc));
        handles_add(handles, (uv_handle_t *)&acceptor->poll);
        acceptor->accepting = true;
        server_join(acceptor->server);
        start(acceptor);
        return 0;
}

void accept_all(struct acceptor *acceptor)
{
        while (acceptor->accepting && accept_one(acceptor))
                ;
}

void accept_stop(struct acceptor *acceptor)
{
        if (!acceptor->accepting)
                return;
        acceptor->accepting = false;
        (void)uv_poll_stop(&acceptor->poll); /* neither ever fails */
        (void)uv_timer_stop(&acceptor->again);
        handles_close((uv_handle_t *)&acceptor->poll);
        server_leave(acceptor->server);
}

void accept_close(struct acceptor *acceptor)
{
        accept_stop(acceptor);
        handles_close((uv_handle_t *)&acceptor->again);
}
