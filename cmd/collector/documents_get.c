/* documents_get: the new route returns the stored bytes and their ETag; the classic route adds the member `key` and has
 * no ETag, since its clients do not use one. */
#include "documents_get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "document_key.h"
#include "document_tag.h"
#include "health.h"
#include "problems.h"
#include "store_read.h"
#include "ui.h"
#include "worker.h"
#include "json/json.h"

static const struct json_options watch_key = { .watch = { "key" } };

struct lookup {
        struct store_read read;
        struct http_request *request;
        struct http_conditions conditions;
        bool is_classic;
        char key[UUID_TEXT_SIZE];
};

static void answer_classic(struct lookup *lookup, const struct json_object *object)
{
        char tail[UUID_TEXT_SIZE + 16];
        struct buf body;
        int tail_length = snprintf(tail, sizeof(tail), "\"key\":\"%s\"", lookup->key);
        buf_init(&body, 0);
        if (json_splice(&body, object, JSON_CUT(0), tail, (size_t)tail_length) < 0) {
                http_problem_no_memory(lookup->request);
                return;
        }
        struct http_answer answer = { .status = 200, .body_kind = HTTP_BODY_TAKE };
        answer.body = buf_take(&body, &answer.body_length);
        http_respond(lookup->request, &answer);
}

static void answer_tagged(struct lookup *lookup, const char *document, size_t length)
{
        char tag[DOCUMENT_TAG_SIZE];
        const struct http_header header = { "ETag", document_tag(document, length, tag) };
        int instead = http_conditions_check(&lookup->conditions, tag);
        if (instead == 412)
                http_problem(lookup->request, 412, &header, 1, "If-Match does not contain the document's tag, %s", tag);
        else
                http_respond(lookup->request, &(struct http_answer){ .status = instead ? instead : 200,
                                                                     .body = document,
                                                                     .body_length = length,
                                                                     .headers = &header,
                                                                     .header_count = 1 });
}

static void answer_document(struct lookup *lookup, const char *document, size_t length)
{
        struct json_object object;
        /* The new route watches for no members, since it adds none. This saves as much time as the ETag costs. */
        if (json_check_object(document, length, lookup->is_classic ? &watch_key : NULL, &object, NULL, NULL) < 0)
                problems_no_document(lookup->request, lookup->key); /* another program's value */
        else if (lookup->is_classic)
                answer_classic(lookup, &object);
        else
                answer_tagged(lookup, document, length);
}

static void on_read(struct store_read *read, enum store_outcome outcome, const char *document, size_t length,
                    const struct err *err)
{
        struct lookup *lookup = CONTAINER_OF(read, struct lookup, read);
        if (outcome == STORE_DONE)
                answer_document(lookup, document, length);
        else if (outcome == STORE_ABSENT)
                problems_no_document(lookup->request, lookup->key);
        else
                problems_of_store(lookup->request, outcome, "the document could not be read", err);
        http_conditions_fini(&lookup->conditions);
        free(lookup);
}

static void read_document(struct http_request *request, struct worker *worker, const char *text, bool is_classic)
{
        char key[UUID_TEXT_SIZE];
        if (!document_key(request, text, key))
                return;
        struct lookup *lookup = malloc(sizeof(*lookup));
        if (!lookup) {
                http_problem_no_memory(request);
                return;
        }
        lookup->request = request;
        lookup->is_classic = is_classic;
        lookup->conditions = (struct http_conditions){ NULL, NULL };
        if (!is_classic)
                http_conditions_read(request, &lookup->conditions);
        memcpy(lookup->key, key, sizeof(key));
        lookup->read.on_done = on_read;
        store_read(&worker->store, &lookup->read, lookup->key);
}

void documents_get(struct http_request *request, void *worker)
{
        read_document(request, worker, http_request_param(request, "key"), false);
}

void documents_get_classic(struct http_request *request, void *worker)
{
        const char *key = http_request_query(request, "key");
        if (key)
                read_document(request, worker, key, true);
        else if (!ui_takes_root(request))
                status_index(request, worker);
}
