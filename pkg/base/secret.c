/* secret: explicit_bzero is the wipe that a compiler may not leave out. */
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int secret_init(struct secret *s, const void *bytes, size_t length)
{
        char *copy = malloc(length + 1);
        if (!copy)
                return ERR_NOMEM;
        if (length > 0)
                memcpy(copy, bytes, length);
        copy[length] = '\0';
        *s = (struct secret){ .bytes = copy, .length = length };
        return 0;
}

void secret_fini(struct secret *s)
{
        if (s->bytes) {
                explicit_bzero(s->bytes, s->length);
                free(s->bytes);
        }
        *s = (struct secret){ 0 };
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
        if (!a->bytes || !b->bytes)
                return a->bytes == b->bytes;
        if (a->length != b->length)
                return false;
        unsigned char difference = 0;
        for (size_t i = 0; i < a->length; i++)
                difference |= (unsigned char)(a->bytes[i] ^ b->bytes[i]);
        return difference == 0;
}
