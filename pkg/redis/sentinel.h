/* sentinel: queries a target's Sentinels for the primary.
 *
 * Threads: loop only. */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "redis/locate.h"
#include "redis/reply.h"

extern const struct redis_sentinel_ops redis_sentinel_ops; /* for client_ops.sentinel */

/* Host and port as a Sentinel sends them, borrowed. False: they are invalid. */
bool redis_sentinel_place(const struct redis_reply *host, const struct redis_reply *port, const char **host_out,
                          uint16_t *port_out);

#endif
