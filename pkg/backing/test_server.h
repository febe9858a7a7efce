/* A separate redis-server for a test, which ends with the test. */
#ifndef BACKING_TEST_SERVER_H
#define BACKING_TEST_SERVER_H

#include "backing/test_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"

enum { DEADLINE_MS = 10000 };

struct server {
        pid_t pid;
        int port;
        char password[32];
};

static inline int free_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t length = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
        (void)close(fd);
        return ntohs(address.sin_port);
}

static inline bool is_up(int port)
{
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                       .sin_port = htons((uint16_t)port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        (void)close(fd);
        return up;
}

static inline void server_start(struct server *server, const char *folder, const char *password)
{
        char port[16];
        server->port = free_port();
        (void)snprintf(server->password, sizeof(server->password), "%s", password);
        (void)snprintf(port, sizeof(port), "%d", server->port);
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* so that no server outlives a test that dies */
                int null = open("/dev/null", O_WRONLY);
                (void)dup2(null, STDOUT_FILENO);
                (void)dup2(null, STDERR_FILENO);
                execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir",
                       folder, "--requirepass", password, (char *)NULL);
                _exit(127);
        }
        int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
        while (!is_up(server->port)) {
                assert_true(clock_monotonic_ms() < deadline_ms);
                (void)poll(NULL, 0, 5);
        }
}

static inline void server_stop(struct server *server)
{
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
}

#endif
