/* real_redis: a separate redis-server on a Unix socket in its own folder. */
#ifndef REDIS_REAL_REDIS_TEST_H
#define REDIS_REAL_REDIS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"

struct real_server {
        char folder[64], socket_path[96];
        pid_t pid;
};

static inline void server_make_folder(struct real_server *server)
{
        memset(server, 0, sizeof(*server));
        (void)snprintf(server->folder, sizeof(server->folder), "/tmp/redis_test.XXXXXX");
        assert_non_null(mkdtemp(server->folder));
        (void)snprintf(server->socket_path, sizeof(server->socket_path), "%s/redis.sock", server->folder);
}

static inline bool server_answers(const struct real_server *server)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->socket_path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool answers = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                       send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
                       poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 1000) == 1;
        (void)close(fd); /* nothing was written to it */
        return answers;
}

/* Starts it on a Unix socket in its folder; `more` is a NULL-terminated list of arguments. */
static inline void server_start(struct real_server *server, const char *const more[])
{
        const char *argv[32] = { "redis-server", "--port", "0", "--unixsocket", server->socket_path, "--dir",
                                 server->folder, "--save", "",  "--logfile",    "redis.log" };
        size_t argc = 11;
        for (size_t i = 0; more && more[i]; i++)
                argv[argc++] = more[i];
        (void)unlink(server->socket_path); /* left by a server that was killed */
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0) {
                execvp(argv[0], (char *const *)(uintptr_t)argv);
                _exit(127);
        }
        int64_t until_ms = clock_monotonic_ms() + 10000;
        while (!server_answers(server)) {
                assert_true(clock_monotonic_ms() < until_ms);
                if (waitpid(server->pid, NULL, WNOHANG) != 0) {
                        server->pid = 0;
                        fail_msg("redis-server has ended");
                }
                (void)poll(NULL, 0, 10);
        }
}

static inline void server_stop(struct real_server *server, int signal_number)
{
        (void)kill(server->pid, signal_number);
        assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

static inline int server_remove_entry(const char *path, const struct stat *about UNUSED, int type UNUSED,
                                      struct FTW *where UNUSED)
{
        return remove(path);
}

static inline void server_remove(struct real_server *server)
{
        assert_int_equal(nftw(server->folder, server_remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
