/* Fuzzes a Cluster's reports about its nodes: the input is a reply, which is passed to the parser of slot maps or, if
 * it is an error, to the parser of redirections. The result must be consistent: each slot's node must be in the
 * list. */
#include <stdlib.h>
#include <string.h>

#include "redis/command.h"
#include "redis/reader.h"
#include "redis/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLY_MAX_BYTES = 256 << 10, INPUT_MAX_BYTES = 128 << 10 };

static void check_map(const struct redis_reply *reply)
{
        struct redis_slots *slots = NULL;
        struct err err;
        size_t covered = 0;
        if (redis_slots_parse(reply, "asked", &slots, &err) < 0)
                return;
        for (size_t i = 0; i < REDIS_SLOTS; i++) {
                covered += slots->owner[i] > 0;
                if (slots->owner[i] > slots->node_count)
                        abort();
        }
        for (size_t i = 0; i < slots->node_count; i++)
                if (!slots->nodes[i].host[0] || slots->nodes[i].port == 0)
                        abort();
        if (covered != slots->covered)
                abort();
        redis_slots_free(slots);
}

static void check_redirection(const struct redis_reply *reply)
{
        struct redis_redirect to;
        if (redis_reply_type(reply) != REDIS_ERROR ||
            !redis_redirect_parse(redis_reply_text(reply, NULL), "asked", &to))
                return;
        if (to.slot >= REDIS_SLOTS || to.port == 0 || strlen(to.host) >= sizeof(to.host) || strcmp(to.host, "?") == 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct redis_reply *reply;
        struct err err;
        if (size == 0 || size > INPUT_MAX_BYTES)
                return 0;
        (void)redis_slot_of_key((const char *)data, size); /* must not read beyond the end */
        struct redis_reader *reader = redis_reader_new(REPLY_MAX_BYTES);
        if (reader && redis_reader_feed(reader, (const char *)data, size, &err) == 0)
                while (redis_reader_next(reader, &reply, &err) > 0) {
                        check_map(reply);
                        check_redirection(reply);
                }
        redis_reader_free(reader);
        return 0;
}
