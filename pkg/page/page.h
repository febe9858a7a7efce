/* page: serves the files of a program's page, which are embedded in the program (tools/embed).
 *
 *     extern const struct page collector_page;
 *     { .method = "GET", .path = "/ui/{name}", .name = "page", .handle = on_page, .is_public = true,
 *       .has_tags = true }
 *
 *     static void on_page(struct http_request *request, void *worker)
 *     {
 *             page_get(request, &collector_page);
 *     }
 *
 * Each file is compressed if the client accepts gzip. It has a strong ETag computed from its content, and browsers must
 * revalidate it each time (no-cache), so that nobody gets old files after an update. A Content-Security-Policy lets the
 * page load its own files and talk to its own server, and nothing else: no inline scripts or styles, no framing.
 *
 * Threads: any. */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "http/http.h"

struct page_file {
        const char *name, *type;
        const char *tag, *gzip_tag; /* quoted, as in the header */
        const unsigned char *plain;
        size_t plain_length;
        const unsigned char *gzip;
        size_t gzip_length;
};

struct page {
        const struct page_file *files;
        size_t count;
};

/* Answers with the file, or with 304 or 412 as the request's conditions require. */
void page_answer(struct http_request *request, const struct page_file *file);
/* Answers a request for "/ui/NAME", and "/ui/" with index.html. 404 for other names. */
void page_get(struct http_request *request, const struct page *page);
/* Answers with a redirect to the page: 308 for "/ui", 303 for "/". It is relative, which preserves a proxy's path
 * prefix. */
void page_redirect(struct http_request *request, int status);
/* True if the request comes from a browser, that is, if Accept prefers text/html to everything else. NULL:
 * no. */
bool page_is_wanted(const char *accept);

#endif
