/* feed_entries: reads the next entries of a day into a window, in the order of their ids: from one stream or, in a
 * Cluster, from all partitions of the day.
 *
 *     reader->entries = (struct feed_entries){ .read = &reader->read, .window = &reader->window, .count = 64,
 *                                              .until_ms = UINT64_MAX, .on_done = on_entries };
 *     feed_entries_read(&reader->entries, day, &places);
 *
 * A descending reader gets the entries before the positions, newest first, and the keys of an entry last to first.
 * This takes one round trip. The order is strict within a partition. Across partitions, it is the order of the entries
 * that existed at the time of the read. The clocks of masters differ, so one master may get an entry later than another
 * master gets an entry with a higher id. Because there is a position for each partition, such a late entry is still
 * read, only later.
 *
 * The keys of an entry that repeats another (feed_again.h) are omitted if this reader gets the other entry as well.
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
        bool is_descending;
        uint64_t since_ms, until_ms; /* bounds of the ids; until is exclusive, UINT64_MAX: none */
        size_t count; /* entries to request from a partition, 2 to FEED_READ_MAX; adapts to what was read */
        /* Called exactly once for each feed_entries_read, and during that call only if memory has run out. `read` holds
         * a failure. */
        void (*on_done)(struct feed_entries *entries);

        bool is_inside; /* there may be more entries after those in the window */

        /* Private. */
        struct cursor_places *places;
        size_t count_next;
        bool has_more[FEED_PARTITIONS];
};

/* The size of a window, in keys, for that many partitions: room for more than one whole entry of each. */
size_t feed_entries_room(unsigned partitions);

/* Reads the entries after `places`, which are borrowed until on_done. A descending reader must have something to read
 * in at least one partition. */
void feed_entries_read(struct feed_entries *entries, int64_t day, struct cursor_places *places);

#endif
