/* locate: finds the addresses of the primary again for each connection attempt, because a name may resolve differently
 * after a failover or a move. Numeric addresses and paths need no look-up; names are resolved on libuv's thread pool. A
 * look-up outlives the attempt that started it and serves the next attempt; otherwise a look-up that takes longer than
 * the connect timeout would never succeed. With Sentinel, the Sentinels are first asked for the primary (sentinel.c);
 * the connection then uses a view of the target, for TLS and logs as well. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "redis/locate.h"
#include "redis/random.h"
#include "redis/target_private.h"

enum { LATE_MS = 10000 }; /* how long a late result can serve the next attempt */

struct redis_lookup {
        uv_getaddrinfo_t request;
        struct redis_locator *locator;
        struct redis_lookup *next;   /* in the locator's list           */
        struct redis_locate *waiter; /* NULL: the attempt was cancelled */
        bool is_done;                /* while nothing waits for it        */
        int64_t done_ms;
        struct redis_addresses found;
        uint16_t port;
        char host[]; /* the name */
};

struct redis_locate {
        struct redis_lookup *lookup; /* while it runs */
        struct redis_locator *locator;
        struct redis_target *target;       /* the target to find; later the view that was found */
        struct redis_sentinels *sentinels; /* while the Sentinels are being queried */
        redis_located_fn *done;
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
        memcpy(path.sun_path, target->socket_path,
               strlen(target->socket_path) + 1); /* target.c has checked the length */
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
        struct redis_life *life = locate->locator->life;
        redis_enter(life);
        if (found) {
                locate->done(locate->target, found, NULL, locate->data);
                free_locate(locate);
        } else {
                (void)err_wrap(err, "look up %s", name_of(locate->target));
                locate->done(NULL, NULL, err, locate->data);
                free_locate(locate);
        }
        redis_leave(life);
}

/* --- Names ---------------------------------------------------------------------------------------------- */

static void forget(struct redis_lookup *lookup)
{
        struct redis_lookup **at = &lookup->locator->lookups;
        while (*at != lookup)
                at = &(*at)->next;
        *at = lookup->next;
        free(lookup);
}

/* If there are more addresses than fit, each look-up starts with a different one. */
static void gather(struct redis_locator *locator, const struct addrinfo *list, struct redis_addresses *out)
{
        size_t count = 0, index = 0;
        for (const struct addrinfo *at = list; at; at = at->ai_next)
                count++;
        out->left_out = count > REDIS_ADDRESSES_MAX ? count - REDIS_ADDRESSES_MAX : 0;
        size_t first = count > REDIS_ADDRESSES_MAX ? (size_t)(redis_random(&locator->random) % count) : 0;
        for (const struct addrinfo *at = list; at; at = at->ai_next)
                if (index++ >= first)
                        add(out, at->ai_addr, at->ai_addrlen);
        for (const struct addrinfo *at = list; at && first > 0; at = at->ai_next, first--)
                add(out, at->ai_addr, at->ai_addrlen);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
        struct redis_lookup *lookup = CONTAINER_OF(request, struct redis_lookup, request);
        struct redis_locator *locator = lookup->locator;
        struct redis_locate *waiter = lookup->waiter;
        struct redis_addresses found = { .count = 0 };
        struct err err;
        if (status == 0)
                gather(locator, list, &found);
        (void)err_set(&err, ERR_UNAVAILABLE, "%s",
                      status < 0 ? uv_strerror(status) : "no address"); /* used if there is no address */
        if (!waiter && found.count > 0 && !locator->life->is_closing) {
                lookup->is_done = true;
                lookup->done_ms = (int64_t)uv_now(locator->loop);
                lookup->found = found;
        } else {
                forget(lookup);
        }
        if (waiter) {
                waiter->lookup = NULL;
                finish(waiter, found.count > 0 ? &found : NULL, &err);
        }
        uv_freeaddrinfo(list);
        redis_release(locator->life);
}

