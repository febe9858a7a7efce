/* uuid: RFC 9562 UUIDs, generated from a pool of random bytes from the kernel.
 *
 *     struct uuid_source source;
 *     struct uuid id;
 *     char text[UUID_TEXT_SIZE];
 *     uuid_source_init(&source);
 *     uuid_v7(&source, clock_realtime_ms(), &id);
 *     uuid_format(&id, text);                      // "0193a5b8-7f2c-7d11-9c3e-5a1b2c3d4e5f"
 *
 * Threads: a uuid_source belongs to one thread; the other functions have no state. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UUID_TEXT_LENGTH = 36, UUID_TEXT_SIZE = UUID_TEXT_LENGTH + 1 };

struct uuid {
        unsigned char bytes[16]; /* network order, as RFC 9562 section 4 lays them out */
};

/* A pool of random bytes, refilled with getrandom(2). */
struct uuid_source {
        unsigned char pool[1024];
        size_t used;
        int64_t last_ms;  /* the millisecond of the last version 7 */
        uint16_t counter; /* 12-bit counter within that millisecond */
};

void uuid_source_init(struct uuid_source *source);

/* Version 4: random (RFC 9562, section 5.4). */
void uuid_v4(struct uuid_source *source, struct uuid *out);

/* Version 7: Unix milliseconds, then random (section 5.7). UUIDs from one source ascend even within a millisecond and
 * if the clock steps back (section 6.2, method 1: a counter in rand_a). */
void uuid_v7(struct uuid_source *source, int64_t unix_ms, struct uuid *out);

/* Version 8 from 16 given bytes, of which 122 bits are kept (section 5.8). */
void uuid_v8(const unsigned char bytes[16], struct uuid *out);

/* The Unix milliseconds in a version 7, or -1 for any other version. */
int64_t uuid_v7_ms(const struct uuid *id);

/* Writes lower case with hyphens and a trailing NUL. Returns `out`. */
char *uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE]);

/* True if `text` is exactly 36 characters of the form 8-4-4-4-12 in hexadecimal digits of either case, of any version
 * and variant; sets `*out` (out may be NULL). */
bool uuid_parse(const char *text, size_t length, struct uuid *out);

#endif
