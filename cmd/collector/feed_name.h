/* feed_name: each feed has a random name, so that a cursor of one Redis is not mistaken for a position in another. The
 * name is the value of the Redis key `<prefix>collector:feed:id`, which the first reader of a list sets
 * (feed_naming.h). Each process remembers it for the target in use.
 *
 * Threads: any; there is no state. */
#ifndef COLLECTOR_FEED_NAME_H
#define COLLECTOR_FEED_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "feed.h"

enum { FEED_NAME_LENGTH = 16, FEED_NAME_SIZE = FEED_NAME_LENGTH + 1 };

/* All zero: unknown. */
struct feed_name {
        unsigned generation; /* of the target */
        char text[FEED_NAME_SIZE];
};

/* The key that holds the name. `prefix` has at most FEED_PREFIX_MAX bytes. */
char *feed_name_key(const char *prefix, char out[FEED_STREAM_SIZE]);
/* True for 16 hexadecimal digits in lower case. */
bool feed_name_is_sound(const char *text, size_t length);

static inline bool feed_name_is_known(const struct feed_name *name, unsigned generation)
{
        return name->text[0] && name->generation == generation;
}

#endif
