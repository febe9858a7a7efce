/* locate: finds the addresses of the primary, anew for each attempt to connect, since after a failover or a
 * move the same name leads elsewhere. Numeric addresses and paths are known at once; names are resolved on
 * libuv's thread pool, off the loop. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "redis/internal.h"

struct redis_locate {
        uv_getaddrinfo_t request;
        struct redis *client;
        redis_located_fn *done; /* NULL once cancelled */
        void *data;
};

static void add(struct redis_addresses *to, const void *address, size_t length)
{
        if (to->count == REDIS_ADDRESSES_MAX || length > sizeof(to->list[0].storage))
                return;
        struct redis_address *slot = &to->list[to->count++];
        memset(slot, 0, sizeof(*slot));
        memcpy(&slot->storage, address, length);
        slot->length = (socklen_t)length;
}

static bool locate_path(const struct redis_target *target, struct redis_addresses *out)
{
        struct sockaddr_un path = { .sun_family = AF_UNIX };
        if (!target->socket_path)
                return false;
        memcpy(path.sun_path, target->socket_path, strlen(target->socket_path) + 1); /* measured when it was made */
        add(out, &path, sizeof(path));
        return true;
}

static bool locate_number(const struct redis_target *target, struct redis_addresses *out)
{
        struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(target->port) };
        struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(target->port) };
        if (inet_pton(AF_INET, target->host, &ipv4.sin_addr) == 1)
                add(out, &ipv4, sizeof(ipv4));
        else if (inet_pton(AF_INET6, target->host, &ipv6.sin6_addr) == 1)
                add(out, &ipv6, sizeof(ipv6));
        return out->count > 0;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
        struct redis_locate *locate = CONTAINER_OF(request, struct redis_locate, request);
        struct redis *client = locate->client;
        struct redis_addresses found = { .count = 0 };
        struct err err;
        for (const struct addrinfo *at = list; status == 0 && at; at = at->ai_next)
                add(&found, at->ai_addr, at->ai_addrlen);
        redis_enter(client);
        if (locate->done && found.count > 0) {
                locate->done(&found, NULL, locate->data);
        } else if (locate->done) {
                (void)err_set(&err, ERR_UNAVAILABLE, "%s", status < 0 ? uv_strerror(status) : "no address");
                locate->done(NULL, &err, locate->data);
        }
        uv_freeaddrinfo(list);
        free(locate);
        redis_leave(client);
        redis_release(client);
}

int redis_locate(struct redis *client, const struct redis_target *target, struct redis_addresses *now,
                 redis_located_fn *done, void *data, struct redis_locate **out, struct err *err)
{
        *now = (struct redis_addresses){ .count = 0 };
        if (locate_path(target, now) || locate_number(target, now))
                return 1;
        struct redis_locate *locate = calloc(1, sizeof(*locate));
        if (!locate)
                return err_set(err, ERR_NOMEM, "look up %s", target->host);
        locate->client = client;
        locate->done = done;
        locate->data = data;
        char service[8];
        (void)snprintf(service, sizeof(service), "%u", target->port); /* at most 5 digits */
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        int rc = uv_getaddrinfo(client->loop, &locate->request, on_resolved, target->host, service, &hints);
        if (rc < 0) {
                free(locate);
                return err_set(err, ERR_UNAVAILABLE, "look up %s: %s", target->host, uv_strerror(rc));
        }
        redis_hold(client);
        *out = locate;
        return 0;
}

void redis_locate_cancel(struct redis_locate *locate)
{
        if (!locate)
                return;
        locate->done = NULL;
        /* Refused when a thread is at it already; then its result is dropped when it comes. */
        (void)uv_cancel((uv_req_t *)&locate->request);
}
