/* backoff: the pause before the next attempt to deliver a batch.
 *
 * Threads: any. */
#ifndef PINGER_BACKOFF_H
#define PINGER_BACKOFF_H

#include <stdint.h>

/* `min_ms` after the first failure, doubled after each further one, up to `max_ms`. `random` (any number) shortens the
 * pause by up to half, so that many Pingers don't retry at the same time. */
int64_t backoff_ms(int64_t min_ms, int64_t max_ms, unsigned failures, uint32_t random);

#endif
