/* routes: one row per route. This is the only list of paths and methods. If tokens are bound, a request needs one
 * unless its route is public. */
#include "routes.h"

#include "base/attr.h"
#include "bulk_post.h"
#include "description.h"
#include "documents_delete.h"
#include "documents_get.h"
#include "documents_post.h"
#include "export.h"
#include "follow.h"
#include "health.h"
#include "overview.h"
#include "ui.h"

const struct http_route routes[] = {
        { .method = "POST",
          .path = "/",
          .name = "classic",
          .handle = documents_post_classic,
          .at_head = documents_at_head_of_classic,
          .body = true },
        { .method = "GET", .path = "/", .name = "index", .handle = documents_get_classic },
        { .method = "POST",
          .path = "/v1/documents",
          .name = "documents",
          .handle = documents_post,
          .at_head = documents_at_head_of_post,
          .at_body = documents_at_body_of_post,
          .body = true },
        { .method = "GET", .path = "/v1/documents", .name = "listing", .handle = export_get },
        { .method = "GET", .path = "/v1/documents/stream", .name = "stream", .handle = follow_get, .is_endless = true },
        { .method = "PUT",
          .path = "/v1/documents",
          .name = "documents",
          .handle = bulk_put,
          .at_head = bulk_put_at_head,
          .body = true },
        { .method = "PUT",
          .path = "/v1/documents/{key}",
          .name = "document",
          .handle = documents_put,
          .at_head = documents_at_head_of_put,
          .body = true },
        { .method = "GET",
          .path = "/v1/documents/{key}",
          .name = "document",
          .handle = documents_get,
          .has_tags = true },
        { .method = "DELETE", .path = "/v1/documents/{key}", .name = "document", .handle = documents_delete },
        { .method = "GET", .path = "/v1/status", .name = "status", .handle = overview_get },
        { .method = "GET", .path = "/ui", .name = "page", .handle = ui_redirect, .is_public = true },
        { .method = "GET", .path = "/ui/*", .name = "page", .handle = ui_get, .is_public = true, .has_tags = true },
        { .method = "GET", .path = "/healthz", .name = "healthz", .handle = status_healthz, .is_public = true },
        { .method = "GET", .path = "/readyz", .name = "readyz", .handle = status_readyz, .is_public = true },
        { .method = "GET", .path = "/version", .name = "version", .handle = status_version, .is_public = true },
        { .method = "GET", .path = "/metrics", .name = "metrics", .handle = status_metrics, .is_public = true },
        { .method = "GET",
          .path = "/openapi.json",
          .name = "openapi",
          .handle = description_get,
          .is_public = true,
          .has_tags = true },
};
const size_t route_count = COUNT_OF(routes);
