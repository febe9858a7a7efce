/* connection_limit: limits how many connections are open. The limit for the process is an option. It is lowered if
 * descriptors are scarce, so that enough stay free for other uses, such as the connections to Redis. Each worker has a
 * share of that limit. When other uses need more descriptors, the workers close idle connections; a sweep closes no
 * more than the excess. */
#include "http/connection_limit.h"

#include <stdint.h>
#include <sys/resource.h>

enum {
        DESCRIPTORS_KEPT = 64,      /* for everything but client connections */
        DESCRIPTORS_WORKER = 8,     /* per worker: its loop, libmicrohttpd, an accept */
        DESCRIPTORS_LEAST_PART = 8, /* clients always get at least one in this many descriptors */
        REFUSED_PART = 16,          /* one in this many descriptors is reserved for connections being rejected */
        AHEAD_SHARE = 8,            /* a worker may exceed its share by one in this many connections ... */
        AHEAD_MAX = 8,              /* ... but by no more than this */
};

/* Raises the soft limit on descriptors to the hard limit and returns the resulting limit. */
static uint64_t raise_descriptor_limit(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit))
                return 1024;
        rlim_t before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit))
                limit.rlim_cur = before;
        return limit.rlim_cur;
}

/* Returns the number of connections that are allowed while `kept` descriptors are reserved for other uses. */
static unsigned connections_beside(const struct connection_limit *limit, size_t kept)
{
        size_t least = limit->descriptors / DESCRIPTORS_LEAST_PART + 1;
        kept += limit->workers * (size_t)(DESCRIPTORS_WORKER + limit->refused_max);
        size_t left = limit->descriptors > kept + least ? limit->descriptors - kept : least;
        return left < limit->configured ? (unsigned)left : limit->configured;
}

void connection_limit_init(struct connection_limit *limit, const struct http_options *options)
{
        limit->workers = options->workers;
        limit->configured = options->connections_max;
        limit->descriptors = (size_t)raise_descriptor_limit();
        size_t refused = limit->descriptors / REFUSED_PART / options->workers;
        limit->refused_max = refused < 1 ? 1 : refused > REFUSED_MAX ? REFUSED_MAX : (unsigned)refused;
        atomic_init(&limit->kept, options->descriptors_kept ? options->descriptors_kept : DESCRIPTORS_KEPT);
        atomic_init(&limit->max, connections_beside(limit, atomic_load(&limit->kept)));
        atomic_init(&limit->open, 0);
}

void connection_limit_keep(struct connection_limit *limit, size_t count)
{
        size_t before = atomic_load(&limit->kept);
        while (count > before)
                if (atomic_compare_exchange_weak(&limit->kept, &before, count))
                        break;
        atomic_store(&limit->max, connections_beside(limit, atomic_load(&limit->kept)));
}

unsigned connection_limit_surplus(const struct connection_limit *limit)
{
        unsigned open = atomic_load(&limit->open), most = atomic_load(&limit->max);
        return open > most ? (open - most) / limit->workers + 1 : 0;
}

bool connection_share_enter(struct connection_share *share)
{
        if (atomic_fetch_add(&share->limit->open, 1) >= atomic_load(&share->limit->max)) {
                atomic_fetch_sub(&share->limit->open, 1);
                account_refused_connection(share->account);
                return false;
        }
        account_connections(share->account, ++share->open);
        return true;
}

void connection_share_leave(struct connection_share *share)
{
        atomic_fetch_sub(&share->limit->open, 1);
        account_connections(share->account, --share->open);
}

bool connection_share_is_full(const struct connection_share *share)
{
        size_t fair = atomic_load(&share->limit->open) / share->limit->workers;
        size_t ahead = fair / AHEAD_SHARE < AHEAD_MAX ? fair / AHEAD_SHARE : AHEAD_MAX;
        return share->open > fair + ahead;
}
