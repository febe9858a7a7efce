/* follower: a client that follows the stream, its position in the feed, and what is written to it. followers.h moves
 * followers between the states.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_FOLLOWER_H
#define COLLECTOR_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "cursor.h"
#include "follow_read.h"
#include "follow_status.h"
#include "follower_ahead.h"
#include "http/http.h"
#include "large_writes.h"
#include "metrics/metrics.h"

enum follower_state {
        FOLLOWER_NEW,     /* waits until the end of the feed is known; not answered yet */
        FOLLOWER_BEHIND,  /* waits for its turn to read, or reads */
        FOLLOWER_FULL,    /* behind; waits until its client has read */
        FOLLOWER_LATER,   /* behind; waits for the next second */
        FOLLOWER_UNSURE,  /* behind; waits until the tail has reached the end */
        FOLLOWER_CURRENT, /* has everything that the tail has read */
};

struct follower {
        struct list link;     /* in the list of its state */
        struct list all_link; /* in followers->all */
        void *followers;      /* a struct followers, for the callbacks of its stream */
        enum follower_state state;
        struct http_request *request;
        struct cursor cursor;     /* unused while it is current: the tail has the position then */
        uint64_t since_ms;        /* older documents are skipped */
        struct follow_read *read; /* the read for this follower; NULL: none */
        int64_t read_ms;          /* when the read began, monotonic */
        uint64_t handed;          /* tail.handed when the read began; before the answer, tail.begun when the request
                                   * arrived */
        struct follower_ahead ahead;
        unsigned former;     /* the generation of the former Redis that it reads; 0: that in use (rebinding.h) */
        bool has_begun;      /* its cursor is known to belong to the feed in use */
        struct cursor *late; /* owned: its place in the former Redis that it left last; NULL: it left none */
        unsigned late_round; /* of late_documents.h */
        struct large_write large;
        struct follow_status_reader status;
        int64_t behind_since_ms; /* monotonic */
        int64_t comment_ms;      /* monotonic: of the last comment */
        uint64_t count;          /* documents written */
        uint64_t random_ms;      /* the client waits this long before it reconnects */
};

/* False: the client reads too slowly to be sent that many more bytes. */
bool follower_has_room(const struct follower *follower, size_t bytes);
/* Writes the events of a read, except for documents that the follower already has. Returns the number of events
 * written. */
size_t follower_write(struct follower *follower, const struct follow_read *read);
/* True if documents after its cursor may have expired unseen. */
bool follower_is_too_old(const struct follower *follower, int64_t retention_ms);
/* Sends the event `reset`: the client then gets all documents of that feed. */
void follower_reset(struct follower *follower, const char *feed, const char *reason);
/* Sends the event `rebound`: the client then gets what the store's Redis has received since `unix_ms`, or since the
 * follower left that Redis. */
void follower_rebind(struct follower *follower, const struct store *store, const char *address, int64_t unix_ms);
/* Sends a comment if it is time for one. Call this once a second. */
void follower_comment(struct follower *follower, int64_t now_ms);

#endif
