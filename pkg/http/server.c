/* server: the listening socket and the state that all workers share. There is one socket, without SO_REUSEPORT, because
 * with that option a second program could bind the same port unnoticed, and closing one of several listeners would
 * reset the connections in its queue. The socket is dual-stack if the system has IPv6, otherwise IPv4. */
#include "http/server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>
#include <netinet/in.h>

enum {
        BODY_MAX_BYTES = 1 << 20,
        HEADER_MAX_BYTES = 8 << 10,
        HEADER_TIMEOUT_MS = 10000,
        BODY_TIMEOUT_MS = 30000,
        IDLE_TIMEOUT_MS = 75000,
        BACKLOG = 4096,
        POOL_MARGIN_BYTES = 256,
};

static void set_defaults(struct http_options *options)
{
        if (!options->workers)
                options->workers = 1;
        if (!options->body_max_bytes)
                options->body_max_bytes = BODY_MAX_BYTES;
        if (!options->header_max_bytes)
                options->header_max_bytes = HEADER_MAX_BYTES;
        budget_defaults(options);
        if (!options->header_timeout_ms)
                options->header_timeout_ms = HEADER_TIMEOUT_MS;
        if (!options->body_timeout_ms)
                options->body_timeout_ms = BODY_TIMEOUT_MS;
        if (!options->idle_timeout_ms)
                options->idle_timeout_ms = IDLE_TIMEOUT_MS;
}

static int listen_on(const struct sockaddr *address, socklen_t length)
{
        int on = 1;
        int off = 0;
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* if this fails, bind reports what is wrong */
        if (address->sa_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        if (bind(fd, address, length) || listen(fd, BACKLOG)) {
                int saved = errno;
                (void)close(fd); /* nothing was written */
                errno = saved;
                return -1;
        }
        return fd;
}

static int listen_on_all(uint16_t port)
{
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fd = listen_on((const struct sockaddr *)&v6, sizeof(v6));
        if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EPROTONOSUPPORT))
                fd = listen_on((const struct sockaddr *)&v4, sizeof(v4));
        return fd;
}

static int listen_on_name(const char *name, uint16_t port, int *fd, struct err *err)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
        struct addrinfo *found;
        char service[8];
        (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
        int rc = getaddrinfo(name, service, &hints, &found);
        if (rc)
                return err_set(err, ERR_INVALID, "listen on %s:%u: %s", name, (unsigned)port, gai_strerror(rc));
        *fd = listen_on(found->ai_addr, found->ai_addrlen);
        int saved = errno;
        freeaddrinfo(found);
        errno = saved;
        return 0;
}

static int open_listener(struct http_server *server, struct err *err)
{
        const char *name = server->options.address;
        uint16_t port = server->options.port;
        if (!name || !*name) {
                server->listen_fd = listen_on_all(port);
        } else {
                int rc = listen_on_name(name, port, &server->listen_fd, err);
                if (rc < 0)
                        return rc;
        }
        if (server->listen_fd < 0) {
                int errnum = errno;
                int code = errnum == EADDRINUSE ? ERR_UNAVAILABLE : errnum == EADDRNOTAVAIL ? ERR_INVALID : 0;
                if (!code)
                        return err_errnum(err, errnum, "listen on %s:%u", name ? name : "*", (unsigned)port);
                return err_set(err, code, "listen on %s:%u: %s", name ? name : "*", (unsigned)port, strerror(errnum));
        }
        union {
                struct sockaddr any;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        } bound = { .v6 = { 0 } };
        socklen_t length = sizeof(bound);
        if (getsockname(server->listen_fd, &bound.any, &length))
                return err_errno(err, "read the listener's port");
        server->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
        return 0;
}

int http_server_open(const struct http_options *options, struct http_server **out, struct err *err)
{
        struct http_server *server = calloc(1, sizeof(*server));
        if (!server)
                return err_set(err, ERR_NOMEM, "server");
        server->options = *options;
        server->listen_fd = -1;
        bearer_store_init(&server->tokens);
        set_defaults(&server->options);
        budget_init(&server->budget, &server->options);
        connection_limit_init(&server->limit, &server->options);
        server->pool_bytes = server->options.header_max_bytes + POOL_MARGIN_BYTES;
        int64_t idle_s = server->options.idle_timeout_ms / 1000;
        (void)snprintf(server->keep_alive, sizeof(server->keep_alive), "timeout=%u",
                       idle_s < 1 ? 1 : (unsigned)idle_s); /* fits */
        server->strict_library = strncmp(MHD_get_version(), "0.", 2) != 0;
        int rc = route_table_new(options->routes, options->route_count, &server->routes, err);
        if (rc == 0)
                rc = open_listener(server, err);
        if (rc < 0) {
                http_server_close(server);
                return rc;
        }
        *out = server;
        return 0;
}

uint16_t http_server_port(const struct http_server *server)
{
        return server->port;
}

void http_server_drain(struct http_server *server)
{
        atomic_store_explicit(&server->draining, true, memory_order_relaxed);
}

void http_server_keep_descriptors(struct http_server *server, size_t count)
{
        connection_limit_keep(&server->limit, count);
}

int http_server_set_tokens(struct http_server *server, const struct http_token *tokens, size_t count, struct err *err)
{
        return bearer_store_set(&server->tokens, tokens, count, err);
}

unsigned http_server_connections(const struct http_server *server)
{
        return atomic_load(&server->limit.open);
}

void server_join(struct http_server *server)
{
        atomic_fetch_add(&server->accepting, 1);
}

void server_leave(struct http_server *server)
{
        if (atomic_fetch_sub(&server->accepting, 1) == 1) {
                (void)close(server->listen_fd); /* a listener has no data to lose */
                server->listen_fd = -1;
        }
}

void http_server_close(struct http_server *server)
{
        if (!server)
                return;
        if (server->listen_fd >= 0)
                (void)close(server->listen_fd); /* a listener has no data to lose */
        route_table_free(server->routes);
        bearer_store_fini(&server->tokens);
        free(server);
}
