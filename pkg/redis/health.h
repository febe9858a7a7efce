/* health: what a client knows about the state of its server.
 *
 * Threads: loop only. */
#ifndef REDIS_HEALTH_H
#define REDIS_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct redis_health {
        int64_t away_since_ms; /* 0 while it is usable                                                           */
        unsigned failures;     /* attempts since the last reply; the exponent of the backoff                    */
        bool is_denied;        /* the last attempt failed because of its credentials                             */
        bool wants_write;      /* a write failed, so only a reply to a write shows that the server works again */
        struct err last_error;
};

#endif
