/* description: served like a file of the page. It is reached through struct collector, so that tests link without
 * it. */
#include "description.h"

#include "collector.h"
#include "page/page.h"
#include "worker.h"

void description_get(struct http_request *request, void *context)
{
        const struct worker *worker = context;
        page_answer(request, &worker->collector->description->files[0]);
}
