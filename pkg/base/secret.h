/* secret: bytes that must not leak: a password, a key, a token. They are wiped when freed and excluded from core dumps
 * (MADV_DONTDUMP). No log, error or metric function takes a struct secret, so none is printed by accident.
 *
 * Threads: a filled secret never changes, so any thread may read it. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct secret {
        char *bytes; /* owned, in its own pages, followed by a NUL; NULL: none */
        size_t length;
};

/* Copies `length` bytes into an empty (all-zero) secret. Returns 0 or ERR_NOMEM. */
int secret_init(struct secret *s, const void *bytes, size_t length) NODISCARD;
void secret_fini(struct secret *s); /* wipes, frees and empties the secret; an empty secret is fine */

/* True if both secrets hold the same bytes. Takes the same time wherever the bytes differ. */
bool secret_equal(const struct secret *a, const struct secret *b);

#endif
