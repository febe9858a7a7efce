/* request_command: `kubectl describe` and terminals merge both streams, so after the body of a failed response a
 * newline is printed before the error. The body of a 2xx response is printed unchanged. */
#include "daemon/request_command.h"

#include <string.h>

#include "daemon/http_client.h"

static int print_usage(const char *program, FILE *to)
{
        return fprintf(to,
                       "usage: %s request METHOD URL [--header 'NAME: VALUE']... [--data TEXT] [--timeout SECONDS]\n"
                       "Sends one request to an http:// URL and prints the response body. Exit status 0: status 2xx; "
                       "1: another status,\n"
                       "or no response in time (30 s); 2: wrong usage.\n",
                       program);
}

static bool print_body(const struct buf *body, bool is_failed, FILE *out)
{
        bool is_printed = body->len == 0 || fwrite(body->data, 1, body->len, out) == body->len;
        if (is_failed && body->len > 0 && body->data[body->len - 1] != '\n')
                is_printed &= fputc('\n', out) != EOF;
        return fflush(out) == 0 && is_printed;
}

static int run(const char *program, const struct client_request *request, FILE *out, FILE *errors)
{
        struct buf body;
        struct err err;
        int status = 0;
        buf_init(&body, 0);
        int rc = client_send(request, &status, &body, &err);
        bool is_failed = rc < 0 || status < 200 || status > 299, is_printed = print_body(&body, is_failed, out);
        if (rc < 0)
                fprintf(errors, "%s request: %s\n", program, err.text);
        else if (is_failed)
                fprintf(errors, "%s request: the status is %d\n", program, status);
        if (!is_printed)
                fprintf(errors, "%s request: standard output: could not write all of it\n", program);
        buf_fini(&body);
        return is_failed || !is_printed ? 1 : 0;
}

int request_command(const char *program, int count, char *const *arguments, FILE *out, FILE *errors)
{
        struct client_request request = { .method = "", .authority = "", .target = "" };
        struct err err;
        if (count == 1 && strcmp(arguments[0], "--help") == 0)
                return print_usage(program, out) < 0 || fflush(out) != 0 ? 1 : 0;
        if (client_parse(count, arguments, &request, &err) == 0)
                return run(program, &request, out, errors);
        fprintf(errors, "%s request: %s\n", program, err.text);
        (void)print_usage(program, errors); /* there is nowhere else to report it */
        return 2;
}
