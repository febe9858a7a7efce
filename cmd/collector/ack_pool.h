/* ack_pool: a pool of Redis clients that write documents for `--ack=replica` and `--ack=fsync`. While one of them waits
 * in WAIT or WAITAOF, the others keep writing. With `--ack=memory` there is no pool.
 *
 *     struct ack_client *client = ack_pool_pick(pool);   // one that is not waiting: send the document's writes there
 *     redis_send(client->redis, &write->set);
 *     ...                                                // after Redis has answered:
 *     ack_client_await(client, &write->ticket);          // ticket.on_done is called later, exactly once
 *     ack_pool_turn(pool);                               // at the end of the loop's turn: sends WAITs, flushes
 *
 * Documents that Redis has answered accumulate at their client. At the end of a turn one WAIT, or WAITAOF, is sent for
 * all of them. Until the reply arrives, the client takes no new documents, because Redis would not read them. At least
 * one client never waits. While all the others wait, the documents of that client accumulate until one of the others is
 * free. So batches grow with the load. A client without a connection takes documents only if no client has one. If only
 * one client has a connection, it takes documents even while it waits.
 *
 * A reply to WAIT covers all earlier writes on the same connection, and no others (redis.io, WAIT). Replies arrive in
 * order, so when that reply says "enough", each document that was answered on that very connection is safe. If a
 * document's connection was lost in between, the reply says nothing about that document: the new connection may lead to
 * a server that became primary without that document, and a WAIT on a connection that has written nothing is answered
 * at once. Such documents are written again (ACK_REWRITE; harmless, because key and bytes are the same) and wait for
 * the next WAIT. The same applies to documents whose WAIT gets no reply. In a Cluster, a document and its feed entry
 * may be on different masters. Each of these masters gets a WAIT, and each must have enough replicas. If a reply is too
 * low, the WAIT is sent again on the same connection until the document's deadline; then the outcome is ACK_UNSAFE.
 *
 * Threads: loop only. The counters of waiting documents (struct redis_budget) are shared. */
#ifndef COLLECTOR_ACK_POOL_H
#define COLLECTOR_ACK_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ack_level.h"
#include "base/err.h"
#include "feed.h"
#include "metrics/metrics.h"
#include "redis/redis.h"
#include "swap.h"

enum { ACK_CLIENTS = 4, ACK_WAITS_MAX = 32 };

enum ack_outcome {
        ACK_SAFE,
        ACK_REWRITE, /* the connection was lost, so the document may not be safe: write it again */
        ACK_UNSAFE,  /* Redis has the document, but not as safely as requested; err says why */
        ACK_REFUSED, /* after ack_pool_refuse: not written, because too many documents are waiting */
};

/* A document that waits to be safe. The caller provides the memory. */
struct ack_ticket {
        void (*on_done)(struct ack_ticket *ticket, enum ack_outcome outcome, const struct err *err);
        struct redis_command *written[2]; /* answered writes that must become safe. NULL: none        */
        bool is_stale;                    /* was written on another connection: must be written again */
        int64_t deadline_ms;              /* of clock_monotonic_ms                                    */
        size_t bytes;                     /* for the budget                                           */
        struct ack_ticket *next;          /* private                                                  */
};

struct ack_queue {
        struct ack_ticket *first, *last;
};

/* A WAIT in progress. In a Cluster there is one for each master that was written to. */
struct ack_wait {
        struct ack_client *client;
        struct redis_command command;
        unsigned wanted;     /* the connection that the WAIT should cover               */
        unsigned connection; /* the connection that the reply covers; 0: no valid reply */
        int64_t count;       /* the reply                                               */
};

struct ack_client {
        struct ack_pool *pool;
        struct redis *redis; /* owned */
        struct ack_wait waits[ACK_WAITS_MAX];
        unsigned wait_count, pending;
        bool is_waiting;
        bool ask_again;     /* a WAIT could not be sent although the connection is up */
        struct err refusal; /* code 0: none */
        int64_t asked_us;
        struct ack_queue tickets, asked; /* waiting for the next WAIT; covered by `waits` */
};

struct ack_pool {
        struct ack_client clients[ACK_CLIENTS];
        unsigned writing; /* takes the next documents */
        struct ack_queue refused;
        struct ack_pool_options {
                struct ack_level level; /* not ACK_MEMORY */
                struct redis_options redis;
                const struct swap *swap;      /* borrowed; NULL: there are no other workers */
                struct redis_budget *waiting; /* counts documents that wait to be safe; borrowed */
                struct metric *wait_seconds, *short_total;
        } options;
        bool is_closing;
};

int ack_pool_open(struct ack_pool *pool, uv_loop_t *loop, const struct ack_pool_options *options,
                  struct redis_target *target, unsigned generation, struct err *err) NODISCARD;
void ack_pool_set_target(struct ack_pool *pool, struct redis_target *target, unsigned generation);

struct ack_client *ack_pool_pick(struct ack_pool *pool);
/* Milliseconds since a client could last write; 0 while a client can. */
int64_t ack_pool_away_ms(const struct ack_pool *pool);
/* True if the number of documents that wait to be safe has reached the limit. In that case, do not write another
 * document. */
bool ack_pool_is_full(const struct ack_pool *pool);

void ack_client_await(struct ack_client *client, struct ack_ticket *ticket);
/* Refuses a document that is not written because the pool is full: on_done is called at the end of this turn. */
void ack_pool_refuse(struct ack_pool *pool, struct ack_ticket *ticket);
void ack_pool_turn(struct ack_pool *pool);

/* Ends every ticket with ACK_UNSAFE and closes the connections; the loop must run until their handles are closed. */
void ack_pool_close(struct ack_pool *pool);

#endif
