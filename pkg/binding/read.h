/* read: reads one binding of a root.
 *
 * Threads: one at a time for each set. */
#ifndef BINDING_READ_H
#define BINDING_READ_H

#include <stddef.h>

#include "binding/folder.h"
#include "binding/set.h"

enum { SB_SET_MAX = 16 * 1024 * 1024 }; /* bytes of all entries of a set */

/* Reads the binding and adds it to the set. A binding that cannot be read completely is added with its problem, and
 * with a warning; a folder without an entry `type` is not added. `budget` is the number of bytes that the set may still
 * take; the call reduces it. NOMEM, UNAVAILABLE, LIMIT. */
int sb_read(const struct sb_root *root, enum sb_place place, const char *name, struct servicebinding_set *set,
            size_t *budget, struct servicebinding_error *err);

#endif
