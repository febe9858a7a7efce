/* http_client: one blocking request over one socket, with one deadline for connecting, sending and reading.
 *
 * It speaks HTTP/1.0, so the server sends no chunks and closes the connection after the response. The response is
 * everything up to that point. If there is a Content-Length, that many bytes must arrive, so that a truncated response
 * is never mistaken for a complete one. Every wait is a poll() with the remaining time. */
#include "daemon/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decimal.h"

enum { TIMEOUT_MS = 30000, TIMEOUT_MAX_S = 3600, READ_BYTES = 16384 };

/* --- Arguments ---------------------------------------------------------------------------------------------------- */

static int parse_host(const char *from, size_t bytes, struct client_request *out, struct err *err)
{
        if (bytes >= 2 && from[0] == '[' && from[bytes - 1] == ']') {
                from++;
                bytes -= 2;
        } else if (memchr(from, ':', bytes)) {
                return err_set(err, ERR_INVALID, "URL: an IPv6 address must be in brackets");
        }
        if (bytes == 0 || bytes >= sizeof(out->host))
                return err_set(err, ERR_INVALID, "URL: expected a host of 1 to %zu characters", sizeof(out->host) - 1);
        memcpy(out->host, from, bytes);
        out->host[bytes] = '\0';
        return 0;
}

static int parse_port(const char *from, size_t bytes, struct client_request *out, struct err *err)
{
        uint64_t port;
        if (decimal_parse(from, bytes, UINT16_MAX, &port) < 0 || port == 0)
                return err_set(err, ERR_INVALID, "URL: expected a port from 1 to 65535");
        *decimal_put(out->port, port) = '\0';
        return 0;
}

static int parse_url(const char *url, struct client_request *out, struct err *err)
{
        static const char scheme[] = "http://";
        if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
                return err_set(err, ERR_INVALID, "URL: expected http://host[:port][/path]");
        const char *authority = url + sizeof(scheme) - 1;
        size_t bytes = strcspn(authority, "/?#");
        for (const char *at = url; *at; at++)
                if (*at <= ' ' || *at > '~')
                        return err_set(err, ERR_INVALID,
                                       "URL: expected visible ASCII characters; write others as %%XX");
        if (memchr(authority, '@', bytes) || strchr(authority, '#'))
                return err_set(err, ERR_INVALID, "URL: must not contain a user or a fragment");
        out->authority = authority;
        out->authority_bytes = bytes;
        out->target = authority + bytes;
        const char *colon = memrchr(authority, ':', bytes), *bracket = memrchr(authority, ']', bytes);
        if (!colon || (bracket && bracket > colon)) {
                memcpy(out->port, "80", sizeof("80"));
                return parse_host(authority, bytes, out, err);
        }
        int rc = parse_host(authority, (size_t)(colon - authority), out, err);
        return rc < 0 ? rc : parse_port(colon + 1, (size_t)(authority + bytes - colon - 1), out, err);
}

static bool is_header(const char *text)
{
        size_t name = strcspn(text, ":");
        return name > 0 && text[name] == ':' && !strpbrk(text, "\r\n") && strcspn(text, " \t") > name;
}

static int parse_option(const char *name, const char *value, struct client_request *out, struct err *err)
{
        if (strcmp(name, "--header") == 0) {
                if (!value || !is_header(value))
                        return err_set(err, ERR_INVALID, "--header: expected 'NAME: VALUE'");
                if (out->header_count == CLIENT_HEADERS_MAX)
                        return err_set(err, ERR_INVALID, "--header: at most %d are allowed", CLIENT_HEADERS_MAX);
                out->headers[out->header_count++] = value;
                return 0;
        }
        if (strcmp(name, "--data") == 0) {
                out->data = value;
                return value ? 0 : err_set(err, ERR_INVALID, "--data: expected the body");
        }
        if (strcmp(name, "--timeout") == 0) {
                uint64_t seconds;
                if (!value || decimal_parse(value, strlen(value), TIMEOUT_MAX_S, &seconds) < 0 || seconds == 0)
                        return err_set(err, ERR_INVALID, "--timeout: expected seconds from 1 to %d", TIMEOUT_MAX_S);
                out->timeout_ms = (int64_t)seconds * 1000;
                return 0;
        }
        return err_set(err, ERR_INVALID, "%s: unknown option", name);
}

