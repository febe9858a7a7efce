/* backoff: exponential with full jitter, so that clients that lost their connections together do not reconnect
 * together. */
#include "redis/backoff.h"
#include "redis/random.h"

enum { DOUBLINGS_MAX = 16 };

int64_t redis_backoff_next_ms(struct server *server, uint64_t *random, bool may_be_at_once)
{
        unsigned n = server->health.failures++;
        if (n == 0 && may_be_at_once)
                return 0;
        int64_t bound = server->options.backoff_min_ms << (n < DOUBLINGS_MAX ? n : DOUBLINGS_MAX);
        if (bound > server->options.backoff_max_ms)
                bound = server->options.backoff_max_ms;
        return 1 + (int64_t)(redis_random(random) % (uint64_t)bound);
}
