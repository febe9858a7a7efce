/* bearer: the tokens that admit clients to non-public routes, and the check of a request's token.
 *
 *     struct bearer_store store;                                 // of the server
 *     struct bearer_view view = { { NULL, 0 } };                     // of each worker
 *     denial = bearer_check(&store, &view, &head, &pass);        // NULL: pass.name names the client
 *     bearer_pass_fini(&pass);
 *
 * Threads: bearer_store_set: any. A view belongs to one thread. */
#ifndef HTTP_BEARER_H
#define HTTP_BEARER_H

#include "base/snapshot.h"
#include "http/denial.h"
#include "http/head.h"
#include "http/http.h"

struct bearer_store {
        struct snapshot_holder sets; /* empty: every route is public */
};

void bearer_store_init(struct bearer_store *store);
void bearer_store_fini(struct bearer_store *store);
/* Copies the tokens and replaces the previous tokens. ERR_NOMEM: the previous tokens stay. */
int bearer_store_set(struct bearer_store *store, const struct http_token *tokens, size_t count,
                     struct err *err) NODISCARD;

struct bearer_view { /* the set that a worker uses without locking */
        struct snapshot_seen seen;
};

void bearer_view_fini(struct bearer_view *view);

struct bearer_pass { /* the token that a request carried */
        struct snapshot *set;
        const char *name; /* NULL: none was required */
};

/* Checks the head of a request for a non-public route. NULL: the request may proceed, and `pass` is set. */
const struct denial *bearer_check(struct bearer_store *store, struct bearer_view *view, const struct head *head,
                                  struct bearer_pass *pass);
/* True while a request with this head would still be admitted; `pass` then names its token. The check costs nothing
 * until the tokens change. */
bool token_is_valid(struct bearer_store *store, struct bearer_view *view, const struct head *head,
                    struct bearer_pass *pass);
void bearer_pass_fini(struct bearer_pass *pass);

#endif
