/* print: takes the fingerprint of a root without reading a file.
 *
 * Threads: one at a time. */
#ifndef BINDING_PRINT_H
#define BINDING_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "binding/servicebinding.h"

struct sb_print {
        unsigned char *bytes; /* owned; equal bytes: nothing has changed */
        size_t length;
        size_t room;
        bool is_young; /* a file changed so recently that its times might not show the next change */
};

int sb_print_take(const char *root, struct sb_print *out, struct servicebinding_error *err);
bool sb_print_equal(const struct sb_print *a, const struct sb_print *b);
void sb_print_fini(struct sb_print *print);

#endif
