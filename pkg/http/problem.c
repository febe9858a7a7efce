/* problem: errors as problem+json (RFC 9457). There are two ways out: through libmicrohttpd, as any
 * answer, and straight to the socket where libmicrohttpd takes no answer: while a head or a body is
 * still being read, and for a connection that it never gets. Errors are the rare path, so jansson does
 * the quoting. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <jansson.h>

#include "http/internal.h"

enum { PROBLEM_MAX_BYTES = 16 << 10, DETAIL_MAX_BYTES = 1024 };

/* Appends the text as a JSON string. Bytes that are no UTF-8 become question marks. */
static int append_quoted(struct buf *out, const char *text)
{
        char ascii[DETAIL_MAX_BYTES];
        json_t *string = json_string(text);
        if (!string) {
                size_t n = 0;
                for (; text[n] && n < sizeof(ascii) - 1; n++)
                        ascii[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
                ascii[n] = '\0';
                string = json_string(ascii);
        }
        char *quoted = json_dumps(string, JSON_ENCODE_ANY);
        json_decref(string);
        if (!quoted)
                return ERR_NOMEM;
        int rc = buf_puts(out, quoted);
        free(quoted);
        return rc;
}

static int append_member(struct buf *out, const char *name, const char *value)
{
        int rc = buf_printf(out, ",\"%s\":", name);
        return rc < 0 ? rc : append_quoted(out, value);
}

int problem_print(struct buf *out, int status, const char *detail, const char *correlation_id, const char *members)
{
        int rc = buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d", http_status_phrase(status),
                            status);
        if (rc == 0)
                rc = append_member(out, "detail", detail);
        if (rc == 0)
                rc = append_member(out, "correlationId", correlation_id);
        if (rc == 0 && members && *members)
                rc = buf_printf(out, ",%s", members);
        if (rc == 0)
                rc = buf_putc(out, '}');
        return rc;
}

void problem_send(int fd, int status, const char *detail, const char *correlation_id, const char *extra_field)
{
        struct buf body, all;
        char date[64];
        struct tm tm;
        time_t now = time(NULL);
        buf_init(&body, PROBLEM_MAX_BYTES);
        buf_init(&all, 2 * PROBLEM_MAX_BYTES);
        (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
        if (problem_print(&body, status, detail, correlation_id, NULL) == 0 &&
            buf_printf(&all,
                       "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
                       "Cache-Control: no-store\r\nContent-Length: %zu\r\nx-correlation-id: %s\r\n%s\r\n%s",
                       status, http_status_phrase(status), date, body.len, correlation_id, extra_field, body.data) == 0)
                /* The socket's buffer is empty here; a client that is gone already misses nothing. */
                (void)send(fd, all.data, all.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR); /* fails only where the client has cut the connection */
        buf_fini(&body);
        buf_fini(&all);
}

static void respond_problem(struct http_request *request, int status, const char *members,
                            const struct http_header *headers, size_t header_count, const char *format, va_list args)
        PRINTF_LIKE(6, 0);

static void respond_problem(struct http_request *request, int status, const char *members,
                            const struct http_header *headers, size_t header_count, const char *format, va_list args)
{
        char detail[DETAIL_MAX_BYTES];
        struct buf body;
        (void)vsnprintf(detail, sizeof(detail), format, args); /* a detail that is too long is cut */
        buf_init(&body, PROBLEM_MAX_BYTES);
        size_t length = 0;
        char *text = NULL;
        if (problem_print(&body, status, detail, http_request_correlation_id(request), members) == 0)
                text = buf_take(&body, &length);
        buf_fini(&body);
        http_respond(request, &(struct http_answer){ .status = status,
                                                     .content_type = "application/problem+json",
                                                     .body = text,
                                                     .body_length = length,
                                                     .body_kind = HTTP_BODY_TAKE,
                                                     .headers = headers,
                                                     .header_count = header_count });
}

void http_problem(struct http_request *request, int status, const struct http_header *headers, size_t header_count,
                  const char *detail_format, ...)
{
        va_list args;
        va_start(args, detail_format);
        respond_problem(request, status, NULL, headers, header_count, detail_format, args);
        va_end(args);
}

void http_problem_with(struct http_request *request, int status, const char *members, const struct http_header *headers,
                       size_t header_count, const char *detail_format, ...)
{
        va_list args;
        va_start(args, detail_format);
        respond_problem(request, status, members, headers, header_count, detail_format, args);
        va_end(args);
}
