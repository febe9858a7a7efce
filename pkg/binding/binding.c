/* binding: access to the contents of one binding. Entries are sorted by name, but a binding has only a few, so they are
 * searched one by one. */
#include "binding/servicebinding.h"

#include <string.h>

#include "binding/set.h"

const char *servicebinding_name(const struct servicebinding *binding)
{
        return binding->name;
}

const char *servicebinding_type(const struct servicebinding *binding)
{
        return binding->type;
}

const char *servicebinding_provider(const struct servicebinding *binding)
{
        return binding->provider;
}

const char *servicebinding_path(const struct servicebinding *binding)
{
        return binding->path;
}

const char *servicebinding_problem(const struct servicebinding *binding)
{
        return binding->problem.code < 0 ? binding->problem.text : NULL;
}

size_t servicebinding_entry_count(const struct servicebinding *binding)
{
        return binding->count;
}

const char *servicebinding_entry_name(const struct servicebinding *binding, size_t index)
{
        return index < binding->count ? binding->entries[index].name : NULL;
}

static const struct sb_entry *entry_find(const struct servicebinding *binding, const char *name)
{
        for (size_t i = 0; i < binding->count; i++)
                if (strcmp(binding->entries[i].name, name) == 0)
                        return &binding->entries[i];
        return NULL;
}

const char *servicebinding_text(const struct servicebinding *binding, const char *entry)
{
        const struct sb_entry *found = entry_find(binding, entry);
        return found ? found->text : NULL;
}

const void *servicebinding_bytes(const struct servicebinding *binding, const char *entry, size_t *length)
{
        const struct sb_entry *found = entry_find(binding, entry);
        if (length)
                *length = found ? found->length : 0;
        return found ? found->bytes : NULL;
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool servicebinding_equal(const struct servicebinding *a, const struct servicebinding *b)
{
        if (!a || !b)
                return a == b;
        if (!same_text(a->name, b->name) || !same_text(a->type, b->type) || !same_text(a->provider, b->provider) ||
            a->problem.code != b->problem.code || strcmp(a->problem.text, b->problem.text) != 0 || a->count != b->count)
                return false;
        for (size_t i = 0; i < a->count; i++)
                if (!sb_entry_equal(&a->entries[i], &b->entries[i]))
                        return false;
        return true;
}
