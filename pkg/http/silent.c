/* silent: connections that have not sent anything yet. They are watched here and handed to libmicrohttpd with their
 * first byte, so that a silent connection costs a few hundred bytes and no memory for a head. This also lets us inspect
 * the first byte, which libmicrohttpd does not expose: a client that speaks TLS to this port waits for a reply to its
 * ClientHello, which never ends a line, so it gets a plain HTTP response that says what is wrong. */
#include "http/silent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { COMPARED_MAX = 128 };   /* how much of a request line is compared */
enum { TLS_HANDSHAKE = 0x16 }; /* TLS record type (RFC 8446, section 5.1); no HTTP method starts with it */

struct silent {
        struct list link;
        uv_poll_t poll;
        struct silents *silents;
        int fd;
        int64_t since_ms;
        struct sockaddr_storage address;
        socklen_t length;
};

enum first { FIRST_NONE, FIRST_HTTP, FIRST_STREAM, FIRST_TLS, FIRST_END };

static bool begins_with(const char **at, const char *end, const char *word)
{
        size_t length = strlen(word);
        if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0)
                return false;
        *at += length;
        return true;
}

/* True if the request is for an endless stream. A request line that arrives in pieces is not recognised; this only
 * costs other clients a little time. */
static bool is_for_stream(const struct http_server *server, const char *text, size_t length)
{
        for (size_t i = 0; i < server->options.route_count; i++) {
                const struct http_route *route = &server->options.routes[i];
                const char *at = text, *end = text + length;
                if (route->is_endless && begins_with(&at, end, "GET ") && begins_with(&at, end, route->path) &&
                    at < end && (*at == ' ' || *at == '?'))
                        return true;
        }
        return false;
}

static enum first look(const struct silents *silents, int fd)
{
        char text[COMPARED_MAX];
        ssize_t n = recv(fd, text, sizeof(text), MSG_PEEK | MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? FIRST_NONE : FIRST_END;
        if (n == 0)
                return FIRST_END;
        if (*text == TLS_HANDSHAKE)
                return FIRST_TLS;
        return is_for_stream(silents->server, text, (size_t)n) ? FIRST_STREAM : FIRST_HTTP;
}

static void give_to_libmicrohttpd(struct silents *silents, struct engine *engine, int fd,
                                  const struct sockaddr_storage *address, socklen_t length)
{
        struct connection_share *share = silents->share;
        size_t before = share->open;
        /* On failure (out of memory) libmicrohttpd closes the socket, perhaps after calling our callbacks. */
        if (MHD_add_connection(engine->daemon, fd, (const struct sockaddr *)address, length) == MHD_NO &&
            share->open == before)
                connection_share_leave(share);
        engine_wake(engine);
}

static void take(struct silents *silents, int fd, const struct sockaddr_storage *address, socklen_t length,
                 enum first first)
{
        switch (first) {
        case FIRST_END:
                (void)close(fd); /* no response is pending on it */
                connection_share_leave(silents->share);
                break;
        case FIRST_TLS:
                connection_share_leave(silents->share);
                refused_add(silents->refused, fd, 400, "", "This port speaks plain HTTP, but the client sent TLS.");
                break;
        case FIRST_NONE: /* out of memory: libmicrohttpd waits for the first byte instead */
        case FIRST_HTTP:
                give_to_libmicrohttpd(silents, silents->engine, fd, address, length);
                break;
        case FIRST_STREAM:
                give_to_libmicrohttpd(silents, silents->stream_engine, fd, address, length);
                break;
        }
}

static void on_closed(uv_handle_t *handle)
{
        free(CONTAINER_OF(handle, struct silent, poll));
}

/* Gives the descriptor back to the caller. */
static void unwatch(struct silent *silent)
{
        list_remove(&silent->link);
        uv_close((uv_handle_t *)&silent->poll, on_closed); /* removes it from the loop's epoll at once */
}

static void on_event(uv_poll_t *poll, int status, int events UNUSED)
{
        struct silent *silent = CONTAINER_OF(poll, struct silent, poll);
        enum first first = status < 0 ? FIRST_END : look(silent->silents, silent->fd);
        if (first == FIRST_NONE)
                return;
        unwatch(silent);
        take(silent->silents, silent->fd, &silent->address, silent->length, first);
}

static bool watch(struct silents *silents, int fd, const struct sockaddr_storage *address, socklen_t length)
{
        struct silent *silent = malloc(sizeof(*silent));
        if (!silent)
                return false;
        *silent = (struct silent){
                .silents = silents, .fd = fd, .since_ms = clock_monotonic_ms(), .address = *address, .length = length
        };
        if (uv_poll_init(silents->loop, &silent->poll, fd) < 0) {
                free(silent);
                return false;
        }
        list_init(&silent->link);
        list_append(&silents->list, &silent->link);
        if (uv_poll_start(&silent->poll, UV_READABLE, on_event) < 0) {
                unwatch(silent);
                return false;
        }
        sweep_start(silents->sweep);
        return true;
}

void silent_add(struct silents *silents, int fd, const struct sockaddr_storage *address, socklen_t length)
{
        enum first first = look(silents, fd);
        if (first != FIRST_NONE || !watch(silents, fd, address, length))
                take(silents, fd, address, length, first);
}

void silent_sweep(struct silents *silents, int64_t now_ms, bool all)
{
        for (struct list *first = list_first(&silents->list); first; first = list_first(&silents->list)) {
                struct silent *oldest = CONTAINER_OF(first, struct silent, link);
                bool late = now_ms - oldest->since_ms >= silents->idle_timeout_ms + IDLE_MARGIN_S * 1000;
                if (!all && !late && silents->share->surplus == 0)
                        return;
                silents->share->surplus -= silents->share->surplus > 0;
                int fd = oldest->fd;
                unwatch(oldest);
                take(silents, fd, NULL, 0, FIRST_END);
        }
}
