/* expect: checks that a reply fits its command.
 *
 * Threads: any. */
#ifndef REDIS_EXPECT_H
#define REDIS_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "redis/reply.h"

/* A successful SET proves that Redis accepts documents, a successful WRITE that it accepts writes. */
enum redis_kind {
        REDIS_KIND_READ,
        REDIS_KIND_WRITE,
        REDIS_KIND_SET, /* a write that carries a document */
        REDIS_KINDS,
};

/* The expectation of one command; only expect.c uses the fields. */
struct redis_expected {
        unsigned char row, shape; /* index of the command, and the fitting replies */
        size_t most;              /* the largest size that fits */
};

/* Looks the command up by its name. */
void redis_expect(struct redis_expected *out, size_t argc, const char *const argv[], const size_t lengths[]);
bool redis_expected_fits(const struct redis_expected *expected, const struct redis_reply *reply);
/* Describes a reply that does not fit; returns ERR_PROTOCOL. */
int redis_expected_not(const struct redis_expected *expected, const struct redis_reply *reply, struct err *err);
const char *redis_expected_name(const struct redis_expected *expected); /* the command's name, such as "SET"; static */
enum redis_kind redis_expected_kind(const struct redis_expected *expected);
bool redis_expected_only_reads(const struct redis_expected *expected); /* false for an unknown command */

#endif
