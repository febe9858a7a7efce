/* idempotency: the key of a document that its sender may send again.
 *
 * The header `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header) makes the document's key a
 * UUID version 8 from the SHA-256 of the token's name, the method, the path, the header's value and the index in
 * the batch. So the same request has the same key in every replica and after every restart, and nothing beside
 * the document has to be kept.
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

/* 1 to 255 visible ASCII characters or blanks. */
bool idempotency_key_is_sound(const char *value);

/* `token` is "" where no token is bound. */
void idempotency_uuid(const char *token, const char *method, const char *path, const char *value, uint64_t index,
                      struct uuid *out);

/* Is `stored` what `sent` would have become? The added members `created` and `correlationId` are taken from what
 * is stored. Both objects were checked with `watch` { "created", "correlationId" }. 1, 0, or ERR_NOMEM. */
int idempotency_same(const struct json_object *sent, const struct json_object *stored, struct buf *scratch) NODISCARD;

#endif
