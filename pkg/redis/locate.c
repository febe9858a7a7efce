/* locate: finds the addresses of the primary, anew for each attempt to connect, since after a failover or a
 * move the same name leads elsewhere. Numeric addresses and paths are known at once; names are resolved on
 * libuv's thread pool, off the loop. With Sentinel, the Sentinels name the place first (sentinel.c): a view on
 * the target, which is used from then on, for TLS and for people too. */
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
        struct redis_target *target;       /* what is looked for; then the view that was found */
        struct redis_sentinels *sentinels; /* while they are asked                             */
        redis_located_fn *done;            /* NULL once cancelled                              */
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
        if (!target->host)
                return false;
        if (inet_pton(AF_INET, target->host, &ipv4.sin_addr) == 1)
                add(out, &ipv4, sizeof(ipv4));
        else if (inet_pton(AF_INET6, target->host, &ipv6.sin6_addr) == 1)
                add(out, &ipv6, sizeof(ipv6));
        return out->count > 0;
}

/* --- Its end -------------------------------------------------------------------------------------------- */

static void free_locate(struct redis_locate *locate)
{
        redis_target_unref(locate->target);
        free(locate);
}

static const char *name_of(const struct redis_target *target)
{
        return target->sentinel_master ? target->sentinel_master : target->host;
}

static void finish(struct redis_locate *locate, const struct redis_addresses *found, struct err *err)
{
        struct redis *client = locate->client;
        redis_enter(client);
        if (!locate->done) {
                free_locate(locate); /* cancelled */
        } else if (found) {
                locate->done(locate->target, found, NULL, locate->data);
                free_locate(locate);
        } else {
                (void)err_wrap(err, "look up %s", name_of(locate->target));
                locate->done(NULL, NULL, err, locate->data);
                free_locate(locate);
        }
        redis_leave(client);
}

/* --- Names ---------------------------------------------------------------------------------------------- */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
        struct redis_locate *locate = CONTAINER_OF(request, struct redis_locate, request);
        struct redis *client = locate->client;
        struct redis_addresses found = { .count = 0 };
        struct err err;
        for (const struct addrinfo *at = list; status == 0 && at; at = at->ai_next)
                add(&found, at->ai_addr, at->ai_addrlen);
        (void)err_set(&err, ERR_UNAVAILABLE, "%s",
                      status < 0 ? uv_strerror(status) : "no address"); /* used where there is none */
        finish(locate, found.count > 0 ? &found : NULL, &err);
        uv_freeaddrinfo(list);
        redis_release(client);
}

static int resolve(struct redis_locate *locate, struct err *err)
{
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        char service[8];
        (void)snprintf(service, sizeof(service), "%u", locate->target->port); /* at most 5 digits */
        int rc = uv_getaddrinfo(locate->client->loop, &locate->request, on_resolved, locate->target->host, service,
                                &hints);
        if (rc < 0)
                return err_set(err, ERR_UNAVAILABLE, "%s", uv_strerror(rc));
        redis_hold(locate->client);
        return 0;
}

/* --- Sentinel ------------------------------------------------------------------------------------------- */

static void on_primary(struct redis_target *primary, const struct err *why, void *data)
{
        struct redis_locate *locate = data;
        struct redis_addresses found = { .count = 0 };
        struct err err = { 0 };
        locate->sentinels = NULL;
        if (!primary) {
                err = *why;
                finish(locate, NULL, &err);
                return;
        }
        redis_target_unref(locate->target);
        locate->target = redis_target_ref(primary);
        if (locate_number(primary, &found))
                finish(locate, &found, &err);
        else if (resolve(locate, &err) < 0)
                finish(locate, NULL, &err);
}

/* --- Both ----------------------------------------------------------------------------------------------- */

int redis_locate(struct redis *client, struct redis_target *target, struct redis_addresses *now, redis_located_fn *done,
                 void *data, struct redis_locate **out, struct err *err)
{
        *now = (struct redis_addresses){ .count = 0 };
        if (locate_path(target, now) || locate_number(target, now))
                return 1;
        struct redis_locate *locate = calloc(1, sizeof(*locate));
        if (!locate)
                return err_set(err, ERR_NOMEM, "look-up");
        locate->client = client;
        locate->target = redis_target_ref(target);
        locate->done = done;
        locate->data = data;
        int rc = target->sentinel_master
                         ? redis_sentinels_ask(client, target, on_primary, locate, &locate->sentinels, err)
                         : resolve(locate, err);
        if (rc < 0) {
                free_locate(locate);
                return err_wrap(err, "look up %s", name_of(target));
        }
        *out = locate;
        return 0;
}

void redis_locate_cancel(struct redis_locate *locate)
{
        if (!locate)
                return;
        locate->done = NULL;
        if (locate->sentinels) {
                redis_sentinels_cancel(locate->sentinels);
                free_locate(locate);
                return;
        }
        /* Refused when a thread is at it already; then its result is dropped when it comes. */
        (void)uv_cancel((uv_req_t *)&locate->request);
}