/* Finds a look-up of the same name that nothing waits for. Drops look-ups that are too old. */
static struct redis_lookup *find_lookup(struct redis_locator *locator, const struct redis_target *target)
{
        struct redis_lookup *next, *found = NULL;
        for (struct redis_lookup *at = locator->lookups; at; at = next) {
                next = at->next;
                if (at->is_done && (int64_t)uv_now(locator->loop) - at->done_ms > LATE_MS)
                        forget(at);
                else if (!at->waiter && at->port == target->port && strcmp(at->host, target->host) == 0)
                        found = at;
        }
        return found;
}

static int start_lookup(struct redis_locate *locate, struct err *err)
{
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
        struct redis_locator *locator = locate->locator;
        const char *host = locate->target->host;
        char service[8];
        size_t size = strlen(host) + 1;
        struct redis_lookup *lookup = calloc(1, sizeof(*lookup) + size);
        if (!lookup)
                return err_set(err, ERR_NOMEM, "look-up");
        lookup->locator = locator;
        lookup->port = locate->target->port;
        memcpy(lookup->host, host, size);
        (void)snprintf(service, sizeof(service), "%u", lookup->port); /* at most 5 digits */
        int rc = uv_getaddrinfo(locator->loop, &lookup->request, on_resolved, host, service, &hints);
        if (rc < 0) {
                free(lookup);
                return err_set(err, ERR_UNAVAILABLE, "%s", uv_strerror(rc));
        }
        lookup->next = locator->lookups;
        locator->lookups = lookup;
        lookup->waiter = locate;
        locate->lookup = lookup;
        redis_hold(locator->life);
        return 0;
}

/* 1: the addresses are known; 0: `locate` is called later; or ERR_*. */
static int resolve(struct redis_locate *locate, struct redis_addresses *now, struct err *err)
{
        struct redis_lookup *lookup = find_lookup(locate->locator, locate->target);
        if (!lookup)
                return start_lookup(locate, err);
        if (lookup->is_done) {
                *now = lookup->found;
                forget(lookup);
                return 1;
        }
        lookup->waiter = locate;
        locate->lookup = lookup;
        return 0;
}

void redis_locator_close(struct redis_locator *locator)
{
        for (struct redis_lookup *at = locator->lookups; at; at = at->next)
                if (!at->is_done)
                        (void)uv_cancel((uv_req_t *)&at->request); /* fails once a thread works on it */
}

void redis_locator_fini(struct redis_locator *locator)
{
        while (locator->lookups)
                forget(locator->lookups);
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
        int rc = locate_number(primary, &found) ? 1 : resolve(locate, &found, &err);
        if (rc != 0)
                finish(locate, rc > 0 ? &found : NULL, &err);
}

/* --- Both ----------------------------------------------------------------------------------------------- */

int redis_locate(struct redis_locator *locator, struct redis_target *target, struct redis_addresses *now,
                 redis_located_fn *done, void *data, struct redis_locate **out, struct err *err)
{
        *now = (struct redis_addresses){ .count = 0 };
        if (locate_path(target, now) || locate_number(target, now))
                return 1;
        struct redis_locate *locate = calloc(1, sizeof(*locate));
        if (!locate)
                return err_set(err, ERR_NOMEM, "look-up");
        locate->locator = locator;
        locate->target = redis_target_ref(target);
        locate->done = done;
        locate->data = data;
        int rc = target->sentinel_master
                         ? locator->sentinel->ask(locator, target, on_primary, locate, &locate->sentinels, err)
                         : resolve(locate, now, err);
        if (rc != 0)
                free_locate(locate);
        if (rc < 0)
                return err_wrap(err, "look up %s", name_of(target));
        if (rc > 0)
                return 1;
        *out = locate;
        return 0;
}

void redis_locate_cancel(struct redis_locate *locate)
{
        if (!locate)
                return;
        if (locate->sentinels)
                locate->locator->sentinel->cancel(locate->sentinels);
        if (locate->lookup)
                locate->lookup->waiter = NULL; /* it continues and serves the next attempt */
        free_locate(locate);
}
