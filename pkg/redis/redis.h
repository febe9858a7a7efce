/* redis: a client that keeps connections to a target: one server, the primary that Sentinels name, or a Cluster. It
 * knows nothing of HTTP or documents.
 *
 *     struct redis_target *target = redis_target_new(&(struct redis_target_options){ .host = "localhost" }, &err);
 *     redis_open(&loop, &(struct redis_options){ .hold_ms = 30000 }, target, 1, &client, &err);
 *
 *     static void on_reply(struct redis_command *command, const struct redis_reply *reply, const struct err *err)
 *     {
 *             struct job *job = CONTAINER_OF(command, struct job, set);
 *             if (!reply) ...                           // err says why: it was not acknowledged
 *             redis_command_fini(command);
 *     }
 *
 *     redis_command_init(&job->set, on_reply);
 *     redis_command_args(&job->set, 3, (const char *[]){ "SET", key, value }, (size_t[]){ 3, 36, length }, &err);
 *     redis_send(client, &job->set);                    // queued; on_reply is called later, exactly once
 *     redis_flush(client);                              // once, at the end of the loop's turn: one write
 *
 * Every command that redis_send took is answered exactly once. While Redis is unreachable, the client holds commands;
 * it sends them in order when Redis is back, or fails them when the hold time has passed. It repeats unanswered
 * commands on a new connection, so a command must be safe to repeat (SET of a key that nothing else sets, XADD with a
 * mark that on_resend sets, GET) or be marked with `once`. Error replies that mean "temporarily unavailable" (READONLY,
 * LOADING, MASTERDOWN, CLUSTERDOWN, TRYAGAIN, NOREPLICAS, BUSY, max clients, UNBLOCKED) also make the client repeat a
 * command; on_reply gets all other errors as replies. A command that repeatedly makes Redis close the connection while
 * others succeed is sent separately, and then only that command fails. A reply that does not fit its command (nil for a
 * SET without NX) closes the connection.
 *
 * The protocol is RESP2 (redis.io, "Redis serialization protocol specification"), with redis.io's "Guidelines for Redis
 * clients with support for Redis Sentinel" and "Redis cluster specification".
 *
 * Other public headers: target.h, command.h, reply.h and event.h (included here); probe.h and sentinel_check.h.
 *
 * Threads: loop only. The clients of a process may share a struct redis_budget. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/attr.h"
#include "base/err.h"
#include "redis/command.h"
#include "redis/event.h"
#include "redis/reply.h"
#include "redis/target.h"

struct redis; /* opaque: one loop's connections to a target */

/* Limits the commands held and in flight, across all clients that share the budget. */
struct redis_budget {
        atomic_size_t commands, bytes;
        size_t commands_max, bytes_max; /* 0 = 20000, 64 MiB */
};

enum redis_state {
        REDIS_CONNECTING, /* not connected yet, or disconnected: commands are held */
        REDIS_READY,      /* commands are sent with the next flush           */
};

struct redis_options {
        int64_t hold_ms;             /* how long a command may wait in total; 0 = 30000                  */
        int64_t connect_timeout_ms;  /* for look-up, connect and AUTH of one attempt; 0 = 3000         */
        int64_t look_up_ms;          /* extra time to look up a name; 0 = none */
        int64_t stall_ms;            /* how long no byte may arrive while something is in flight; 0 = 5000 */
        int64_t backoff_min_ms;      /* 0 = 50; doubles, with full jitter ...                          */
        int64_t backoff_max_ms;      /* 0 = 1000                                                       */
        int64_t idle_ping_ms;        /* PING after this long without a byte; 0 = 30000                 */
        int64_t max_age_ms;          /* replace a connection at this age, give or take 10%; 0 = never */
        size_t reply_max_bytes;      /* a longer reply is a protocol error; 0 = 256 MiB                */
        struct redis_budget *budget; /* NULL: a private one                                            */
        void (*on_event)(struct redis *client, const struct redis_event *event, void *data);
        /* Formats a harmless SET into `command`. Its key is in `place` and contains `tag` in braces unless `tag` is
         * NULL. The client sends it when nothing else can show whether Redis accepts writes. Returns less than 0 if no
         * SET can be formatted now. If this function is NULL, the client never sends such a SET. */
        int (*format_trial)(struct redis_command *command, const struct redis_place *place, const char *tag,
                            void *data);
        void *data;
};

