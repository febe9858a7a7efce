/* redact: finds what looks like a secret and must not appear on a page, in a log, or in a log record.
 *
 *     value = redact_name(name) || redact_value(value) ? REDACTED : value;
 *
 * The rules hide too much rather than too little: hiding a harmless value is an inconvenience, showing a password is an
 * incident. Words match anywhere in a name, in upper or lower case.
 *
 * Secrets of our own settings and bindings need no rules: they are a struct secret (secret.h), which nothing prints.
 *
 * Threads: any; there is no state. */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"

#define REDACTED "[redacted]"

/* The name of an environment variable, a label or a query parameter: DB_PASSWORD, apiKey, access_token. */
bool redact_name(const char *name);

/* A value that looks like a secret, regardless of its name: a URL with a password, a PEM block, a JWT, "Bearer x",
 * "password=x", the tokens of well-known services, long runs of random characters. */
bool redact_value(const char *value);

/* The part of redact_value that recognises known forms and ignores random characters, so that a header field may
 * contain a UUID. */
bool redact_known_form(const char *value);

/* Appends a request target or another URL. It replaces the values of parameters with a secret's name, separated by & or
 * ; and also in the path; text in a known form of a secret, percent-encoded or not; and the user part of a URL. Returns
 * 0, ERR_LIMIT or ERR_NOMEM. */
int redact_target(struct buf *out, const char *target) NODISCARD;

/* Does the same for a log line. Returns the target itself if there is nothing to replace, otherwise text in `out`,
 * which must be empty. Never fails: if memory runs out, it replaces the whole target. The result is borrowed from
 * both. */
const char *redact_shown_target(struct buf *out, const char *target);

/* Appends the value of a header field, REDACTED if the name indicates a secret (Authorization, Cookie, X-Api-Key);
 * Referer and other fields that contain a URL are treated as by redact_target. Returns 0, ERR_LIMIT or ERR_NOMEM. */
int redact_field(struct buf *out, const char *name, const char *value) NODISCARD;

#endif
