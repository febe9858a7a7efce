/* page: a handful of files in a table, found by linear search. */
#include "page/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct page_file *find(const struct page *page, const char *name)
{
        for (size_t i = 0; i < page->count; i++)
                if (strcmp(page->files[i].name, name) == 0)
                        return &page->files[i];
        return NULL;
}

static bool takes_gzip(const struct http_request *request)
{
        const char *accept = http_request_header(request, "Accept-Encoding");
        return accept && http_accepts(accept, "gzip");
}

static int check(struct http_request *request, const char *tag)
{
        struct http_conditions conditions;
        http_conditions_read(request, &conditions);
        int instead = http_conditions_check(&conditions, tag);
        http_conditions_fini(&conditions);
        return instead;
}

void page_answer(struct http_request *request, const struct page_file *file)
{
        bool is_small = takes_gzip(request);
        const char *tag = is_small ? file->gzip_tag : file->tag;
        const struct http_header headers[] = {
                { "ETag", tag },
                { "Vary", "Accept-Encoding" },
                { "Cache-Control", "no-cache" },
                { "Content-Security-Policy", policy },
                { "X-Content-Type-Options", "nosniff" },
                { "Referrer-Policy", "no-referrer" },
                { "Cross-Origin-Opener-Policy", "same-origin" },
                { "Cross-Origin-Resource-Policy", "same-origin" },
                { "Content-Encoding", "gzip" }, /* last: only for compressed responses */
        };
        int instead = check(request, tag);
        if (instead == 412) {
                http_problem(request, 412, headers, 2, "If-Match does not have the file's tag, %s", tag);
                return;
        }
        http_respond(request, &(struct http_answer){ .status = instead ? instead : 200,
                                                     .content_type = file->type,
                                                     .body = (const char *)(is_small ? file->gzip : file->plain),
                                                     .body_length = is_small ? file->gzip_length : file->plain_length,
                                                     .body_kind = HTTP_BODY_STATIC,
                                                     .headers = headers,
                                                     .header_count = COUNT_OF(headers) - !is_small });
}

void page_get(struct http_request *request, const struct page *page)
{
        const char *name = strrchr(http_request_path(request), '/') + 1; /* the route's path has slashes */
        bool is_below = strcmp(http_request_path(request) + strlen("/ui/"), name) == 0;
        const struct page_file *file = is_below ? find(page, *name ? name : "index.html") : NULL;
        if (file)
                page_answer(request, file);
        else
                http_problem(request, 404, NULL, 0, "the page has no such file");
}

void page_redirect(struct http_request *request, int status)
{
        static const struct http_header headers[] = { { "Location", "ui/" }, { "Vary", "Accept" } };
        http_respond(request,
                     &(struct http_answer){ .status = status, .headers = headers, .header_count = COUNT_OF(headers) });
}

/* The weight of one element of Accept, "text/html;q=0.9". */
static double weight_of(const char *element, size_t length)
{
        const char *end = element + length;
        for (const char *at = memchr(element, ';', length); at; at = memchr(at, ';', (size_t)(end - at))) {
                at++;
                at += strspn(at, " \t");
                if (strncasecmp(at, "q=", 2) == 0)
                        return strtod(at + 2, NULL);
        }
        return 1;
}

static double weight_in(const char *accept, const char *type)
{
        double weight = 0;
        size_t wanted = strlen(type);
        for (const char *at = accept; *at; at += *at == ',') {
                at += strspn(at, " \t");
                size_t length = strcspn(at, ",");
                if (strncasecmp(at, type, wanted) == 0 && strcspn(at, "; \t,") == wanted)
                        weight = weight_of(at, length);
                at += length;
        }
        return weight;
}

bool page_is_wanted(const char *accept)
{
        if (!accept)
                return false;
        double html = weight_in(accept, "text/html");
        return html > weight_in(accept, "application/json") && html > weight_in(accept, "*/*") &&
               html > weight_in(accept, "application/*");
}
