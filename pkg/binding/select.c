/* select: chooses one binding of a set. A binding with a problem is a candidate as far as its type is known, and if it
 * is chosen, its problem is returned: another binding of the same type must not replace an unreadable binding, which
 * must not look absent either. */
#include "binding/servicebinding.h"

#include <stdio.h>
#include <string.h>

#include "binding/entry.h"
#include "binding/error.h"
#include "binding/set.h"

struct wanted {
        const char *name;
        const char *const *types;
        const char *provider;
};

/* "redis or valkey", for messages. */
static const char *describe_types(const char *const *types, char *out, size_t size)
{
        size_t length = 0;
        out[0] = '\0';
        for (size_t i = 0; types[i] && length + 1 < size; i++) {
                int n = snprintf(out + length, size - length, "%s%s", i ? " or " : "", types[i]);
                length += n > 0 ? (size_t)n : 0;
        }
        return out;
}

static const char *describe(const struct wanted *w, char *out, size_t size)
{
        char types[96];
        (void)snprintf(out, size, "%s%s%s%s", w->types ? " of type " : "", /* truncation is harmless */
                       w->types ? describe_types(w->types, types, sizeof(types)) : "",
                       w->provider ? " from provider " : "", w->provider ? w->provider : "");
        return out;
}

static bool type_fits(const struct servicebinding *b, const char *const *types)
{
        for (size_t i = 0; types && types[i]; i++)
                if (sb_same_word(b->type, types[i]))
                        return true;
        return !types;
}

static bool provider_fits(const struct servicebinding *b, const char *provider)
{
        return !provider || (b->provider && sb_same_word(b->provider, provider));
}

/* True if the binding may be the wanted one, but its type or provider could not be read. */
static bool may_fit(const struct servicebinding *b, const struct wanted *w)
{
        if (b->problem.code == 0)
                return false;
        bool is_type_unknown = b->type[0] == '\0';
        return (is_type_unknown || type_fits(b, w->types)) && (!b->provider || provider_fits(b, w->provider));
}

static int use(const struct servicebinding *b, const struct servicebinding **out, struct servicebinding_error *err)
{
        if (b->problem.code < 0)
                return sb_error(err, b->problem.code, "%s", b->problem.text);
        *out = b;
        return 0;
}

static const char *shown_root(const struct servicebinding_set *set)
{
        return set->root ? set->root : "the environment: SERVICE_BINDING_ROOT is not set";
}

static int find_by_name(const struct servicebinding_set *set, const struct wanted *w, const struct servicebinding **out,
                        struct servicebinding_error *err)
{
        char what[160];
        const struct servicebinding *b = NULL;
        for (size_t i = 0; i < set->count; i++)
                if (strcmp(set->bindings[i].name, w->name) == 0)
                        b = &set->bindings[i];
        if (!b)
                return sb_error(err, SERVICEBINDING_NOT_FOUND, "no binding named %s in %s", w->name, shown_root(set));
        if (may_fit(b, w))
                return use(b, out, err);
        if (!type_fits(b, w->types))
                return sb_error(err, SERVICEBINDING_INVALID, "binding %s is of type %s, not%s", b->path, b->type,
                                describe(w, what, sizeof(what)));
        if (!provider_fits(b, w->provider))
                return sb_error(err, SERVICEBINDING_INVALID, "binding %s is from provider %s, not from %s", b->path,
                                b->provider ? b->provider : "(none)", w->provider);
        return use(b, out, err);
}

/* Adds ", name", or "..." once if there is no room. */
static void add_name(char *list, size_t size, const char *name)
{
        size_t length = strlen(list);
        size_t needed = strlen(name) + 2;
        if (length >= 3 && strcmp(list + length - 3, "...") == 0)
                return;
        if (length + needed + 6 > size)
                name = "...";
        (void)snprintf(list + length, size - length, "%s%s", length ? ", " : "", name); /* it fits */
}

static int find_by_kind(const struct servicebinding_set *set, const struct wanted *w, const struct servicebinding **out,
                        struct servicebinding_error *err)
{
        char what[160];
        char list[160] = "";
        size_t count = 0;
        const struct servicebinding *found = NULL;
        const struct servicebinding *unknown = NULL;
        for (size_t i = 0; i < set->count; i++) {
                const struct servicebinding *b = &set->bindings[i];
                if (!type_fits(b, w->types) || !provider_fits(b, w->provider)) {
                        unknown = may_fit(b, w) ? b : unknown;
                        continue;
                }
                add_name(list, sizeof(list), b->name);
                found = b;
                count++;
        }
        describe(w, what, sizeof(what));
        if (count > 1)
                return sb_error(err, SERVICEBINDING_AMBIGUOUS, "%zu bindings%s: %s; name one of them", count, what,
                                list);
        if (!found && unknown)
                return use(unknown, out, err);
        if (!found)
                return sb_error(err, SERVICEBINDING_NOT_FOUND, "no binding%s in %s", what, shown_root(set));
        return use(found, out, err);
}

int servicebinding_find_types(const struct servicebinding_set *set, const char *name, const char *const *types,
                              const char *provider, const struct servicebinding **out, struct servicebinding_error *err)
{
        const struct wanted w = { .name = name, .types = types, .provider = provider };
        return name ? find_by_name(set, &w, out, err) : find_by_kind(set, &w, out, err);
}

int servicebinding_find(const struct servicebinding_set *set, const char *name, const char *type, const char *provider,
                        const struct servicebinding **out, struct servicebinding_error *err)
{
        const char *const types[] = { type, NULL };
        return servicebinding_find_types(set, name, type ? types : NULL, provider, out, err);
}
