/* redis_uri: splits a Redis URI or a connection string into the fields that entries have.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_URI_H
#define BACKING_REDIS_URI_H

#include "backing/draft.h"
#include "backing/notes.h"

/* Cuts redis://, rediss://, valkey://, valkeys://, tcp://, unix:// or a connection string into parts. `place` is where
 * the text came from, and becomes the place of each part. Lenient: ERR_INVALID, with the place and never the text,
 * only where no reading makes sense. */
int redis_uri_parse(const char *text, size_t length, const char *place, struct draft *parts, struct notes *notes,
                    struct err *err) NODISCARD;

#endif
