/* connection_limit: how many connections the process and each worker may have at a time.
 *
 * Threads: struct connection_limit: any. struct connection_share: the worker's. */
#ifndef HTTP_CONNECTION_LIMIT_H
#define HTTP_CONNECTION_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/account.h"

enum { REFUSED_MAX = 64 }; /* connections that one worker may be rejecting at a time */

struct connection_limit {
        unsigned workers, configured;
        unsigned refused_max; /* connections that one worker may be rejecting at a time; at most REFUSED_MAX */
        size_t descriptors;   /* descriptors that the process may open */
        atomic_size_t kept;   /* of those, reserved for everything but client connections */
        atomic_uint max;      /* `configured`, or less if descriptors are scarce */
        atomic_uint open;     /* across all workers */
};

/* `options` must have the defaults filled in. Raises the soft limit on descriptors to the hard limit. */
void connection_limit_init(struct connection_limit *limit, const struct http_options *options);
/* Reserves at least that many descriptors for everything but client connections. */
void connection_limit_keep(struct connection_limit *limit, size_t count);
/* Returns the number of connections that a worker should close because others need descriptors. */
unsigned connection_limit_surplus(const struct connection_limit *limit);

struct connection_share {
        struct connection_limit *limit;
        struct account *account;
        size_t open;
        unsigned surplus; /* idle connections to close in this sweep because there are too many */
};

/* Counts an accepted connection; false if it exceeds the limit. */
bool connection_share_enter(struct connection_share *share);
void connection_share_leave(struct connection_share *share);
/* True if the worker exceeds its share, so that others should accept. */
bool connection_share_is_full(const struct connection_share *share);

#endif
