/* redis_uri: splits a Redis URI or a connection string into the fields of binding entries.
 *
 * Threads: any. */
#ifndef BACKING_REDIS_URI_H
#define BACKING_REDIS_URI_H

#include "backing/draft.h"
#include "backing/notes.h"

/* Cuts redis://, rediss://, valkey://, valkeys://, tcp://, unix:// or a connection string into parts. `place` is the
 * origin of the text and becomes the place of each part. Parsing is lenient: ERR_INVALID, with the origin and never the
 * text, only if no interpretation makes sense. */
int redis_uri_parse(const char *text, size_t length, const char *place, struct draft *parts, struct notes *notes,
                    struct err *err) NODISCARD;

#endif
