/* feed_naming: reads the name of the feed in use, or sets one if there is none. This takes one or two round trips.
 *
 *     reader->naming = (struct feed_naming){ .read = &reader->read, .on_known = on_named };
 *     feed_naming_start(&reader->naming);
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_NAMING_H
#define COLLECTOR_FEED_NAMING_H

#include "base/err.h"
#include "feed_name.h"
#include "feed_read.h"

struct feed_naming {
        /* Set by the caller. */
        struct feed_read *read;
        /* Called exactly once, and during feed_naming_start only if memory has run out. The store then has the name, or
         * `read` has a failure. */
        void (*on_known)(struct feed_naming *naming);

        /* Private. */
        char offered[FEED_NAME_SIZE];
        enum store_outcome outcome; /* of the SET */
        struct err refusal;         /* why the SET failed, unless `outcome` is STORE_DONE */
};

void feed_naming_start(struct feed_naming *naming);

#endif
