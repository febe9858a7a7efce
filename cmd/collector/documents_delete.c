/* documents_delete: removes the document from the current Redis and, if there is one, from the previous one. */
#include "documents_delete.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "document_key.h"
#include "problems.h"
#include "store_delete.h"
#include "worker.h"

struct removal {
        struct store_delete delete;
        struct http_request *request;
        char key[UUID_TEXT_SIZE];
};

static void on_deleted(struct store_delete *delete, enum store_outcome outcome, const struct err *err)
{
        struct removal *removal = CONTAINER_OF(delete, struct removal, delete);
        if (outcome == STORE_DONE)
                http_respond(removal->request, &(struct http_answer){ .status = 204 });
        else if (outcome == STORE_ABSENT)
                problems_no_document(removal->request, removal->key);
        else
                problems_of_delete(removal->request, outcome, delete->was_there, err);
        free(removal);
}

void documents_delete(struct http_request *request, void *context)
{
        struct worker *worker = context;
        char key[UUID_TEXT_SIZE];
        if (!document_key(request, http_request_param(request, "key"), key))
                return;
        struct removal *removal = malloc(sizeof(*removal));
        if (!removal) {
                http_problem_no_memory(request);
                return;
        }
        removal->request = request;
        memcpy(removal->key, key, sizeof(key));
        removal->delete.on_done = on_deleted;
        store_delete(&worker->store, &removal->delete, removal->key);
}
