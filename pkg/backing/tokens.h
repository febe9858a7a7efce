/* backing/tokens: reads the tokens that clients of Collector must send. backing/watch.h follows their changes.
 *
 *     const struct backing_tokens_input input = { .is_required = true };
 *     struct backing_watch *watch;
 *     backing_watch_open(root, &backing_tokens_kind, &(struct backing_watch_options){
 *             .input = &input, .on_change = on_change }, &watch, &err);
 *     const struct backing_tokens *now = backing_tokens_of(backing_watch_get(watch));
 *     for (size_t i = 0; i < backing_tokens_count(now); i++)
 *             allow(backing_tokens_name(now, i), backing_tokens_value(now, i));
 *
 * They come only from a binding of type `collector-tokens`: each entry except `type` and `provider` is a token, named
 * after its client; `orders.next` is a second token of `orders`, used while the first one is being replaced. A token
 * has 1 to 4096 visible ASCII characters, since it goes into a header (RFC 6750, section 2.1). Clients get theirs as
 * the entry `token` of a binding of type `collector`, see backing/collector.h.
 *
 * Threads: any thread may use a struct backing_tokens, which is immutable and counted. */
#ifndef BACKING_TOKENS_H
#define BACKING_TOKENS_H

#include <stdint.h>

#include "backing/source.h"
#include "backing/watch.h"
#include "base/secret.h"
#include "binding/servicebinding.h"

struct backing_tokens_input {
        const char *binding;                       /* name of the wanted binding; NULL or "": by type       */
        bool is_required;                          /* without a binding, reject all requests instead of admitting
                                                    * everyone */
        const struct servicebinding_set *bindings; /* NULL: none. A watch uses its own                      */
};

struct backing_tokens; /* opaque: tokens with their names, or the information that no token is required */

/* ERR_NOT_FOUND if a binding that was requested by name, or is required, is missing; ERR_CONFLICT if there are several
 * bindings; ERR_INVALID and ERR_LIMIT name the file of a token, never its contents; ERR_DENIED, ERR_UNAVAILABLE,
 * ERR_NOMEM. The result is owned: pass it to backing_tokens_unref. */
int backing_tokens_resolve(const struct backing_tokens_input *input, struct backing_tokens **out,
                           struct err *err) NODISCARD;
/* NULL is fine; releasing the last reference wipes the tokens. */
void backing_tokens_unref(struct backing_tokens *tokens);

/* Borrowed until the last reference is released. */

/* False: no binding of tokens exists, and everyone is admitted. True with a count of 0: everyone is locked out. */
bool backing_tokens_are_asked_for(const struct backing_tokens *tokens);
size_t backing_tokens_count(const struct backing_tokens *tokens);
/* The client's name: the entry's name up to a dot. Two tokens may have the same name. */
const char *backing_tokens_name(const struct backing_tokens *tokens, size_t index);
const struct secret *backing_tokens_value(const struct backing_tokens *tokens, size_t index);
const struct backing_report *backing_tokens_report(const struct backing_tokens *tokens);

/* To follow the binding of tokens. If the binding disappears or becomes unreadable, the tokens stay in use, so that an
 * accident cannot open access. While a requested or required binding is missing, everyone is locked out. */
extern const struct backed_kind backing_tokens_kind;
const struct backing_tokens *backing_tokens_of(const struct backed *backed); /* of this kind */

#endif
