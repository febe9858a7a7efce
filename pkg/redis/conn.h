/* conn: one connection, from the address look-up until it is closed.
 *
 * Threads: loop only. */
#ifndef REDIS_CONN_H
#define REDIS_CONN_H

#include "redis/flow.h"
#include "redis/handshake.h"

enum conn_state { CONN_LOCATING, CONN_CONNECTING, CONN_SECURING, CONN_HANDSHAKE, CONN_READY, CONN_CLOSED };

struct conn {
        struct server *server;
        struct redis_target *target; /* a reference; once located, may be a view with the address */
        unsigned generation;         /* the caller's number for the target */
        unsigned epoch;              /* the server's epoch when it was opened */
        enum conn_state state;

        struct redis_locate *locate;
        int64_t looked_ms; /* when it last searched for the primary        */
        bool look_again;   /* search again when the current search is done */
        bool is_suspect;   /* a Sentinel names another primary          */
        struct redis_addresses addresses;
        size_t address_next;
        int64_t deadline_ms;         /* until it must be ready          */
        int64_t address_deadline_ms; /* until the next address is tried */

        struct redis_handshake handshake;
        struct flow flow;

        bool is_retired; /* has been replaced: closes when in_flight is empty */
        bool is_old;     /* older than max_age_ms (renewal.c) */
        int64_t drain_deadline_ms;
        struct conn *next; /* in a list of the client */
};

/* A connection's reports to its client, which may close the connection in response. */
struct conn_events {
        void (*located)(struct conn *conn); /* `addresses` is known, and about to be tried */
        void (*ready)(struct conn *conn);
        /* The connection never became ready. `failure`: NONE (unreachable), DENIED, or why the server accepts no
         * writes. */
        void (*failed)(struct conn *conn, enum redis_failure failure, const struct err *err);
        void (*lost)(struct conn *conn, const struct err *err);
        void (*replied)(struct conn *conn, struct redis_command *command, const struct redis_reply *reply);
        void (*outdated)(struct conn *conn); /* it is_suspect or is_old and should be replaced */
};

struct conn *redis_conn_new(struct server *server, struct redis_target *target, unsigned generation, struct err *err);
void redis_conn_start(struct conn *conn);
/* Drops the socket. The caller must have taken back the commands in flight, and frees the connection when nothing uses
 * it any more. */
void redis_conn_close(struct conn *conn);
void redis_conn_free(struct conn *conn);
void redis_conn_tick(struct conn *conn, int64_t now_ms);
/* Call this in any state if the connection cannot be used. Tries the next address, or reports the loss. */
void redis_conn_broken(struct conn *conn, const struct err *why);

/* True if a ready connection has nothing in flight. */
static inline bool redis_conn_is_idle(const struct conn *conn)
{
        return conn->state == CONN_READY && redis_flight_is_empty(&conn->flow.flight);
}

#endif
