/* backoff: computes the wait before the next attempt to connect.
 *
 * Threads: loop only. */
#ifndef REDIS_BACKOFF_H
#define REDIS_BACKOFF_H

#include "redis/server.h"

/* A random time from 1 ms to a bound that doubles with each failure. After a success, the first wait is 0 if
 * `may_be_at_once`. */
int64_t redis_backoff_next_ms(struct server *server, uint64_t *random, bool may_be_at_once);

#endif
