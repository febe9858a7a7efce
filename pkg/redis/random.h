/* random: numbers that spread out the actions of many clients. Not for secrets.
 *
 * Threads: one at a time. */
#ifndef REDIS_RANDOM_H
#define REDIS_RANDOM_H

#include <stdint.h>

/* xorshift64; the state must not be 0. */
static inline uint64_t redis_random(uint64_t *state)
{
        uint64_t x = *state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        return *state = x;
}

#endif
