/* server: a client's view of its server: the waiting commands, its health, and what all connections to it share.
 *
 * Threads: loop only. */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include "redis/life.h"
#include "redis/locate.h"
#include "redis/suspects.h"

enum { REDIS_READ_BYTES = 64 << 10 };

struct conn_events;

/* Shared by the clients of a Cluster, so that callers can compare the numbers of commands. */
struct redis_numbers {
        unsigned connections, nodes;
        uint64_t written; /* commands */
};

struct redis_observers {
        void (*on_batch)(size_t commands, void *data);
        void *on_batch_data;
        void (*on_round_trip)(int64_t us, void *data);
        void *on_round_trip_data;
};

struct server {
        uv_loop_t *loop;
        struct redis_options options; /* defaults filled in */
        struct redis_life life;
        struct queue queue;
        struct suspects suspects;
        struct redis_health health;
        struct redis_locator locator;
        struct redis_counters counters;
        struct redis_numbers *numbers;
        struct redis_observers observers;
        const struct conn_events *events;                                  /* the connections' reports to the client */
        void (*on_message)(const struct redis_reply *message, void *data); /* of a subscription; NULL: none */
        void *on_message_data;
        unsigned epoch;    /* counts changes to the target; a connection of another epoch is out of date */
        bool second_first; /* the target's second password is the one that works */
        char read_buffer[REDIS_READ_BYTES];
};

static inline int64_t redis_now_ms(const struct server *server)
{
        return (int64_t)uv_now(server->loop);
}

/* Milliseconds since the server became unusable; 0 while it is usable. */
static inline int64_t redis_server_away_ms(const struct server *server)
{
        return server->health.away_since_ms ? redis_now_ms(server) - server->health.away_since_ms : 0;
}

#endif