int client_parse(int count, char *const *arguments, struct client_request *out, struct err *err)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        struct client_request parsed = { .authority = "", .target = "", .timeout_ms = TIMEOUT_MS };
        if (count < 2)
                return err_set(err, ERR_INVALID, "expected METHOD and URL");
        parsed.method = arguments[0];
        if (!*parsed.method || parsed.method[strspn(parsed.method, letters)])
                return err_set(err, ERR_INVALID, "METHOD: expected upper-case letters, such as GET");
        int rc = parse_url(arguments[1], &parsed, err);
        for (int i = 2; rc == 0 && i < count; i += 2)
                rc = parse_option(arguments[i], i + 1 < count ? arguments[i + 1] : NULL, &parsed, err);
        if (rc == 0)
                *out = parsed;
        return rc;
}

/* --- The exchange ------------------------------------------------------------------------------------------------- */

static int wait_for(int fd, short events, int64_t deadline_ms, struct err *err)
{
        for (;;) {
                int64_t left_ms = deadline_ms - clock_monotonic_ms();
                struct pollfd waited = { .fd = fd, .events = events };
                int ready = left_ms > 0 ? poll(&waited, 1, (int)left_ms) : 0;
                if (ready > 0)
                        return 0;
                if (ready == 0)
                        return err_set(err, ERR_TIMEOUT, "no response in time");
                if (errno != EINTR)
                        return err_errno(err, "poll");
        }
}

static int dial(const struct addrinfo *to, int64_t deadline_ms, int *out, struct err *err)
{
        int failed = 0, rc = 0;
        socklen_t size = sizeof(failed);
        int fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
        if (fd < 0)
                return err_errno(err, "socket");
        if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
                if (errno != EINPROGRESS)
                        failed = errno;
                else if ((rc = wait_for(fd, POLLOUT, deadline_ms, err)) == 0)
                        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size); /* fails only for an invalid fd */
        }
        if (rc == 0 && failed == 0) {
                *out = fd;
                return 0;
        }
        (void)close(fd); /* nothing was sent on it */
        return rc < 0 ? rc : err_set(err, ERR_UNAVAILABLE, "connect: %s", strerror(failed));
}

static int connect_to(const struct client_request *request, int64_t deadline_ms, int *out, struct err *err)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
        int failed = getaddrinfo(request->host, request->port, &hints, &found);
        if (failed)
                return err_set(err, ERR_UNAVAILABLE, "%s: %s", request->host, gai_strerror(failed));
        int rc = ERR_UNAVAILABLE;
        for (const struct addrinfo *to = found; to && rc < 0; to = to->ai_next)
                rc = dial(to, deadline_ms, out, err);
        freeaddrinfo(found);
        return rc;
}

static bool has_header(const struct client_request *request, const char *name)
{
        size_t bytes = strlen(name);
        for (size_t i = 0; i < request->header_count; i++)
                if (strncasecmp(request->headers[i], name, bytes) == 0 && request->headers[i][bytes] == ':')
                        return true;
        return false;
}

static int write_head(const struct client_request *request, struct buf *out)
{
        const char *slash = *request->target == '/' ? "" : "/";
        int rc = buf_printf(out, "%s %s%s HTTP/1.0\r\nHost: %.*s\r\n", request->method, slash, request->target,
                            (int)request->authority_bytes, request->authority);
        for (size_t i = 0; rc == 0 && i < request->header_count; i++)
                rc = buf_printf(out, "%s\r\n", request->headers[i]);
        if (rc == 0 && request->data && !has_header(request, "content-type"))
                rc = buf_puts(out, "Content-Type: application/json\r\n");
        if (rc == 0 && request->data)
                rc = buf_printf(out, "Content-Length: %zu\r\n", strlen(request->data));
        return rc < 0 ? rc : buf_puts(out, "\r\n");
}

