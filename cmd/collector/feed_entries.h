/* feed_entries: reads the next entries of a day into a window: of one stream, or in a Cluster of all its partitions, in
 * the order of their ids.
 *
 *     reader->entries = (struct feed_entries){ .read = &reader->read, .window = &reader->window, .count = 64,
 *                                              .until_ms = UINT64_MAX, .on_done = on_entries };
 *     feed_entries_read(&reader->entries, day, &places);
 *
 * It is one round trip. The order is strict within a partition. Between partitions it is that of what was there when
 * they were read: the clocks of masters differ, and an entry may come to one later than one with a higher id to another.
 * A place for each partition makes sure that such an entry is read all the same, only later.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FEED_ENTRIES_H
#define COLLECTOR_FEED_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "feed_read.h"
#include "feed_window.h"

struct feed_entries {
        /* Set by the caller. */
        struct feed_read *read;
        struct feed_window *window;
        uint64_t since_ms, until_ms; /* bounds of the ids; until is exclusive, UINT64_MAX: none */
        size_t count; /* entries of a partition to ask for, 2 to FEED_READ_MAX; adapts to what was read */
        /* Exactly once for each feed_entries_read, during that call only if memory is short. `read` holds a failure. */
        void (*on_done)(struct feed_entries *entries);

        bool is_inside; /* there may be more entries behind those in the window */

        /* Private. */
        struct cursor_places *places;
        size_t count_next;
        bool has_more[FEED_PARTITIONS];
};

/* The room of a window, in keys, for so many partitions: more than one whole entry of each. */
size_t feed_entries_room(unsigned partitions);

/* Reads what is behind `places`, which are borrowed until on_done. */
void feed_entries_read(struct feed_entries *entries, int64_t day, struct cursor_places *places);

#endif
