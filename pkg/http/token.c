/* token: admits a client to the routes that are not public if it sends one of the tokens that are set, in the form of RFC
 * 6750 ("Bearer Token Usage"). The set is replaced as a whole while workers run: each keeps a reference to the set that
 * it knows, and a number tells whether there is a newer one. A request keeps a reference too, for its token's name. */
#include "http/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"

struct token {
        char *name;
        struct secret value;
};

struct token_set {
        atomic_uint references;
        size_t count;
        struct token tokens[];
};

static const struct denial is_missing = { 401, "Bearer", "This request needs a token: Authorization: Bearer <token>." };
static const struct denial is_unknown = { 401, "Bearer error=\"invalid_token\"", "The token is unknown." };
static const struct denial is_ambiguous = { 400, NULL, "The request has several Authorization fields." };

/* --- Sets ------------------------------------------------------------------------------------------ */

static struct token_set *ref(struct token_set *set)
{
        if (set)
                atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
        return set;
}

static void unref(struct token_set *set)
{
        if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
                return;
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
        atomic_store(&set->references, 1);
        for (; set->count < count; set->count++) {
                struct token *token = &set->tokens[set->count];
                const struct secret *value = tokens[set->count].value;
                token->name = strdup(tokens[set->count].name);
                if (!token->name || secret_init(&token->value, value->bytes, value->length) < 0) {
                        free(token->name);
                        unref(set);
                        return NULL;
                }
        }
        return set;
}

void token_store_init(struct token_store *store)
{
        *store = (struct token_store){ .set = NULL };
        (void)pthread_mutex_init(&store->lock, NULL); /* never fails on Linux */
}

void token_store_fini(struct token_store *store)
{
        unref(store->set);
        (void)pthread_mutex_destroy(&store->lock); /* nobody holds it */
}

int token_store_set(struct token_store *store, const struct http_token *tokens, size_t count, struct err *err)
{
        struct token_set *set = set_new(tokens, count);
        if (!set)
                return err_set(err, ERR_NOMEM, "tokens");
        (void)pthread_mutex_lock(&store->lock); /* a plain mutex: locking and unlocking cannot fail */
        struct token_set *old = store->set;
        store->set = set;
        atomic_fetch_add(&store->number, 1);
        (void)pthread_mutex_unlock(&store->lock);
        unref(old);
        return 0;
}

void token_view_fini(struct token_view *view)
{
        unref(view->set);
        view->set = NULL;
}

static struct token_set *current(struct token_store *store, struct token_view *view)
{
        if (atomic_load_explicit(&store->number, memory_order_acquire) == view->number)
                return view->set;
        unref(view->set);
        (void)pthread_mutex_lock(&store->lock);
        view->set = ref(store->set);
        view->number = atomic_load(&store->number);
        (void)pthread_mutex_unlock(&store->lock);
        return view->set;
}

/* --- A request ------------------------------------------------------------------------------------- */

/* What follows the scheme, which is compared without case (RFC 9110, section 11.1); NULL: another scheme, or nothing. */
static const char *token_of(const char *authorization)
{
        static const char scheme[] = "Bearer ";
        if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
                return NULL;
        authorization += strlen(scheme);
        authorization += strspn(authorization, " ");
        return *authorization ? authorization : NULL;
}

/* Compares all of them, so that the time it takes tells nothing. NULL: it is none of them. */
static const struct token *find(const struct token_set *set, const char *text)
{
        const struct token *found = NULL;
        const struct secret sent = { (char *)(uintptr_t)text, strlen(text) };
        for (size_t i = 0; i < set->count; i++)
                if (secret_equal(&set->tokens[i].value, &sent))
                        found = &set->tokens[i];
        return found;
}

const struct denial *token_check(struct token_store *store, struct token_view *view, const struct head *head,
                                 struct token_pass *pass)
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
        *pass = (struct token_pass){ ref(set), token->name };
        return NULL;
}

void token_pass_fini(struct token_pass *pass)
{
        unref(pass->set);
        *pass = (struct token_pass){ NULL, NULL };
}
