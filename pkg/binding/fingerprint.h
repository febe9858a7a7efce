/* fingerprint: takes the fingerprint of a root without reading a file.
 *
 * Threads: one at a time. */
#ifndef BINDING_FINGERPRINT_H
#define BINDING_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "binding/servicebinding.h"

struct sb_fingerprint {
        unsigned char *bytes; /* owned; equal bytes: nothing has changed */
        size_t length;
        size_t room;
        bool is_young; /* a file changed so recently that its times might not show the next change */
};

int sb_fingerprint_take(const char *root, struct sb_fingerprint *out, struct servicebinding_error *err);
bool sb_fingerprint_equal(const struct sb_fingerprint *a, const struct sb_fingerprint *b);
void sb_fingerprint_fini(struct sb_fingerprint *print);

#endif
