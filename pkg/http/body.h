/* body: a request's body in memory, within the budget.
 *
 * Threads: one at a time. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "http/budget.h"
#include "http/head.h"

enum {
        BODY_KEPT_BYTES = 1 << 10,   /* a body up to here costs no allocation                     */
        BODY_TRUST_BYTES = 64 << 10, /* a Content-Length is trusted so far before bytes have come */
};

struct body {
        char *data; /* followed by a NUL; NULL: none */
        size_t length, capacity;
        size_t charged; /* of the budget */
        char *kept;     /* owned, or NULL: memory that stays for the next request; `data` may point to it */
};

/* Appends bytes to the body of a request with that head. 0, ERR_NOMEM, or ERR_LIMIT: too much is in transit. */
int body_append(struct body *body, struct budget *budget, const struct head *head, const char *bytes,
                size_t size) NODISCARD;
/* Hands the text over, malloc'd; NULL: there is none. Afterwards there is none. */
char *body_take(struct body *body, struct budget *budget, size_t *length);
void body_drop(struct body *body, struct budget *budget); /* what is kept stays */

#endif
