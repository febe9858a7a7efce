/* problem: errors as problem+json (RFC 9457). Most are sent through libmicrohttpd like any response (answer.c). An
 * error is written directly to the socket when libmicrohttpd accepts no response, which is the case while it still
 * reads a head or a body, and on a connection that it never gets. Errors are rare, so jansson may do the quoting. */
#include "http/problem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <jansson.h>

#include "http/status.h"

enum { ASCII_MAX_BYTES = 1024 };

/* Appends the text as a JSON string. If the text is not UTF-8, all bytes beyond ASCII become question marks. */
static int append_quoted(struct buf *out, const char *text)
{
        char ascii[ASCII_MAX_BYTES];
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
        int rc = buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d", status_phrase(status),
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

const char *problem_date(char date[PROBLEM_DATE_SIZE])
{
        struct tm tm;
        time_t now = time(NULL);
        (void)strftime(date, PROBLEM_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm)); /* fits */
        return date;
}

void problem_send(int fd, int status, const char *detail, const char *correlation_id, const char *extra_field)
{
        struct buf body, all;
        char date[PROBLEM_DATE_SIZE];
        buf_init(&body, PROBLEM_MAX_BYTES);
        buf_init(&all, 2 * PROBLEM_MAX_BYTES);
        if (problem_print(&body, status, detail, correlation_id, NULL) == 0 &&
            buf_printf(&all,
                       "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
                       "Cache-Control: no-store\r\nContent-Length: %zu\r\nx-correlation-id: %s\r\n%s\r\n%s",
                       status, status_phrase(status), problem_date(date), body.len, correlation_id, extra_field,
                       body.data) == 0)
                /* The write fits, because the socket's buffer is empty; a client that has disconnected misses
                 * nothing. */
                (void)send(fd, all.data, all.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR); /* fails only if the client has reset the connection */
        buf_fini(&body);
        buf_fini(&all);
}
