/* limit: how many connections there may be at a time: of the process, and the share of each worker.
 *
 * Threads: struct connection_limit: any. struct connection_share: the worker's. */
#ifndef HTTP_LIMIT_H
#define HTTP_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/account.h"

enum { REFUSED_MAX = 64 }; /* connections that one worker is turning away */

struct connection_limit {
        unsigned workers, configured;
        unsigned refused_max; /* connections that one worker may be turning away; at most REFUSED_MAX */
        size_t descriptors;   /* that the process may have                                            */
        atomic_size_t kept;   /* of those: for what is no client's connection                         */
        atomic_uint max;      /* `configured`, or less where descriptors are few                      */
        atomic_uint open;     /* over all workers                                                     */
};

/* `options` with the defaults filled in. Raises the soft limit of descriptors to the hard one. */
void connection_limit_init(struct connection_limit *limit, const struct http_options *options);
/* Keeps that many descriptors, or more, for what is no client's connection. */
void connection_limit_keep(struct connection_limit *limit, size_t count);
/* How many connections a worker should close, since others need descriptors. */
unsigned connection_limit_surplus(const struct connection_limit *limit);

struct connection_share {
        struct connection_limit *limit;
        struct account *account;
        size_t open;
        unsigned surplus; /* in this sweep: idle connections to close, since there are too many */
};

/* Counts a connection that was accepted; false where it is one too many. */
bool connection_share_enter(struct connection_share *share);
void connection_share_leave(struct connection_share *share);
/* Does the worker have more than its share? Then others should accept. */
bool connection_share_is_full(const struct connection_share *share);

#endif
