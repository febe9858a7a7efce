/* backoff: exponential. At least half of the pause always remains. */
#include "backoff.h"

int64_t backoff_ms(int64_t min_ms, int64_t max_ms, unsigned failures, uint32_t random)
{
        int64_t pause_ms = min_ms;
        for (unsigned i = 1; i < failures && pause_ms < max_ms; i++)
                pause_ms *= 2;
        if (pause_ms > max_ms)
                pause_ms = max_ms;
        return pause_ms - (int64_t)(random % (uint32_t)(pause_ms / 2 + 1));
}
