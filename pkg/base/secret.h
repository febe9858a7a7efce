/* secret: bytes that must not leak: a password, a key, a token. They are wiped when freed, excluded from core dumps
 * (MADV_DONTDUMP), and no log, error or metric function takes a struct secret, so none is printed by accident.
 *
 * Threads: a filled secret never changes, so any thread may read it. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct secret {
        char *bytes; /* owned; in pages of its own, with a NUL behind it; NULL: none */
        size_t length;
};

/* Copies `length` bytes into a secret that is empty (all zero). 0 or ERR_NOMEM. */
int secret_init(struct secret *s, const void *bytes, size_t length) NODISCARD;
void secret_fini(struct secret *s); /* wipes, frees, leaves it empty; an empty one is fine */

/* True when both hold the same bytes. Takes the same time wherever they differ. */
bool secret_equal(const struct secret *a, const struct secret *b);

#endif
