/* redact: what looks like a secret and therefore is neither shown on a page nor put into a log or a log record.
 *
 *     value = redact_name(name) || redact_value(value) ? REDACTED : value;
 *
 * The rules rather hide too much than too little: a page without a harmless value is an inconvenience,
 * a page with a password is an incident. Words are found in any case and anywhere in a name.
 *
 * Threads: any; nothing here has state. */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

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

/* Appends a request target or another URL. Replaced are the values of parameters with a secret's name, separated by & or
 * ; and in the path, too; what has a secret's known form, percent-encoded or not; and the user part of a URL.
 * 0, ERR_LIMIT or ERR_NOMEM. */
int redact_target(struct buf *out, const char *target) NODISCARD;

/* The same for a log line: the target itself where there is nothing to replace, else text in `out`, which is empty
 * before. Never fails: without memory all of it is replaced. Borrowed for as long as both are there. */
const char *redact_shown_target(struct buf *out, const char *target);

/* Appends the value of a header field as it may be shown: Referer and other fields that hold a URL as redact_target does
 * it. 0, ERR_LIMIT or ERR_NOMEM. */
int redact_field(struct buf *out, const char *name, const char *value) NODISCARD;

#endif
