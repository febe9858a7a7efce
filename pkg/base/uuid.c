/* uuid: a UUID needs 10 to 16 random bytes and a service makes two UUIDs per request, so bytes are fetched 1 KiB at a
 * time: one system call for about 70 UUIDs. Version 7 keeps a 12-bit counter in rand_a, which starts at a random number
 * in its lower half each millisecond. When it overflows, the time in the UUID runs a millisecond ahead of the clock, so
 * that no UUID repeats. */
#include "base/uuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"

enum { COUNTER_MAX = 0xfff, COUNTER_SEED_MASK = 0x7ff };

static void refill(struct uuid_source *source)
{
        size_t got = 0;
        while (got < sizeof(source->pool)) {
                ssize_t n = getrandom(source->pool + got, sizeof(source->pool) - got, 0);
                if (n > 0)
                        got += (size_t)n;
                else if (n < 0 && errno != EINTR)
                        abort(); /* without getrandom, keys would not be unique */
        }
        source->used = 0;
}

static void take_random(struct uuid_source *source, unsigned char *out, size_t count)
{
        if (source->used + count > sizeof(source->pool))
                refill(source);
        memcpy(out, source->pool + source->used, count);
        source->used += count;
}

static void set_version(struct uuid *id, unsigned version)
{
        id->bytes[6] = (unsigned char)((id->bytes[6] & 0x0f) | (version << 4));
        id->bytes[8] = (unsigned char)((id->bytes[8] & 0x3f) | 0x80);
}

void uuid_source_init(struct uuid_source *source)
{
        *source = (struct uuid_source){ .used = sizeof(source->pool), .last_ms = -1 };
}

void uuid_v4(struct uuid_source *source, struct uuid *out)
{
        take_random(source, out->bytes, sizeof(out->bytes));
        set_version(out, 4);
}

void uuid_v7(struct uuid_source *source, int64_t unix_ms, struct uuid *out)
{
        take_random(source, out->bytes + 6, 10);
        if (unix_ms > source->last_ms) {
                source->last_ms = unix_ms;
                source->counter = (uint16_t)((out->bytes[6] << 8 | out->bytes[7]) & COUNTER_SEED_MASK);
        } else if (source->counter < COUNTER_MAX) {
                source->counter++;
        } else {
                source->last_ms++;
                source->counter = 0;
        }
        uint64_t ms = (uint64_t)source->last_ms;
        for (int i = 0; i < 6; i++)
                out->bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
        out->bytes[6] = (unsigned char)(source->counter >> 8);
        out->bytes[7] = (unsigned char)source->counter;
        set_version(out, 7);
}

void uuid_v8(const unsigned char bytes[16], struct uuid *out)
{
        memcpy(out->bytes, bytes, sizeof(out->bytes));
        set_version(out, 8);
}

int64_t uuid_v7_ms(const struct uuid *id)
{
        if (id->bytes[6] >> 4 != 7)
                return -1;
        uint64_t ms = 0;
        for (int i = 0; i < 6; i++)
                ms = ms << 8 | id->bytes[i];
        return (int64_t)ms;
}

char *uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE])
{
        char *p = out;
        for (int i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                *p++ = hex_char(id->bytes[i] >> 4);
                *p++ = hex_char(id->bytes[i]);
        }
        *p = '\0';
        return out;
}

bool uuid_parse(const char *text, size_t length, struct uuid *out)
{
        static const unsigned char places[] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34 };
        struct uuid id;
        int all = 0; /* negative as soon as one of them is */
        if (length != UUID_TEXT_LENGTH || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
                return false;
        for (size_t i = 0; i < sizeof(id.bytes); i++) {
                int high = hex_digit(text[places[i]]), low = hex_digit(text[places[i] + 1]);
                all |= high | low;
                id.bytes[i] = (unsigned char)((unsigned)high << 4 | (unsigned)low);
        }
        if (all < 0)
                return false;
        if (out)
                *out = id;
        return true;
}
