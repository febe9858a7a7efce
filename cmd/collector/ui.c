/* ui: the files are reached through struct collector, so that tests link without them. */
#include "ui.h"

#include "base/attr.h"
#include "collector.h"
#include "page/page.h"
#include "worker.h"

void ui_get(struct http_request *request, void *context)
{
        const struct worker *worker = context;
        page_get(request, worker->collector->page);
}

void ui_redirect(struct http_request *request, void *context UNUSED)
{
        page_redirect(request, 308);
}

bool ui_takes_root(struct http_request *request)
{
        if (!page_is_wanted(http_request_header(request, "Accept")))
                return false;
        page_redirect(request, 303);
        return true;
}