static int send_all(int fd, const struct buf *bytes, int64_t deadline_ms, struct err *err)
{
        for (size_t sent = 0; sent < bytes->len;) {
                ssize_t n = send(fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL);
                if (n >= 0) {
                        sent += (size_t)n;
                } else if (errno == EAGAIN) {
                        int rc = wait_for(fd, POLLOUT, deadline_ms, err);
                        if (rc < 0)
                                return rc;
                } else if (errno != EINTR) {
                        return err_set(err, ERR_UNAVAILABLE, "send: %s", strerror(errno));
                }
        }
        return 0;
}

static int read_all(int fd, struct buf *answer, int64_t deadline_ms, struct err *err)
{
        for (;;) {
                int rc = buf_reserve(answer, READ_BYTES);
                if (rc < 0)
                        return err_set(err, rc, "the response is longer than %d bytes", CLIENT_ANSWER_MAX_BYTES);
                char bytes[READ_BYTES];
                ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
                if (n == 0)
                        return 0;
                if (n > 0)
                        rc = buf_append(answer, bytes, (size_t)n);
                else if (errno == EAGAIN)
                        rc = wait_for(fd, POLLIN, deadline_ms, err);
                else if (errno != EINTR)
                        return err_set(err, ERR_UNAVAILABLE, "read: %s", strerror(errno));
                if (rc < 0)
                        return rc;
        }
}

/* The Content-Length in the head, or -1 if there is none. */
static long long announced_bytes(const char *head, const char *end)
{
        static const char name[] = "\r\ncontent-length:";
        uint64_t bytes = 0;
        for (const char *at = head; at < end; at++) {
                if (strncasecmp(at, name, sizeof(name) - 1) != 0)
                        continue;
                at += sizeof(name) - 1;
                at += strspn(at, " \t");
                size_t digits = decimal_span(at, (size_t)(end - at));
                return decimal_parse(at, digits, INT64_MAX, &bytes) < 0 ? 0 : (long long)bytes;
        }
        return -1;
}

/* The status in "HTTP/1.1 200 OK", or -1. */
static int status_of(const char *head)
{
        uint64_t status;
        if (strncmp(head, "HTTP/1.", 7) != 0 || decimal_span(head + 7, 2) != 1 || head[8] != ' ' ||
            decimal_span(head + 9, 4) != 3 || decimal_parse(head + 9, 3, 999, &status) < 0)
                return -1;
        return (int)status;
}

static int read_answer(const struct client_request *request, const struct buf *answer, int *status, struct buf *body,
                       struct err *err)
{
        const char *end = answer->data ? strstr(answer->data, "\r\n\r\n") : NULL;
        int found = end ? status_of(answer->data) : -1;
        if (found < 0)
                return err_set(err, ERR_PROTOCOL, "the response is not HTTP, or its head is incomplete");
        size_t bytes = answer->len - (size_t)(end + 4 - answer->data);
        long long announced = announced_bytes(answer->data, end);
        bool has_body = strcmp(request->method, "HEAD") != 0;
        if (has_body && announced >= 0 && (long long)bytes != announced)
                return err_set(err, ERR_PROTOCOL, "received only %zu of %lld bytes", bytes, announced);
        int rc = buf_append(body, end + 4, bytes);
        if (rc < 0)
                return err_set(err, rc, "body");
        *status = found;
        return 0;
}

int client_send(const struct client_request *request, int *status, struct buf *body, struct err *err)
{
        int64_t deadline_ms = clock_monotonic_ms() + request->timeout_ms;
        struct buf sent, answer;
        int fd = -1;
        buf_init(&sent, 0);
        buf_init(&answer, CLIENT_ANSWER_MAX_BYTES);
        int rc = write_head(request, &sent);
        if (rc == 0 && request->data)
                rc = buf_puts(&sent, request->data);
        if (rc < 0)
                rc = err_set(err, rc, "request");
        else
                rc = connect_to(request, deadline_ms, &fd, err);
        if (rc == 0)
                rc = send_all(fd, &sent, deadline_ms, err);
        if (rc == 0)
                rc = read_all(fd, &answer, deadline_ms, err);
        if (rc == 0)
                rc = read_answer(request, &answer, status, body, err);
        if (fd >= 0)
                (void)close(fd); /* everything was read, or the request was abandoned */
        buf_fini(&answer);
        buf_fini(&sent);
        return rc;
}
