/* cursor: a position in the feed, as a string that a client keeps and sends back.
 *
 * It consists of the feed's name (feed_name.h), a day, and the last entry seen in that day's stream. If only the first
 * keys of that entry were seen, their number follows. Around midnight, two streams may grow at once because the
 * writers' clocks differ; then the cursor also has a position in the next day's stream:
 *     3f9a0c1d2e4b5a67.2026-11-23.1764028799000-0~1764028800123-4.17
 *
 * In a Cluster it has a position in each partition that has entries. The name is then followed by a `p` and numbers in
 * compact form:
 *     3f9a0c1d2e4b5a67.pURYAAB9...
 *
 * The cursor of a descending list, which begins with the newest documents, has a `d` before the day, or a `q` instead
 * of the `p`. Its positions are in that day and in the day before. Everything after a position has been seen, so a
 * number after an id says how many keys of that entry are still to be read. 0-1, the smallest possible id, means that
 * there is nothing more to read.
 *     3f9a0c1d2e4b5a67.d2026-11-24.1764028800123-4.17~1764028799000-0
 *
 * Threads: any. */
#ifndef COLLECTOR_CURSOR_H
#define COLLECTOR_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed.h"
#include "feed_name.h"

enum { CURSOR_SIZE = 256 };

struct cursor_point {
        struct feed_id id; /* the last entry seen; 0-0: none                                                      */
        unsigned keys;     /* the position is after that many of the entry's keys; 0: after all of them */
};

/* A position in each partition of a day. */
struct cursor_places {
        struct cursor_point of[FEED_PARTITIONS];
};

struct cursor {
        char feed[FEED_NAME_SIZE]; /* "": not known yet */
        bool is_descending;
        int64_t day;
        struct cursor_places after;      /* in the streams of `day`                                         */
        struct cursor_places after_next; /* in the streams of the next day, or, if it is descending, the day before */
};

/* True if nothing of that day has been seen. */
bool cursor_places_are_new(const struct cursor_places *places);

/* The descending position from which a reader gets the entries up to `newest`; for 0-0, no entries. */
struct cursor_point cursor_point_behind(struct feed_id newest);
/* True if a descending reader has seen everything. */
bool cursor_point_is_over(const struct cursor_point *point);

/* If not all positions fit, because of sequences that no real clock produces, the positions in the last partitions are
 * omitted, and their documents are listed again (if the cursor is descending, all documents of that day). */
char *cursor_format(const struct cursor *cursor, char out[CURSOR_SIZE]);
/* False if `text` is not a cursor; *out is then unchanged. */
bool cursor_parse(const char *text, struct cursor *out);
/* True for a cursor of version 0.1.0, which did not name its feed. */
bool cursor_is_old(const char *text);

/* The time of the cursor's newest id, in Unix milliseconds; 0: the cursor has no id. */
int64_t cursor_newest_ms(const struct cursor *cursor);

/* Why Collector rejects a cursor of another feed, and a cursor that is too old: documents after such a cursor may have
 * expired unseen. */
#define CURSOR_OTHER_REDIS "the cursor is from another Redis, or Redis has lost its data"
#define CURSOR_TOO_OLD "the cursor is older than the retention time"

#endif
