/* flow: the commands and replies of one connection, once its socket is connected.
 *
 * Threads: loop only. */
#ifndef REDIS_FLOW_H
#define REDIS_FLOW_H

#include "redis/failure.h"
#include "redis/reader.h"
#include "redis/server.h"

struct flow;

struct flow_events {
        void (*greeted)(struct flow *flow, const struct redis_reply *reply); /* a reply while `is_greeting` */
        void (*replied)(struct flow *flow, struct redis_command *command, const struct redis_reply *reply);
        void (*broken)(struct flow *flow, const struct err *why); /* unusable */
};

struct flow {
        struct server *server;
        const struct flow_events *events;
        struct redis_channel *channel; /* NULL: closed */
        struct redis_reader *reader;
        struct flight flight;
        bool is_greeting; /* replies belong to the handshake           */
        bool is_active;   /* the client sends its commands here        */
        bool has_turn;    /* may take more from the queue (suspects.c) */
        bool is_reading;
        bool is_blocked;          /* the socket is full; it waits until it is writable                  */
        int64_t heard_ms;         /* time of the last byte, or of the first command in flight after an idle period */
        int64_t answered_ms;      /* time of the last whole reply, or of that first command */
        int64_t hold_until_ms;    /* writes nothing before this time (sentinel_watch.c); 0: no hold     */
        enum redis_failure pause; /* Redis refused a command: writes nothing until in_flight is empty   */
        unsigned number;          /* number among the client's connections, from 1 */
        unsigned generation;      /* of the target                                                      */
};

void redis_flow_read(struct flow *flow);
void redis_flow_write(struct flow *flow); /* sends from the server's queue as much as the socket accepts */

#endif
