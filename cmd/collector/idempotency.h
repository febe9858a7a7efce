/* idempotency: makes the key of a document that its sender can safely repeat.
 *
 * With the header `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header) the document's key is a UUID of
 * version 8, derived from the SHA-256 of the token's name, the method, the path, the header's value and the index in
 * the batch. So the same request gets the same key in every replica and after every restart, and nothing but the
 * document has to be stored.
 *
 * Threads: any. */
#ifndef COLLECTOR_IDEMPOTENCY_H
#define COLLECTOR_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "json/json.h"

enum { IDEMPOTENCY_KEY_MAX = 255 };

/* True for 1 to 255 visible ASCII characters or blanks. */
bool idempotency_key_is_sound(const char *value);

/* `token` is the name of the sender's token, "" if none is bound. */
void idempotency_uuid(const char *token, const char *method, const char *path, const char *value, uint64_t index,
                      struct uuid *out);

/* 1 if storing `sent` would have given `stored`, with the `created` and `correlationId` that are stored; 0 if not; or
 * ERR_NOMEM. Both objects must have been checked with `watch` { "created", "correlationId" }. */
int idempotency_same(const struct json_object *sent, const struct json_object *stored, struct buf *scratch) NODISCARD;

#endif
