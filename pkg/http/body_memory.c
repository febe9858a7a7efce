/* body_memory: a small body uses memory that is kept for the next request. The buffer of a larger one grows as bytes
 * arrive. The first allocation trusts Content-Length only up to a limit, since announcing a size costs a client
 * nothing. */
#include "http/body_memory.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_FIRST_BYTES = 4 << 10 }; /* for a body of unknown length */

static bool use_kept(struct body_memory *body)
{
        if (!body->kept)
                body->kept = malloc(BODY_KEPT_BYTES + 1);
        body->data = body->kept;
        body->capacity = BODY_KEPT_BYTES;
        return body->data != NULL;
}

/* The next capacity: twice the current one, but no more than Content-Length announced. */
static size_t next_capacity(const struct body_memory *body, const struct head *head, size_t needed)
{
        size_t promised = head->content_length;
        size_t capacity = body->capacity * 2;
        if (!body->data)
                capacity = head->chunked ? BODY_FIRST_BYTES : BODY_TRUST_BYTES;
        if (!head->chunked && capacity > promised)
                capacity = promised;
        return capacity < needed ? needed : capacity;
}

/* Makes room for `more` bytes and a NUL. */
static int reserve(struct body_memory *body, struct budget *budget, const struct head *head, size_t more)
{
        size_t needed = body->length + more;
        if (body->data && needed <= body->capacity)
                return 0;
        if (!body->data && needed <= BODY_KEPT_BYTES && head->content_length <= BODY_KEPT_BYTES && use_kept(body))
                return 0;
        size_t capacity = next_capacity(body, head, needed);
        size_t charge = capacity - body->charged;
        if (!budget_take(budget, charge, capacity))
                return ERR_LIMIT;
        body->charged += charge;
        bool is_kept = body->data && body->data == body->kept;
        char *data = realloc(is_kept ? NULL : body->data, capacity + 1);
        if (!data)
                return ERR_NOMEM;
        if (is_kept)
                memcpy(data, body->kept, body->length);
        body->data = data;
        body->capacity = capacity;
        return 0;
}

int body_memory_append(struct body_memory *body, struct budget *budget, const struct head *head, const char *bytes,
                       size_t size)
{
        int rc = reserve(body, budget, head, size);
        if (rc < 0)
                return rc;
        memcpy(body->data + body->length, bytes, size);
        body->length += size;
        body->data[body->length] = '\0';
        return 0;
}

char *body_memory_take(struct body_memory *body, struct budget *budget, size_t *length)
{
        char *data = body->data;
        if (data == body->kept)
                body->kept = NULL;
        *length = body->length;
        body->data = NULL;
        body_memory_drop(body, budget);
        return data;
}

void body_memory_drop(struct body_memory *body, struct budget *budget)
{
        if (body->data != body->kept)
                free(body->data);
        body->data = NULL;
        body->length = body->capacity = 0;
        budget_give(budget, body->charged);
        body->charged = 0;
}
