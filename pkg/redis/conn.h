/* conn: one connection, from the look-up to its end.
 *
 * Threads: loop only. */
#ifndef REDIS_CONN_H
#define REDIS_CONN_H

#include "redis/flow.h"
#include "redis/handshake.h"

enum conn_state { CONN_LOCATING, CONN_CONNECTING, CONN_SECURING, CONN_HANDSHAKE, CONN_READY, CONN_CLOSED };

struct conn {
        struct server *server;
        struct redis_target *target; /* a reference; once located, perhaps a view with the address */
        unsigned generation;         /* the caller's number of the target */
        unsigned epoch;              /* the server's, when it was made    */
        enum conn_state state;

        struct redis_locate *locate;
        int64_t looked_ms; /* when it last asked where the primary is      */
        bool look_again;   /* ask again when the present search is done    */
        bool is_suspect;   /* a Sentinel names another primary             */
        struct redis_addresses addresses;
        size_t address_next;
        int64_t deadline_ms;         /* until it must be ready          */
        int64_t address_deadline_ms; /* until the next address is tried */

        struct redis_handshake handshake;
        struct flow flow;

        bool is_retired; /* has a successor: closes when in_flight is empty */
        bool is_old;     /* it is past its age (renewal.c)                  */
        int64_t drain_deadline_ms;
        struct conn *next; /* in a list of the client */
};

/* What a connection reports to its client, which may close it. */
struct conn_events {
        void (*ready)(struct conn *conn);
        /* It never became ready. `failure`: NONE (unreachable), DENIED, or why the server accepts no writes. */
        void (*failed)(struct conn *conn, enum redis_failure failure, const struct err *err);
        void (*lost)(struct conn *conn, const struct err *err);
        void (*replied)(struct conn *conn, struct redis_command *command, const struct redis_reply *reply);
        void (*outdated)(struct conn *conn); /* it is_suspect or is_old: a successor is wanted */
};

struct conn *redis_conn_new(struct server *server, struct redis_target *target, unsigned generation, struct err *err);
void redis_conn_start(struct conn *conn);
/* Drops the socket. The caller has taken back what was in flight, and frees it when nothing uses it any more. */
void redis_conn_close(struct conn *conn);
void redis_conn_free(struct conn *conn);
void redis_conn_tick(struct conn *conn, int64_t now_ms);
/* The connection is of no use, in whatever state it is: tries the next address, or reports that it is lost. */
void redis_conn_broken(struct conn *conn, const struct err *why);

/* Nothing is in flight on a connection that is ready. */
static inline bool redis_conn_is_idle(const struct conn *conn)
{
        return conn->state == CONN_READY && redis_flight_is_empty(&conn->flow.flight);
}

#endif
