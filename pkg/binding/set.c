/* set: the immutable result of a load. It counts references, so a set that a watch has replaced lives as long as it has
 * readers; releasing the last reference wipes the values. */
#include "binding/set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "binding/error.h"

int sb_set_new(const char *root, struct servicebinding_set **out, struct servicebinding_error *err)
{
        struct servicebinding_set *set = calloc(1, sizeof(*set));
        if (!set)
                return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        atomic_init(&set->references, 1);
        if (root && !(set->root = strdup(root))) {
                servicebinding_set_unref(set);
                return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        }
        *out = set;
        return 0;
}

void sb_binding_drop_entries(struct servicebinding *binding)
{
        for (size_t i = 0; i < binding->count; i++)
                sb_entry_fini(&binding->entries[i]);
        free(binding->entries);
        sb_pages_fini(&binding->pages);
        binding->entries = NULL;
        binding->count = 0;
}

void sb_binding_fini(struct servicebinding *binding)
{
        sb_binding_drop_entries(binding);
        free(binding->name);
        free(binding->path);
        free(binding->type);
        free(binding->provider);
        *binding = (struct servicebinding){ 0 };
}

struct servicebinding_set *servicebinding_set_ref(const struct servicebinding_set *set)
{
        /* A set is const for readers; the reference count is not part of its value. */
        struct servicebinding_set *counted = (struct servicebinding_set *)(uintptr_t)set;
        atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
        return counted;
}

void servicebinding_set_unref(struct servicebinding_set *set)
{
        if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < set->count; i++)
                sb_binding_fini(&set->bindings[i]);
        for (size_t i = 0; i < set->warning_count; i++)
                free(set->warnings[i]);
        free(set->bindings);
        free(set->warnings);
        free(set->root);
        free(set);
}

int sb_set_warn(struct servicebinding_set *set, const char *text, struct servicebinding_error *err)
{
        if (set->warning_count == SB_WARNINGS_MAX)
                return 0;
        char **larger = realloc(set->warnings, (set->warning_count + 1) * sizeof(*larger));
        if (!larger)
                return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        set->warnings = larger;
        larger[set->warning_count] = strdup(text);
        if (!larger[set->warning_count])
                return sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
        set->warning_count++;
        return 0;
}

int sb_set_add(struct servicebinding_set *set, struct servicebinding *binding, struct servicebinding_error *err)
{
        int rc = SERVICEBINDING_LIMIT;
        if (set->count == SB_BINDINGS_MAX) {
                (void)sb_error(err, rc, "%s: more than %d bindings", set->root, SB_BINDINGS_MAX);
                goto fail;
        }
        /* The values do not move, because a binding contains pointers to them. */
        struct servicebinding *larger = realloc(set->bindings, (set->count + 1) * sizeof(*larger));
        if (!larger) {
                rc = sb_error(err, SERVICEBINDING_NOMEM, "out of memory");
                goto fail;
        }
        set->bindings = larger;
        larger[set->count++] = *binding;
        return 0;
fail:
        sb_binding_fini(binding);
        return rc;
}

const char *servicebinding_set_root(const struct servicebinding_set *set)
{
        return set->root;
}

size_t servicebinding_count(const struct servicebinding_set *set)
{
        return set->count;
}

const struct servicebinding *servicebinding_at(const struct servicebinding_set *set, size_t index)
{
        return index < set->count ? &set->bindings[index] : NULL;
}

size_t servicebinding_warning_count(const struct servicebinding_set *set)
{
        return set->warning_count;
}

const char *servicebinding_warning_at(const struct servicebinding_set *set, size_t index)
{
        return index < set->warning_count ? set->warnings[index] : NULL;
}

bool servicebinding_set_equal(const struct servicebinding_set *a, const struct servicebinding_set *b)
{
        if (!a || !b || a->count != b->count)
                return a == b;
        for (size_t i = 0; i < a->count; i++)
                if (!servicebinding_equal(&a->bindings[i], &b->bindings[i]))
                        return false;
        return true;
}
