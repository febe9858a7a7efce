/* Fuzzes replies of Redis: the bytes go to the reply reader in pieces (the first byte gives their length), and each
 * reply goes through the classification of failures, the handshake and all accessors. */
#include <stdlib.h>

#include "base/attr.h"
#include "redis/failure.h"
#include "redis/handshake.h"
#include "redis/reader.h"
#include "redis/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLY_MAX_BYTES = 64 << 10, INPUT_MAX_BYTES = 256 << 10 };

static size_t walk(const struct redis_reply *reply)
{
        size_t length, sum = (size_t)redis_reply_type(reply) + (size_t)redis_reply_integer(reply);
        const char *text = redis_reply_text(reply, &length);
        if (text && text[length] != '\0')
                abort();
        for (size_t i = 0; i < redis_reply_count(reply); i++)
                sum += walk(redis_reply_at(reply, i));
        return sum + length;
}

static void judge(const struct redis_reply *reply)
{
        struct redis_target_options options = { .database = 1 };
        struct err err;
        struct redis_target *target = redis_target_new(&options, &err);
        struct redis_handshake handshake;
        enum redis_failure failure;
        if (target && redis_handshake_init(&handshake, target, false, &err) == 0) {
                for (size_t i = 0; i < handshake.count; i++) {
                        handshake.next = i;
                        (void)redis_handshake_reply(&handshake, reply, &failure, &err); /* any verdict is acceptable */
                }
                redis_handshake_fini(&handshake);
        }
        redis_target_unref(target);
        (void)redis_reply_error(reply, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2 || size > INPUT_MAX_BYTES)
                return 0;
        struct redis_reader *reader = redis_reader_new(REPLY_MAX_BYTES);
        const struct redis_reply *reply;
        struct err err;
        size_t piece = data[0] ? data[0] : size;
        int rc = reader ? 0 : -1;
        for (size_t at = 1; at < size && rc >= 0; at += piece) {
                size_t count = size - at < piece ? size - at : piece;
                rc = redis_reader_feed(reader, (const char *)data + at, count, &err);
                while (rc >= 0 && (rc = redis_reader_next(reader, &reply, &err)) > 0) {
                        (void)walk(reply); /* reads every byte */
                        if (redis_failure_of(reply) != FAILURE_NONE || redis_reply_is_error(reply, "ERR"))
                                judge(reply);
                }
        }
        redis_reader_free(reader);
        return 0;
}
