/* client: keeps a connection to one server: one in use, one on its way, and old ones that drain.
 *
 *     redis_client_open(loop, &options, target, 1, &ops, owner, &client, &err);
 *     redis_client_send(client, &command);
 *     redis_client_flush(client);
 *     redis_client_close(client, on_closed, data);
 *
 * Who opens it hands down in `ops` what only he knows: where the next connection goes, what a reply of a Cluster node
 * means, who hears of events.
 *
 * Threads: loop only. */
#ifndef REDIS_CLIENT_H
#define REDIS_CLIENT_H

#include "redis/conn.h"
#include "redis/upkeep.h"

/* Each may be NULL: then the client goes without. `owner` is what redis_client_open was given. */
struct client_ops {
        void (*event)(void *owner, const struct redis_event *event);
        /* Where the next connection goes: a reference, or NULL when out of memory. NULL: to the target. */
        struct redis_target *(*seed)(void *owner);
        /* Whether a pool (queue.is_pool) wants a connection. */
        bool (*wants_connection)(void *owner);
        /* A connection is ready. True: the owner has used it, for a map of a Cluster, and closed it. */
        bool (*takes)(void *owner, struct conn *conn);
        /* What a reply means; `host` is where it comes from. NULL: redis_failure_of. */
        enum redis_failure (*judge)(void *owner, struct redis_command *command, const struct redis_reply *reply,
                                    const char *host);
        void (*in_use)(void *owner, struct conn *conn); /* it is about to take commands; NULL: none does */
        void (*flush)(void *owner);                     /* before commands are written                   */
        bool (*is_waiting)(void *owner);                /* flush has to be called now and then           */
        void (*close)(void *owner);                     /* the client closes: so must what holds it      */
        int (*format_trial)(struct redis_command *command, void *owner); /* see suspects.h */
        const struct redis_sentinel_ops *sentinel;                       /* see locate.h   */
};

struct client {
        struct server server; /* first: conn->server leads to the client */
        const struct client_ops *ops;
        void *owner;
        struct redis_budget own_budget;
        struct redis_numbers own_numbers;
        struct redis_target *target;
        unsigned generation;        /* of the target            */
        unsigned generation_in_use; /* of the connection in use */

        struct conn *active;   /* takes commands; NULL while the server is away */
        struct conn *opening;  /* on its way to `target`                        */
        struct conn *draining; /* retired, with commands in flight              */
        struct conn *dead;     /* closed, freed when the stack is empty         */
        uv_timer_t tick;       /* runs while anything waits                     */
        uv_timer_t retry;      /* the next attempt                              */
        struct upkeep upkeep;
        uint64_t random;

        void (*on_closed)(void *data);
        void *on_closed_data;
};

/* Connects in the background. References the target; `ops` must outlive the client. ERR_NOMEM. */
int redis_client_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target,
                      unsigned generation, const struct client_ops *ops, void *owner, struct client **out,
                      struct err *err) NODISCARD;
void redis_client_set_target(struct client *client, struct redis_target *target, unsigned generation);
void redis_client_close(struct client *client, void (*on_closed)(void *data), void *data); /* see redis_close */

void redis_client_send(struct client *client, struct redis_command *command); /* see redis_send  */
void redis_client_flush(struct client *client);                               /* see redis_flush */
void redis_client_write(struct client *client);                               /* writes what is held, if it is usable */
bool redis_client_is_usable(const struct client *client);
int64_t redis_client_away_ms(const struct client *client); /* since when it has not been usable; 0 while it is */
struct redis_counters redis_client_counters(const struct client *client);

/* For its owner. */

void redis_client_emit(struct client *client, struct redis_event event); /* fills in the numbers */
void redis_client_wake(struct client *client);                           /* something waits: the tick has to run */
/* Tries to connect, if a connection is wanted. 0: in the next turn; else unless an attempt is planned already. */
void redis_client_retry_after(struct client *client, int64_t wait_ms);
/* A Sentinel tells of a failover: asks where the primary is, this Sentinel first. */
void redis_client_look_again(struct client *client, unsigned sentinel);
/* `takes` has used the connection, which is on its way to be closed. */
void redis_client_served(struct client *client);
/* The nodes of a Cluster take commands from now on: the connection in use drains. `place` is for the event. */
void redis_client_stand_back(struct client *client, unsigned generation, const char *address);

#endif
