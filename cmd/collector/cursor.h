/* cursor: a position in the feed, in the form of text that a client keeps and sends back.
 *
 * It consists of a day and the last entry seen in that day's stream. Around midnight, two streams may grow at once
 * because the writers' clocks differ; then the cursor also has a position in the next day's stream:
 *     2026-11-23.1764028799000-0~1764028800123-4
 *
 * Threads: any. */
#ifndef COLLECTOR_CURSOR_H
#define COLLECTOR_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed.h"

enum { CURSOR_SIZE = FEED_DAY_SIZE + 2 * FEED_ID_SIZE + 4 };

struct cursor {
        int64_t day;
        struct feed_id after;      /* the last entry seen in the stream of `day`; 0-0: none     */
        struct feed_id after_next; /* the same in the stream of the next day                    */
};

char *cursor_format(const struct cursor *cursor, char out[CURSOR_SIZE]);
/* False if `text` is not a cursor; *out is then unchanged. */
bool cursor_parse(const char *text, struct cursor *out);

#endif
