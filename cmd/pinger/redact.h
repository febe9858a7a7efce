/* redact: what looks like a secret and therefore is neither shown on a page nor put into a log record.
 *
 *     value = redact_name(name) || redact_value(value) ? REDACTED : value;
 *
 * The rules rather hide too much than too little: a page without a harmless value is an inconvenience,
 * a page with a password is an incident. Words are found in any case and anywhere in a name.
 *
 * Threads: any; nothing here has state. */
#ifndef PINGER_REDACT_H
#define PINGER_REDACT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

#define REDACTED "[redacted]"

/* The name of an environment variable, a label or a query parameter: DB_PASSWORD, apiKey, access_token. */
bool redact_name(const char *name);

/* The name of a header field whose value is a secret: Authorization, Cookie, X-Api-Key. Milder than
 * redact_name: `idempotency-key` and `sec-websocket-key` are no secrets. */
bool redact_header(const char *name);

/* A value that looks like a secret whatever its name: a URL with a password, a PEM block, a JWT, "Bearer x",
 * "password=x", the tokens of well-known services, long runs of random characters. */
bool redact_value(const char *value);

/* The part of redact_value that knows the form and does not guess: no judgement on random characters, so
 * that a header field may hold a UUID. */
bool redact_known_form(const char *value);

/* Appends a request target; the values of query parameters with a secret's name are replaced.
 * 0, ERR_LIMIT or ERR_NOMEM. */
int redact_target(struct buf *out, const char *target) NODISCARD;

#endif
