/* tls: an encrypting transport. This header does not expose GnuTLS; tls_session.h does.
 *
 * Threads: loop only. */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include "redis/transport.h"

extern const struct redis_transport redis_transport_tls;

#endif
