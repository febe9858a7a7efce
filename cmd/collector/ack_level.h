/* ack_level: what an acknowledgement promises (`--ack`), and whether a Redis can keep it.
 *
 *     struct ack_level level;
 *     if (ack_parse("replica:2", &level, &err) < 0) ...
 *     if (ack_fits(&level, &probed, &err) < 0) ...       // "valkey 8.1.1 has its append-only file turned off: ..."
 *
 * Threads: any. */
#ifndef COLLECTOR_ACK_LEVEL_H
#define COLLECTOR_ACK_LEVEL_H

#include <stdbool.h>

#include "base/err.h"
#include "redis/probe.h"
#include "redis/redis.h"

enum { ACK_REPLICAS_MAX = 64 };

enum ack_kind {
        ACK_MEMORY,  /* Redis has answered */
        ACK_REPLICA, /* `replicas` replicas also have the document in memory (WAIT) */
        ACK_FSYNC,   /* the document is also synced to Redis's append-only file (WAITAOF) */
};

struct ack_level {
        enum ack_kind kind;
        unsigned replicas;
};

/* "memory", "replica", "replica:N" with N from 1 to ACK_REPLICAS_MAX, "fsync". ERR_INVALID says what was expected. */
int ack_parse(const char *text, struct ack_level *out, struct err *err) NODISCARD;

/* ERR_UNAVAILABLE if this Redis is known to be unable to keep the promise: WAITAOF needs Redis 7.2 or Valkey 7.2, and
 * the append-only file. If INFO leaves this open, the result is 0, and the first WAITAOF shows whether Redis can keep
 * the promise. */
int ack_fits(const struct ack_level *level, const struct redis_probe_result *found, struct err *err) NODISCARD;

/* True if fewer replicas than requested are connected now; more may connect later. */
bool ack_is_short(const struct ack_level *level, const struct redis_probe_result *found);

#endif