/* Connects in the background; never waits. Holds a reference to the target. Pass the client to redis_close.
 * ERR_NOMEM. */
int redis_open(uv_loop_t *loop, const struct redis_options *options, struct redis_target *target, unsigned generation,
               struct redis **out, struct err *err) NODISCARD;

/* Switches to another target. New commands go there once it is connected; until then they use the old connection,
 * unless that is dead. The old connection drains, then closes; commands that it does not answer in time are repeated on
 * the new one. A second call overrides the first. */
void redis_set_target(struct redis *client, struct redis_target *target, unsigned generation);

/* Queues a command that is not queued yet. Never calls on_reply itself. The next redis_flush fails the command if it is
 * refused (because the budget is used up, or because of must_not_hold) or, with ERR_NOMEM, if it has no bytes because
 * formatting it failed. */
void redis_send(struct redis *client, struct redis_command *command);

/* Writes what redis_send queued since the last call, up to 1024 commands per write; the rest is held until the socket
 * is writable. Fails what redis_send refused. Call this last in each turn of the loop. */
void redis_flush(struct redis *client);

/* Cancels a command. True: it was only held, and on_reply will not be called. False: it is in flight, and on_reply will
 * still be called. */
bool redis_cancel(struct redis *client, struct redis_command *command);

/* REDIS_READY: commands are sent. In a Cluster, every slot is then served and each master connected. */
enum redis_state redis_state(const struct redis *client);
/* True if the server in use is part of a Cluster, or the target requires one. Commands on different keys may then be
 * executed out of order. The first argument after the name is the key. */
bool redis_is_cluster(const struct redis *client);
/* The number of the Cluster master that currently serves this slot. Commands that are sent together and go to the same
 * master leave in one write, and the master executes them in that order unless a slot moves. 0: not known, or not a
 * Cluster. */
unsigned redis_master_of_slot(const struct redis *client, unsigned slot);
/* The same for a command's key; 0 as well if the command is for a newer target or another place than those in use. */
unsigned redis_master_of(const struct redis *client, struct redis_command *command);
bool redis_is_nowhere(const struct redis *client);     /* the target has no address yet */
unsigned redis_generation(const struct redis *client); /* of the connection in use      */
/* The place in use; before the first connection, the place that the target describes. Borrowed. A command formatted for
 * it may still be written to another place: see redis_command.on_place. */
const struct redis_place *redis_place(const struct redis *client);
/* Milliseconds since Redis was last usable; 0 while it is. In a Cluster, the slot that has been unreachable the longest
 * counts. */
int64_t redis_away_ms(const struct redis *client);
size_t redis_in_flight(const struct redis *client);
size_t redis_held(const struct redis *client);
/* The maximum number of descriptors for the Cluster nodes and Sentinels known now. A connection counts twice, because
 * it may overlap with its replacement. */
size_t redis_descriptors(const struct redis *client);

/* Counters since redis_open. */
struct redis_counters {
        uint64_t commands; /* written, repeats included                       */
        uint64_t batches;  /* writes that carried commands: round trips       */
        uint64_t batch_commands_max;
        uint64_t resent; /* repeated after Redis may have executed them */
        uint64_t failed; /* failed without a reply                    */
        uint64_t connects;
        uint64_t protocol_errors; /* connections closed because a reply was malformed or did not fit its command */
        uint64_t bytes_out, bytes_in;
};
struct redis_counters redis_counters(const struct redis *client);
/* Called for every written batch with the number of its commands, for a histogram. NULL: none. */
void redis_on_batch(struct redis *client, void (*on_batch)(size_t commands, void *data), void *data);
/* Called with the round trip time of each batch's first reply. NULL: none. */
void redis_on_round_trip(struct redis *client, void (*on_round_trip)(int64_t us, void *data), void *data);

/* Fails every command that is held or in flight (ERR_UNAVAILABLE or ERR_TIMEOUT; calls on_reply before it returns) and
 * closes everything. The loop must run until the handles are closed; `on_closed` may be NULL. A NULL client is fine.
 * Any callback may call this. Afterwards no function of the client may be called, with one exception: the on_reply
 * calls that redis_close makes may call redis_send, which then fails the command. */
void redis_close(struct redis *client, void (*on_closed)(void *data), void *data);

#endif
