/* bearer: admits a client to non-public routes if it sends one of the configured tokens as RFC 6750 describes ("Bearer
 * Token Usage"). The set is replaced as a whole while workers run: each worker holds a reference to a set, and a
 * version number shows whether there is a newer one. A request also holds a reference, because it uses the name of its
 * token. */
#include "http/bearer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"

struct token {
        char *name;
        struct secret value;
};

struct token_set {
        struct snapshot snapshot;
        size_t count;
        struct token tokens[];
};

static const struct denial is_missing = { 401, "Bearer", "This request needs a token: Authorization: Bearer <token>." };
static const struct denial is_unknown = { 401, "Bearer error=\"invalid_token\"", "The token is unknown." };
static const struct denial is_ambiguous = { 400, NULL, "The request has several Authorization fields." };

/* --- Sets ------------------------------------------------------------------------------------------ */

static void destroy(struct snapshot *snapshot)
{
        struct token_set *set = CONTAINER_OF(snapshot, struct token_set, snapshot);
        for (size_t i = 0; i < set->count; i++) {
                free(set->tokens[i].name);
                secret_fini(&set->tokens[i].value);
        }
        free(set);
}

static struct token_set *set_new(const struct http_token *tokens, size_t count)
{
        struct token_set *set = calloc(1, sizeof(*set) + count * sizeof(set->tokens[0]));
        if (!set)
                return NULL;
        snapshot_init(&set->snapshot, destroy);
        for (; set->count < count; set->count++) {
                struct token *token = &set->tokens[set->count];
                const struct secret *value = tokens[set->count].value;
                token->name = strdup(tokens[set->count].name);
                if (!token->name || secret_init(&token->value, value->bytes, value->length) < 0) {
                        free(token->name);
                        snapshot_unref(&set->snapshot);
                        return NULL;
                }
        }
        return set;
}

void bearer_store_init(struct bearer_store *store)
{
        snapshot_holder_init(&store->sets);
}

void bearer_store_fini(struct bearer_store *store)
{
        snapshot_holder_fini(&store->sets);
}

int bearer_store_set(struct bearer_store *store, const struct http_token *tokens, size_t count, struct err *err)
{
        struct token_set *set = set_new(tokens, count);
        if (!set)
                return err_set(err, ERR_NOMEM, "tokens");
        snapshot_holder_set(&store->sets, &set->snapshot);
        return 0;
}

void bearer_view_fini(struct bearer_view *view)
{
        snapshot_unref(view->seen.snapshot);
        view->seen.snapshot = NULL;
}

static struct token_set *current(struct bearer_store *store, struct bearer_view *view)
{
        (void)snapshot_holder_refresh(&store->sets, &view->seen); /* check even if nothing has changed */
        return view->seen.snapshot ? CONTAINER_OF(view->seen.snapshot, struct token_set, snapshot) : NULL;
}

/* --- A request ------------------------------------------------------------------------------------- */

/* The text after the scheme, which is case-insensitive (RFC 9110, section 11.1); NULL: another scheme, or no text. */
static const char *token_of(const char *authorization)
{
        static const char scheme[] = "Bearer ";
        if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
                return NULL;
        authorization += strlen(scheme);
        authorization += strspn(authorization, " ");
        return *authorization ? authorization : NULL;
}

/* Compares with every token, so that the time taken reveals nothing. NULL: no match. */
static const struct token *find(const struct token_set *set, const char *text)
{
        const struct token *found = NULL;
        const struct secret sent = { (char *)(uintptr_t)text, strlen(text) };
        for (size_t i = 0; i < set->count; i++)
                if (secret_equal(&set->tokens[i].value, &sent))
                        found = &set->tokens[i];
        return found;
}

const struct denial *bearer_check(struct bearer_store *store, struct bearer_view *view, const struct head *head,
                                  struct bearer_pass *pass)
{
        struct token_set *set = current(store, view);
        if (!set)
                return NULL;
        if (head->authorizations > 1)
                return &is_ambiguous;
        const char *sent = token_of(head->authorization);
        if (!sent)
                return &is_missing;
        const struct token *token = find(set, sent);
        if (!token)
                return &is_unknown;
        *pass = (struct bearer_pass){ snapshot_ref(&set->snapshot), token->name };
        return NULL;
}

bool token_is_valid(struct bearer_store *store, struct bearer_view *view, const struct head *head,
                    struct bearer_pass *pass)
{
        const struct token_set *set = current(store, view);
        struct bearer_pass fresh;
        if (!set || pass->set == &set->snapshot)
                return true;
        if (bearer_check(store, view, head, &fresh) != NULL)
                return false;
        bearer_pass_fini(pass);
        *pass = fresh;
        return true;
}

void bearer_pass_fini(struct bearer_pass *pass)
{
        snapshot_unref(pass->set);
        *pass = (struct bearer_pass){ NULL, NULL };
}
