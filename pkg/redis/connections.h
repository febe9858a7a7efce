/* connections: decides which connection of a client takes commands: one is in use, one may be opening, and old ones
 * drain.
 *
 * Threads: loop only. */
#ifndef REDIS_CONNECTIONS_H
#define REDIS_CONNECTIONS_H

#include "redis/conn.h"
#include "redis/ping.h"
#include "redis/renewal.h"

/* Each may be NULL; the client then does nothing. `owner` is the argument of redis_client_open. */
struct client_ops {
        void (*event)(void *owner, const struct redis_event *event);
        /* The target of the next connection: a reference, or NULL when out of memory. Without this function, the
         * client's target is used. */
        struct redis_target *(*seed)(void *owner);
        /* True if a pool (queue.is_pool) wants a connection. */
        bool (*wants_connection)(void *owner);
        /* Called when a connection is ready. True if the owner has used it to fetch the map of a Cluster, and has
         * closed it. */
        bool (*takes)(void *owner, struct conn *conn);
        /* Classifies a reply from `host`. Without this function, redis_failure_of classifies it. */
        enum redis_failure (*judge)(void *owner, struct redis_command *command, const struct redis_reply *reply,
                                    const char *host);
        void (*in_use)(void *owner, struct conn *conn); /* `conn` will now take commands; NULL: no connection does */
        void (*flush)(void *owner);                     /* called before commands are written */
        bool (*is_waiting)(void *owner);                /* flush has to be called periodically */
        void (*close)(void *owner);                     /* the client closes; close everything that holds it */
        int (*format_trial)(struct redis_command *command, void *owner); /* see suspects.h */
        const struct redis_sentinel_ops *sentinel;                       /* see locate.h   */
};

struct client {
        struct server server; /* must be first: conn->server leads to the client */
        const struct client_ops *ops;
        void *owner;
        struct redis_budget own_budget;
        struct redis_numbers own_numbers;
        struct redis_target *target;
        unsigned generation;        /* of the target            */
        unsigned generation_in_use; /* of the connection in use */

        struct conn *active;   /* takes commands; NULL while the server is unreachable */
        struct conn *opening;  /* connecting to `target`                        */
        struct conn *draining; /* retired, with commands in flight              */
        struct conn *dead;     /* closed; freed when the stack is empty         */
        uv_timer_t tick;       /* runs while anything waits                     */
        int64_t ticked_ms;     /* its last run                                  */
        uv_timer_t retry;      /* the next attempt                              */
        struct ping ping;
        struct renewal renewal;
        uint64_t random;

        void (*on_closed)(void *data);
        void *on_closed_data;
};

extern const struct conn_events redis_connections_events; /* for server.events */

/* True if the connection in use takes commands. */
bool redis_connections_are_usable(const struct client *client);
void redis_connections_write(struct client *client); /* writes held commands if the connection is usable */
void redis_connections_emit(struct client *client, struct redis_event event); /* fills in the counts */
/* Plans an attempt to connect, which is made if a connection is wanted. 0: in the next turn; any other wait applies
 * only if no attempt is planned. */
void redis_connections_retry_after(struct client *client, int64_t wait_ms);
/* Asks for the primary, because a Sentinel reports a failover. This Sentinel is asked first. */
void redis_connections_look_again(struct client *client, unsigned sentinel);
/* Called when client_ops.takes has used the opening connection. Closes that connection. */
void redis_connections_served(struct client *client);
/* Drains the connection in use, because the nodes of a Cluster take over. `address` is for the event. */
void redis_connections_stand_back(struct client *client, unsigned generation, const char *address);

void redis_connections_drop_opening(struct client *client);
void redis_connections_close(struct client *client);     /* takes back the commands in flight */
void redis_connections_free_dead(struct client *client); /* only when no caller on the stack uses one */

#endif
