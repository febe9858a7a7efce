/* reader: turns bytes into replies (reply.c).
 *
 * Threads: one at a time. */
#ifndef REDIS_READER_H
#define REDIS_READER_H

#include <stddef.h>

#include "base/attr.h"
#include "redis/reply.h"

struct redis_reader; /* opaque */

struct redis_reader *redis_reader_new(size_t reply_max_bytes); /* NULL: out of memory */
void redis_reader_free(struct redis_reader *reader);           /* NULL is fine        */
int redis_reader_feed(struct redis_reader *reader, const char *bytes, size_t count, struct err *err) NODISCARD;
/* 1 with a reply that lives until the next call; 0 while a reply is incomplete; ERR_PROTOCOL or ERR_NOMEM. */
int redis_reader_next(struct redis_reader *reader, const struct redis_reply **out, struct err *err) NODISCARD;

#endif
