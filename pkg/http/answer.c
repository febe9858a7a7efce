/* answer: http_respond. The answer becomes an MHD_Response at once, so that the caller's memory is free
 * again, and stays in the request until libmicrohttpd asks for it: in the same call when the handler
 * answered right away, else after the suspended connection was resumed. Resuming only marks the
 * connection; all that were answered in one turn are sent by one run of libmicrohttpd. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

static struct MHD_Response *create(const struct http_answer *answer)
{
        static const enum MHD_ResponseMemoryMode modes[] = { [HTTP_BODY_COPY] = MHD_RESPMEM_MUST_COPY,
                                                             [HTTP_BODY_TAKE] = MHD_RESPMEM_MUST_FREE,
                                                             [HTTP_BODY_STATIC] = MHD_RESPMEM_PERSISTENT };
        if (answer->body && answer->body_length > 0) {
                /* The mode says whether libmicrohttpd writes to the bytes: it never does. */
                struct MHD_Response *response = MHD_create_response_from_buffer(
                        answer->body_length, (void *)(uintptr_t)answer->body, modes[answer->body_kind]);
                if (response || answer->body_kind != HTTP_BODY_TAKE)
                        return response;
        }
        if (answer->body_kind == HTTP_BODY_TAKE)
                free((void *)(uintptr_t)answer->body);
        return answer->body_length ? NULL : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

static bool add_headers(struct http_request *request, struct MHD_Response *response, const struct http_answer *answer)
{
        const char *type = answer->content_type;
        if (!type && answer->body_length > 0)
                type = "application/json";
        if (type && MHD_add_response_header(response, "Content-Type", type) == MHD_NO)
                return false;
        if (MHD_add_response_header(response, "x-correlation-id", request->correlation_id) == MHD_NO)
                return false;
        for (size_t i = 0; i < answer->header_count; i++)
                if (MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value) == MHD_NO)
                        return false;
        return !atomic_load_explicit(&request->worker->server->draining, memory_order_relaxed) ||
               MHD_add_response_header(response, "Connection", "close") == MHD_YES;
}

void http_respond(struct http_request *request, const struct http_answer *answer)
{
        assert(request->stage == STAGE_RUNNING || request->stage == STAGE_HELD || request->stage == STAGE_BODY);
        struct MHD_Response *response = create(answer);
        if (response && !add_headers(request, response, answer)) {
                MHD_destroy_response(response);
                response = NULL;
        }
        bool head = !strcmp(request->method, "HEAD");
        account_request(request, answer->status, head ? 0 : answer->body_length);
        request->response = response; /* NULL: the connection will be closed */
        request->status = answer->status;
        bool held = request->stage == STAGE_HELD;
        request->stage = STAGE_ANSWERED;
        if (held) {
                MHD_resume_connection(request->conn->mhd);
                worker_wake(request->worker);
        }
}
