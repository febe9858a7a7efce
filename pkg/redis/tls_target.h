/* tls_target: the TLS settings that a target's connections share, checked when the target is created.
 *
 * Threads: any. */
#ifndef REDIS_TLS_TARGET_H
#define REDIS_TLS_TARGET_H

#include <stdbool.h>

#include "base/attr.h"
#include "redis/target.h"

struct redis_tls; /* tls_session.h */

int redis_tls_new(const struct redis_target_options *options, struct redis_tls **out, struct err *err) NODISCARD;
void redis_tls_free(struct redis_tls *tls); /* NULL is fine */
bool redis_tls_equal(const struct redis_tls *a, const struct redis_tls *b);

#endif
