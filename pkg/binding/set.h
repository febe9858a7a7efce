/* set: the inside of a set and of its bindings.
 *
 * Threads: one at a time while it is filled; any afterwards. */
#ifndef BINDING_SET_H
#define BINDING_SET_H

#include <stdatomic.h>
#include <stddef.h>

#include "binding/entry.h"
#include "binding/servicebinding.h"

enum { SB_BINDINGS_MAX = 128, SB_WARNINGS_MAX = 64 };

struct servicebinding {
        char *name;
        char *path;
        char *type;               /* "" if unknown */
        char *provider;           /* NULL: none */
        struct sb_entry *entries; /* sorted by name */
        size_t count;
        struct sb_pages pages;               /* memory of the entries' bytes */
        struct servicebinding_error problem; /* code 0: none */
};

struct servicebinding_set {
        atomic_size_t references;
        char *root; /* NULL: none was given */
        struct servicebinding *bindings;
        size_t count;
        char **warnings;
        size_t warning_count;
};

int sb_set_new(const char *root, struct servicebinding_set **out, struct servicebinding_error *err);
/* Adds a copy of the text, unless there are already SB_WARNINGS_MAX. Returns 0 or NOMEM. */
int sb_set_warn(struct servicebinding_set *set, const char *text, struct servicebinding_error *err);
/* Takes ownership of the binding's content, even on failure. Returns 0, LIMIT or NOMEM. */
int sb_set_add(struct servicebinding_set *set, struct servicebinding *binding, struct servicebinding_error *err);
void sb_binding_fini(struct servicebinding *binding);
void sb_binding_drop_entries(struct servicebinding *binding);

#endif
