/* followers: all followers of a worker. A follower is either current, and gets what the tail reads (tail.h), or behind.
 * A follower that is behind reads on its own, as fast as its client does; only a few followers read at once.
 *
 *     new --> behind <--> full, later, unsure
 *                ^  \
 *                |   v
 *               current
 *
 * When a read for a follower reaches the end of the feed, the follower becomes current if the tail has had no events
 * since that read began: then the follower has every document that the tail has read. If it has later documents as
 * well, it omits them when the tail reads them (follower_ahead.h).
 *
 * A follower whose client does not read falls behind: only its cursor is kept. follower_has_room (follower.h) limits
 * what may wait for one client, and large_writes.h limits what all clients together have in flight. A client that reads
 * nothing for minutes is disconnected (http/deadline.h).
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOWERS_H
#define COLLECTOR_FOLLOWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/list.h"
#include "follow_read.h"
#include "follow_status.h"
#include "follower.h"
#include "large_writes.h"
#include "newcomers.h"
#include "rebinding.h"
#include "store.h"
#include "tail.h"

struct collector;
struct instruments;

enum { FOLLOWERS_READS_MAX = 8 };

struct followers {
        struct collector *collector; /* borrowed, like the next ones */
        struct store *store;
        struct instruments *instruments;
        struct list all;
        size_t count;
        struct newcomers newcomers;
        struct list behind, full, later, unsure;
        struct list current, next; /* `next` has not received the tail's last events yet */
        struct large_writes large;
        struct follow_status status; /* its worker initialises it */
        struct follow_read reads[FOLLOWERS_READS_MAX];
        struct tail tail;
        uv_idle_t handing; /* runs while `next` is not empty */
        struct rebinding rebinding;
        bool is_starting, is_closing;
};

void followers_init(struct followers *followers, uv_loop_t *loop, struct collector *collector, struct store *store,
                    struct instruments *instruments, struct redis_target *target, unsigned generation);
/* Starts no more reads; call it before Redis's clients are closed. */
void followers_close(struct followers *followers);
void followers_fini(struct followers *followers);

/* Adds a new follower whose request has not been answered yet. It begins after its cursor, or now if the cursor is
 * empty and since_ms is 0. The follower is taken. */
void followers_add(struct followers *followers, struct follower *follower);
/* Call this once a second: sends comments, and wakes the followers that wait for the next second. */
void followers_second(struct followers *followers);
/* Call this when this worker is about to use another Redis. */
void followers_swapped(struct followers *followers, struct redis_target *target, unsigned generation);

#endif
