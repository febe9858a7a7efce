/* idempotency: each part is hashed with a trailing NUL, so that different parts never produce the same bytes. SHA-256
 * comes from nettle, which GnuTLS needs anyway. */
#include "idempotency.h"

#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/decimal.h"

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
        char number[DECIMAL_MAX + 1];
        uint8_t digest[SHA256_DIGEST_SIZE];
        struct sha256_ctx context;
        *decimal_put(number, index) = '\0';
        const char *const parts[] = { token, method, path, value, number };
        sha256_init(&context);
        for (size_t i = 0; i < COUNT_OF(parts); i++)
                sha256_update(&context, strlen(parts[i]) + 1, (const uint8_t *)parts[i]);
        sha256_digest(&context, sizeof(digest), digest);
        uuid_v8(digest, out);
}

/* The members that were added to the stored document, in the form in which they would have been added to this one.
 * NULL: out of memory. */
static char *make_tail(const struct json_object *sent, const struct json_object *stored, size_t *length)
{
        static const char names[] = "\"created\":,\"correlationId\":";
        struct json_span created = stored->watched[0].value;
        struct json_span correlation = stored->watched[1].value;
        char *tail = malloc(sizeof(names) + created.length + correlation.length);
        char *end = tail;
        if (!tail)
                return NULL;
        if (sent->watched[0].count == 0) {
                end = stpcpy(end, "\"created\":");
                end = mempcpy(end, created.bytes, created.length);
                *end++ = ',';
        }
        end = stpcpy(end, "\"correlationId\":");
        end = mempcpy(end, correlation.bytes, correlation.length);
        *length = (size_t)(end - tail);
        return tail;
}

int idempotency_same(const struct json_object *sent, const struct json_object *stored, struct buf *scratch)
{
        size_t length;
        if (stored->watched[0].count == 0 || stored->watched[1].count == 0)
                return 0;
        char *tail = make_tail(sent, stored, &length);
        if (!tail)
                return ERR_NOMEM;
        buf_clear(scratch, SIZE_MAX);
        int rc = json_splice(scratch, sent, JSON_CUT(1), tail, length);
        free(tail);
        if (rc < 0)
                return rc;
        return scratch->len == stored->text.length && memcmp(scratch->data, stored->text.bytes, scratch->len) == 0;
}
