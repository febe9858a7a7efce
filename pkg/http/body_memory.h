/* body_memory: a request's body in memory, within the budget.
 *
 * Threads: one at a time. */
#ifndef HTTP_BODY_MEMORY_H
#define HTTP_BODY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "http/budget.h"
#include "http/head.h"

enum {
        BODY_KEPT_BYTES = 1 << 10,   /* a body up to this size needs no allocation */
        BODY_TRUST_BYTES = 64 << 10, /* the maximum to allocate for a Content-Length alone */
};

struct body_memory {
        char *data; /* followed by a NUL; NULL: none */
        size_t length, capacity;
        size_t charged; /* bytes taken from the budget */
        char *kept;     /* owned, or NULL: memory kept for the next request; `data` may point to it */
};

/* Appends bytes to the body of the request with this head. Returns 0, ERR_NOMEM, or ERR_LIMIT if the budget is
 * exhausted. */
int body_memory_append(struct body_memory *body, struct budget *budget, const struct head *head, const char *bytes,
                       size_t size) NODISCARD;
/* Hands over the malloc'd text and leaves the body empty. NULL: there was no body. */
char *body_memory_take(struct body_memory *body, struct budget *budget, size_t *length);
void body_memory_drop(struct body_memory *body, struct budget *budget); /* keeps the memory for the next request */

#endif
