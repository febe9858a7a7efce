/* lanes: connections that take turns, so that waiting for replicas or for the disk does not stop the flow. Only for
 * `--ack=replica` and `--ack=fsync`; with `--ack=memory` there are none.
 *
 *     struct lane *lane = lanes_pick(lanes);             // one that does not wait: a document's writes go there
 *     redis_send(lane->redis, &write->set);
 *     ...                                                // Redis has answered; then
 *     lane_await(lane, &write->ticket);                  // ticket.on_done comes later, exactly once
 *     lanes_turn(lanes);                                 // at the end of the loop's turn: asks, and writes
 *
 * A lane is a connection of its own (a struct redis). Documents that Redis has answered gather on their lane; at the
 * end of a turn one WAIT, or WAITAOF, goes out for all of them, and until its reply the lane takes no new documents:
 * Redis would not read them. At least one lane never waits. While all others do, its documents are done by Redis and
 * gather; they are asked for when the next lane is free. So under load the batch grows by itself.
 * A lane without a connection takes documents only where no lane has one. Where a single lane has one, it both waits
 * and takes documents.
 *
 * What a reply to WAIT is worth: it speaks for all writes that came before it on the same connection, and for no
 * other connection (redis.io, WAIT). Replies come in order, so when it says "enough", each document that was answered
 * on that very connection is safe. All others on the lane, whose connection was lost in between, say nothing: the new
 * one may lead to a server that was made primary without having them, and a WAIT on a connection that has written
 * nothing is answered at once. They are written again (LANE_REWRITE; the same key and bytes, so it does no harm) and
 * gather once more. The same when the WAIT itself gets no answer.
 * In a Cluster a document and its entry in the feed may be on two masters: each that was written to is asked, and both
 * must have said enough.
 * A reply that comes short is asked for again, on the same connection, until the document's deadline: LANE_UNSAFE.
 *
 * Threads: loop only. The counts of what waits (struct redis_budget) are shared. */
#ifndef COLLECTOR_LANES_H
#define COLLECTOR_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acks.h"
#include "base/err.h"
#include "feed.h"
#include "metrics/metrics.h"
#include "redis/redis.h"
#include "swap.h"

enum { LANES = 4, LANE_WAITS_MAX = 32 };

enum lane_outcome {
        LANE_SAFE,
        LANE_REWRITE, /* the connection that it was written on says nothing of it any more: write it again */
        LANE_UNSAFE,  /* Redis has it, and the level is not reached; err says why                          */
        LANE_REFUSED, /* not written: too much waits already; of lanes_refuse                              */
};

/* A document that waits; memory of the caller's. */
struct lane_ticket {
        void (*on_done)(struct lane_ticket *ticket, enum lane_outcome outcome, const struct err *err);
        struct redis_command *written[2]; /* answered; what is to be safe. NULL: none                      */
        bool is_stale;                    /* what was written is known to say nothing: to be written again */
        int64_t deadline_ms;              /* of clock_monotonic_ms                                         */
        size_t bytes;                     /* for the budget                                                */
        struct lane_ticket *next;         /* private                                                       */
};

struct lane_queue {
        struct lane_ticket *first, *last;
};

/* One WAIT of those that are under way: in a Cluster there is one for each master that was written to. */
struct lane_wait {
        struct lane *lane;
        struct redis_command command;
        unsigned wanted;     /* the connection that it is to speak for     */
        unsigned connection; /* that it has spoken for; 0: no good answer  */
        int64_t count;       /* what it said                               */
};

struct lane {
        struct lanes *lanes;
        struct redis *redis; /* owned */
        struct lane_wait waits[LANE_WAITS_MAX];
        unsigned wait_count, pending;
        bool is_waiting;
        bool ask_again;     /* a WAIT could not be sent, though the connection stands */
        struct err refusal; /* code 0: none */
        int64_t asked_us;
        struct lane_queue tickets, asked; /* gathering; those that the waits are for */
};

struct lanes {
        struct lane lane[LANES];
        unsigned writing; /* the one that takes documents */
        struct lane_queue refused;
        struct lanes_options {
                struct ack_level level; /* not ACK_MEMORY */
                struct redis_options redis;
                const struct swap *swap;      /* NULL: no other worker can be ahead. Borrowed */
                struct redis_budget *waiting; /* counts documents that wait for safety. Borrowed */
                struct metric *wait_seconds, *short_total;
        } options;
        bool is_closing;
};

int lanes_open(struct lanes *lanes, uv_loop_t *loop, const struct lanes_options *options, struct redis_target *target,
               unsigned generation, struct err *err) NODISCARD;
void lanes_set_target(struct lanes *lanes, struct redis_target *target, unsigned generation);

struct lane *lanes_pick(struct lanes *lanes);
/* Milliseconds since documents could last be written; 0 while they can on some lane. */
int64_t lanes_away_ms(const struct lanes *lanes);
/* True when as much waits for safety as may wait for Redis: no document is written then. */
bool lanes_are_full(const struct lanes *lanes);

void lane_await(struct lane *lane, struct lane_ticket *ticket);
/* For a document that is not written because they are full: on_done comes at the end of this turn. */
void lanes_refuse(struct lanes *lanes, struct lane_ticket *ticket);
void lanes_turn(struct lanes *lanes);

/* Tells every ticket LANE_UNSAFE and closes the connections; the loop must run until their handles are closed. */
void lanes_close(struct lanes *lanes);

#endif
