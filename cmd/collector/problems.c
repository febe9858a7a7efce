/* problems: answers requests that Redis could not execute. `Retry-After` is one second, since a repeated request waits
 * here anyway, for up to the hold time. */
#include "problems.h"

#include <stdio.h>

#include "base/uuid.h"

#define UNKNOWN "it is unknown whether the document is stored: %s"
#define UNLISTED "the document is stored, but may be missing from the list: %s"

void problems_of_store(struct http_request *request, enum store_outcome outcome, const char *what,
                       const struct err *err)
{
        switch (outcome) {
        case STORE_FULL:
                http_problem(request, 507, NULL, 0, "%s: %s", what, err->text);
                return;
        case STORE_FOREIGN:
                http_problem(request, 410, NULL, 0, "%s", err->text);
                return;
        case STORE_REFUSED:
                http_problem(request, 503, &http_retry_soon, 1, "%s: %s", what, err->text);
                return;
        default:
                if (err->code == ERR_TIMEOUT)
                        http_problem(request, 503, &http_retry_soon, 1,
                                     "it is unknown whether Redis executed the command: %s", err->text);
                else
                        http_problem(request, 503, &http_retry_soon, 1, "%s: %s", what, err->text);
        }
}

static void answer_stored(struct http_request *request, enum store_outcome outcome, const char *key,
                          const struct err *err)
{
        char members[UUID_TEXT_SIZE + sizeof("\"key\":\"\"")];
        (void)snprintf(members, sizeof(members), "\"key\":\"%s\"", key); /* fits */
        if (outcome == STORE_UNKNOWN && err->code == ERR_LIMIT)
                http_problem_with(request, 507, members, NULL, 0, UNKNOWN, err->text);
        else if (outcome == STORE_UNKNOWN)
                http_problem_with(request, 503, members, &http_retry_soon, 1, UNKNOWN, err->text);
        else if (outcome == STORE_UNSAFE)
                http_problem_with(request, 503, members, &http_retry_soon, 1,
                                  "the document is stored, but not yet safe: %s", err->text);
        else if (err->code == ERR_LIMIT)
                http_problem_with(request, 507, members, NULL, 0, UNLISTED, err->text);
        else
                http_problem_with(request, 503, members, &http_retry_soon, 1, UNLISTED, err->text);
}

void problems_of_deposit(struct http_request *request, enum store_outcome outcome, const char *key,
                         const struct err *err)
{
        if (outcome == STORE_UNKNOWN || outcome == STORE_UNSAFE || outcome == STORE_UNLISTED)
                answer_stored(request, outcome, key, err);
        else
                problems_of_store(request, outcome, "the document is not acknowledged", err);
}

void problems_of_delete(struct http_request *request, enum store_outcome outcome, bool is_partly_done,
                        const struct err *err)
{
        if (is_partly_done) /* `err` names the previous Redis */
                http_problem(request, 503, &http_retry_soon, 1,
                             "the document is deleted from the Redis in use, but may still be in the previous one: %s",
                             err->text);
        else
                problems_of_store(request, outcome, "the document is not deleted", err);
}

void problems_no_document(struct http_request *request, const char *key)
{
        http_problem(request, 404, NULL, 0, "there is no document with the key %s", key);
}
