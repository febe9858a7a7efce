/* token: the tokens that admit clients to non-public routes, and the check of a request's token.
 *
 *     struct token_store store;                                 // of the server
 *     struct token_view view = { { NULL, 0 } };                     // of each worker
 *     denial = token_check(&store, &view, &head, &pass);        // NULL: pass.name names the client
 *     token_pass_fini(&pass);
 *
 * Threads: token_store_set: any. A view belongs to one thread. */
#ifndef HTTP_TOKEN_H
#define HTTP_TOKEN_H

#include "base/snapshot.h"
#include "http/denial.h"
#include "http/head.h"
#include "http/http.h"

struct token_store {
        struct snapshot_holder sets; /* empty: every route is public */
};

void token_store_init(struct token_store *store);
void token_store_fini(struct token_store *store);
/* Copies the tokens and replaces the previous ones. ERR_NOMEM: the previous ones stay. */
int token_store_set(struct token_store *store, const struct http_token *tokens, size_t count,
                    struct err *err) NODISCARD;

struct token_view { /* the set that a worker uses without locking */
        struct snapshot_seen seen;
};

void token_view_fini(struct token_view *view);

struct token_pass { /* the token that a request carried */
        struct snapshot *set;
        const char *name; /* NULL: none was required */
};

/* Checks the head of a request for a non-public route. NULL: the request may proceed, and `pass` is set. */
const struct denial *token_check(struct token_store *store, struct token_view *view, const struct head *head,
                                 struct token_pass *pass);
/* True while the head would still be admitted; `pass` then names its token. Costs nothing until the tokens change. */
bool token_is_valid(struct token_store *store, struct token_view *view, const struct head *head,
                    struct token_pass *pass);
void token_pass_fini(struct token_pass *pass);

#endif
