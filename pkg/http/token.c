/* token: who may use the routes that are not public: a client that sends one of the tokens that are set, as RFC 6750
 * ("Bearer Token Usage") has it. The set is replaced as a whole, while workers run: each keeps a reference to the one
 * it knows and looks at a number whether there is another. A request keeps a reference too, for its token's name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "http/internal.h"

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

void token_set_unref(struct token_set *set)
{
        if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
                return;
        for (size_t i = 0; i < set->count; i++) {
                free(set->tokens[i].name);
                secret_fini(&set->tokens[i].value);
        }
        free(set);
}

static struct token_set *token_set_new(const struct http_token *tokens, size_t count)
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
                        token_set_unref(set);
                        return NULL;
                }
        }
        return set;
}

int http_server_set_tokens(struct http_server *server, const struct http_token *tokens, size_t count, struct err *err)
{
        struct token_set *set = token_set_new(tokens, count);
        if (!set)
                return err_set(err, ERR_NOMEM, "tokens");
        (void)pthread_mutex_lock(&server->tokens_lock); /* these two can't fail with a plain mutex */
        struct token_set *old = server->tokens;
        server->tokens = set;
        atomic_fetch_add(&server->tokens_number, 1);
        (void)pthread_mutex_unlock(&server->tokens_lock);
        token_set_unref(old);
        return 0;
}

static struct token_set *current(struct http_worker *worker)
{
        struct http_server *server = worker->server;
        if (atomic_load_explicit(&server->tokens_number, memory_order_acquire) == worker->tokens_number)
                return worker->tokens;
        token_set_unref(worker->tokens);
        (void)pthread_mutex_lock(&server->tokens_lock);
        worker->tokens = ref(server->tokens);
        worker->tokens_number = atomic_load(&server->tokens_number);
        (void)pthread_mutex_unlock(&server->tokens_lock);
        return worker->tokens;
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

/* All are compared, so that the time tells nothing. NULL: it is none of them. */
static const struct token *find(const struct token_set *set, const char *text)
{
        const struct token *found = NULL;
        const struct secret sent = { (char *)(uintptr_t)text, strlen(text) };
        for (size_t i = 0; i < set->count; i++)
                if (secret_equal(&set->tokens[i].value, &sent))
                        found = &set->tokens[i];
        return found;
}

const struct denial *token_check(struct http_request *request)
{
        const struct http_route *route = request->match.route;
        if (!route || route->is_public)
                return NULL;
        struct token_set *set = current(request->worker);
        if (!set)
                return NULL;
        if (request->head.authorizations > 1)
                return &is_ambiguous;
        const char *sent = token_of(request->head.authorization);
        if (!sent)
                return &is_missing;
        const struct token *token = find(set, sent);
        if (!token)
                return &is_unknown;
        request->tokens = ref(set);
        request->token = token->name;
        return NULL;
}

const char *http_request_token(const struct http_request *request)
{
        return request->token;
}

void denial_answer(struct http_request *request, const struct denial *denial)
{
        const struct http_header challenge = { "WWW-Authenticate", denial->challenge };
        http_problem(request, denial->status, &challenge, denial->challenge ? 1 : 0, "%s", denial->detail);
}

void denial_refuse(struct http_request *request, const struct denial *denial)
{
        char field[64] = "";
        if (denial->challenge)
                (void)snprintf(field, sizeof(field), "WWW-Authenticate: %s\r\n", denial->challenge); /* fits */
        account_request(request, denial->status, 0);
        conn_refuse(request->conn, denial->status, http_request_correlation_id(request), field, denial->detail);
}
