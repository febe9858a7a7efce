/* tls_words: describes TLS failures and the peer in words for an operator.
 *
 * Threads: loop only. */
#ifndef REDIS_TLS_WORDS_H
#define REDIS_TLS_WORDS_H

#include "redis/probe.h"

struct redis_tls_session;

/* Why GnuTLS failed, "TLS: certificate: ...". Returns err->code. */
int redis_tls_say(const struct redis_tls_session *session, int rc, struct err *err);
/* Fills the TLS fields; does nothing if `session` is NULL. */
void redis_tls_describe(const struct redis_tls_session *session, struct redis_probe_result *out);

#endif
