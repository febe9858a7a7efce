/* api: one row per route. Paths and methods are listed here and nowhere else. */
#include "api.h"

#include <string.h>

#include "base/attr.h"
#include "base/uuid.h"

const struct http_route api_routes[] = {
        { .method = "POST", .path = "/", .name = "classic", .handle = documents_post_classic, .body = true },
        { .method = "GET", .path = "/", .name = "index", .handle = documents_get_classic },
        { .method = "POST", .path = "/v1/documents", .name = "documents", .handle = documents_post, .body = true },
        { .method = "GET", .path = "/v1/documents", .name = "listing", .handle = listing_get },
        { .method = "PUT", .path = "/v1/documents/{key}", .name = "document", .handle = documents_put, .body = true },
        { .method = "GET", .path = "/v1/documents/{key}", .name = "document", .handle = documents_get },
        { .method = "DELETE", .path = "/v1/documents/{key}", .name = "document", .handle = documents_delete },
        { .method = "GET", .path = "/healthz", .name = "healthz", .handle = status_healthz },
        { .method = "GET", .path = "/readyz", .name = "readyz", .handle = status_readyz },
        { .method = "GET", .path = "/version", .name = "version", .handle = status_version },
        { .method = "GET", .path = "/metrics", .name = "metrics", .handle = status_metrics },
};
const size_t api_route_count = COUNT_OF(api_routes);

bool api_key(struct http_request *request, const char *text, char key[UUID_TEXT_SIZE])
{
        struct uuid id;
        if (!text || !uuid_parse(text, strlen(text), &id)) {
                http_problem(request, 404, NULL, 0, "a key is a UUID of 36 characters, and this is none");
                return false;
        }
        (void)uuid_format(&id, key);
        return true;
}
