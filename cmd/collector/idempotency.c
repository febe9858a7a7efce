/* idempotency: each part is hashed with a trailing NUL, so that different parts never produce the same bytes. SHA-256
 * comes from nettle, which GnuTLS needs anyway. */
#include "idempotency.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <nettle/sha2.h>

bool idempotency_key_is_sound(const char *value)
{
        size_t length = strlen(value);
        if (length == 0 || length > IDEMPOTENCY_KEY_MAX)
                return false;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char)value[i] < 0x20 || (unsigned char)value[i] > 0x7e)
                        return false;
        return true;
}

void idempotency_uuid(const char *token, const char *method, const char *path, const char *value, uint64_t index,
                      struct uuid *out)
{
        char number[24];
        uint8_t digest[SHA256_DIGEST_SIZE];
        struct sha256_ctx context;
        (void)snprintf(number, sizeof(number), "%" PRIu64, index); /* always fits */
        const char *const parts[] = { token, method, path, value, number };
        sha256_init(&context);
        for (size_t i = 0; i < COUNT_OF(parts); i++)
                sha256_update(&context, strlen(parts[i]) + 1, (const uint8_t *)parts[i]);
        sha256_digest(&context, sizeof(digest), digest);
        uuid_v8(digest, out);
}

int idempotency_same(const struct json_object *sent, const struct json_object *stored, struct buf *scratch)
{
        struct json_span created = stored->watched[0].value;
        struct json_span correlation = stored->watched[1].value;
        if (stored->watched[0].count == 0 || stored->watched[1].count == 0)
                return 0;
        struct buf tail;
        buf_init(&tail, 0);
        buf_clear(scratch, SIZE_MAX);
        int rc = 0;
        if (sent->watched[0].count == 0)
                rc = buf_printf(&tail, "\"created\":%.*s,", (int)created.length, created.bytes);
        if (rc == 0)
                rc = buf_printf(&tail, "\"correlationId\":%.*s", (int)correlation.length, correlation.bytes);
        if (rc == 0)
                rc = json_splice(scratch, sent, JSON_CUT(1), tail.data, tail.len);
        buf_fini(&tail);
        if (rc < 0)
                return rc;
        return scratch->len == stored->text.length && memcmp(scratch->data, stored->text.bytes, scratch->len) == 0;
}
