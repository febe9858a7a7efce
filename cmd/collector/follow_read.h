/* follow_read: reads the next documents after a position in the feed, as the events of a stream.
 *
 *     read->store = store;
 *     read->on_done = on_done;
 *     follow_read_start(read, &follower->cursor, since_ms);
 *
 *     event: document
 *     data: {"key":"...","document":{...}}
 *     id: 3f9a0c1d2e4b5a67.2026-11-24.1764000000000-0
 *
 * The id is the cursor after the document. One read ends at the end of the feed, or after FOLLOW_READ_DOCUMENTS
 * documents, or with the document that brings it to FOLLOW_READ_BYTES.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOW_READ_H
#define COLLECTOR_FOLLOW_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "feed_reader.h"

enum { FOLLOW_READ_DOCUMENTS = 64, FOLLOW_READ_BYTES = 16 << 10 };

struct follow_read {
        /* Set by the caller. */
        struct store *store;
        void *data, *owner; /* for the caller's own use */
        bool has_no_ids;    /* the events get no id */
        /* Called once for each follow_read_start, and during that call only if memory has run out. May start the next
         * read. */
        void (*on_done)(struct follow_read *read, enum store_outcome outcome, const struct err *err);

        /* The result, until the next start. Valid only with STORE_DONE. */
        struct buf events; /* the text */
        size_t count;
        size_t ends[FOLLOW_READ_DOCUMENTS]; /* the position of each event in the text */
        char keys[FOLLOW_READ_DOCUMENTS][UUID_TEXT_SIZE];
        bool more;            /* there may be more documents already */
        struct cursor cursor; /* after the last document */

        bool is_running;

        /* Private. */
        struct feed_reader reader;
        bool is_open; /* the last event has no id yet */
        bool failed;  /* out of memory */
};

void follow_read_start(struct follow_read *read, const struct cursor *from, uint64_t since_ms);
void follow_read_fini(struct follow_read *read); /* must not be running; all zero is fine */

#endif
