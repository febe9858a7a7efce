/* failure: what an error reply means.
 *
 * Threads: any. */
#ifndef REDIS_FAILURE_H
#define REDIS_FAILURE_H

#include "redis/reply.h"

enum redis_failure {
        FAILURE_NONE,      /* pass the reply to the caller                            */
        FAILURE_WAIT,      /* not executed; ask this server again                 */
        FAILURE_RECONNECT, /* not executed; look for the primary again            */
        FAILURE_DENIED,    /* not executed; the credentials are refused           */
        FAILURE_UNKNOWN,   /* perhaps executed                                    */
        FAILURE_MOVED,     /* not executed; redirected to another node of the Cluster */
};

enum redis_failure redis_failure_of(const struct redis_reply *reply);
/* Our own text for the failure, which never contains anything that the server echoes; "" for FAILURE_NONE. Static. */
const char *redis_failure_words(const struct redis_reply *reply);

#endif
