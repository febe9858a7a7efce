/* bindings: the bindings as /pod shows them: followed in the main thread, lent to the workers.
 *
 * pkg/backing follows the one binding that Pinger uses; this view has all there are, with names, types and providers.
 *
 * Threads: bindings_copy any; the others: the main thread. */
#ifndef PINGER_BINDINGS_H
#define PINGER_BINDINGS_H

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"
#include "binding/servicebinding.h"

struct bindings; /* opaque */

/* Looks once a second, on the loop. Where the root can't be read, the view is empty. ERR_NOMEM. */
int bindings_open(uv_loop_t *loop, struct bindings **out, struct err *err) NODISCARD;
void bindings_close(struct bindings *bindings); /* the loop must run until its handle is closed; NULL is fine */

/* A reference to the newest set: give it to servicebinding_set_unref. NULL: none. */
struct servicebinding_set *bindings_copy(struct bindings *bindings);

#endif
