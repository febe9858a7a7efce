/* tail: reads new entries at the end of the feed, for all followers that are up to date. It runs only while there are
 * any.
 *
 *     tail_init(&tail, loop, store, &collector->feed_entries);
 *     tail.on_events = on_events; ...
 *     tail_begin(&tail, &cursor, 0);
 *     ...
 *     static void on_events(struct tail *tail)      // delivers tail->read.events to all followers, now or later
 *     tail_go_on(&tail);                            // when all followers have them
 *
 * It reads soon after this process has added an entry, and regularly to find entries of other processes.
 *
 * Threads: loop only; `entries` is shared. */
#ifndef COLLECTOR_TAIL_H
#define COLLECTOR_TAIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "cursor.h"
#include "follow_read.h"
#include "store.h"

struct tail {
        /* Set by the caller. */
        void (*on_events)(struct tail *tail); /* `read` has events; the tail waits for tail_go_on */
        void (*on_end)(struct tail *tail); /* after a read without events, or after tail_go_on if the read has reached
                                            * the end */
        /* The cursor is from another feed: the tail has stopped. */
        void (*on_foreign)(struct tail *tail);

        struct follow_read read;
        struct cursor cursor; /* the tail's position */
        struct cursor before; /* its position before the current read */
        uint64_t begun;       /* the number of the last read */
        uint64_t ended;       /* the number of the last read that has reached the end of the feed */
        uint64_t handed;      /* how many times `cursor` has passed documents */
        bool is_following;

        /* Private. */
        const atomic_uint *entries;
        unsigned seen; /* value of `entries` before the last read */
        uint64_t since_ms;
        uv_timer_t timer;
        bool is_reading, is_handing;
        bool is_stale;          /* the current read began before the last tail_stop */
        uint64_t read_at_ms;    /* when the last read began, by the loop's clock */
        uint64_t handing_at_ms; /* when its events were available */
        uint64_t gap_ms;        /* from the beginning of a read to that of the next, at least ... */
        uint64_t pause_ms;      /* ... and at most */
};

void tail_init(struct tail *tail, uv_loop_t *loop, struct store *store, const atomic_uint *entries);
void tail_close(struct tail *tail); /* closes its timer; call this when Redis's clients are closed */
void tail_fini(struct tail *tail);

/* Begins to follow after the cursor. The tail must not be following yet. */
void tail_begin(struct tail *tail, const struct cursor *cursor, uint64_t since_ms);
void tail_stop(struct tail *tail);
/* An entry was added: checks now. */
void tail_look(struct tail *tail);
void tail_go_on(struct tail *tail);

#endif
