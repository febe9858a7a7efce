/* command: one command to Redis. The caller provides the memory: one struct for each command in flight.
 *
 *     redis_command_init(&job->set, on_reply);
 *     redis_command_args(&job->set, 3, (const char *[]){ "SET", key, value }, (size_t[]){ 3, 36, length }, &err);
 *     redis_send(client, &job->set);
 *     ...
 *     redis_command_fini(&job->set);                    // in on_reply or later
 *
 * Threads: one at a time; loop only while it is queued. */
#ifndef REDIS_COMMAND_H
#define REDIS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct redis_reply;

/* The destination of a client's commands. A command is formatted for one place: another place may have a different key
 * prefix, and in a Cluster, commands of one write may go to different servers. */
struct redis_place {
        const char *key_prefix; /* of the target; never NULL; borrowed until the client moves to another place */
        bool is_cluster;
        unsigned generation; /* of the target                                                               */
        unsigned number;     /* identifies the place among clients with the same targets: generation and kind */
};

/* The results of redis_command.on_place. */
enum redis_made {
        REDIS_MADE,      /* the command now fits the new place                                              */
        REDIS_NOT_MADE,  /* it fails: ERR_UNAVAILABLE, or ERR_TIMEOUT if the old place may have executed it */
        REDIS_WITHDRAWN, /* it belongs to the caller again, and on_reply is not called                       */
};

struct redis_command;
typedef void redis_reply_fn(struct redis_command *command, const struct redis_reply *reply, const struct err *err);

enum { REDIS_COMMAND_HIDDEN_BYTES = 144 };

struct redis_command {
        /* Set by redis_command_init and by the caller before redis_send. */
        /* Called exactly once, with a reply, or with NULL and err:
         * ERR_UNAVAILABLE: the hold time passed, the queue is full or the client closed; Redis did not execute the
         *                  command, or the command only reads
         * ERR_TIMEOUT:     Redis may have executed the command
         * ERR_DENIED:      Redis refused the credentials until the hold time passed
         * ERR_LIMIT:       Redis keeps closing the connection at this command but executes others, so the command is
         *                  too large; Redis may have executed it */
        redis_reply_fn *on_reply;
        /* NULL, or called before the command is repeated although Redis may have executed it. May call
         * redis_command_args, but nothing else of this package. */
        void (*on_resend)(struct redis_command *command);
        /* NULL, or called before the command is written to a place whose number is not `made_for`, which the caller
         * also sets. May call redis_command_args and redis_command_set_key, but nothing else of this package. The old
         * place may have executed the command. */
        enum redis_made (*on_place)(struct redis_command *command, const struct redis_place *place);
        unsigned made_for;
        /* Hold the command until the client has reached the target with this generation, or a newer one; 0: any. Cannot
         * be combined with must_not_hold. */
        unsigned generation_min;
        bool once;          /* fail with ERR_TIMEOUT instead of repeating it when Redis may have executed it */
        bool must_not_hold; /* fail at once with ERR_UNAVAILABLE instead of waiting for a connection */
        bool is_uncounted;  /* it accompanies commands that are counted: the budget charges only its bytes */
        /* NULL, or called when the client defers the command because it seems to cause disconnections. From then on,
         * commands that were sent later overtake it. May set redis_command.made_for of another command, but must not
         * call into this package. */
        void (*on_aside)(struct redis_command *command);

        /* Set by the client, read by the caller. */
        int64_t sent_first_ms; /* clock_realtime_ms when it was first written; 0 before                      */
        unsigned attempts;     /* how many times it was written, not counting redirections by a Cluster node */
        /* Number of the client's connection on which the command was last written, counted from 1; 0: none. Commands
         * with the same number are executed by the same server in the order in which they were sent; WAIT relies on
         * that. */
        unsigned connection;
        unsigned generation; /* of the target that it was last written to                        */
        uint64_t order;      /* number of its last write among all writes of the client; 0: none */

        /* Private: the package's own fields. */
        struct {
                _Alignas(void *) unsigned char bytes[REDIS_COMMAND_HIDDEN_BYTES];
        } hidden;
};

void redis_command_init(struct redis_command *command, redis_reply_fn *on_reply);
/* Lends memory for the formatted command; one that does not fit is allocated. Borrowed until redis_command_fini or the
 * next redis_command_init. Call this after redis_command_init and before redis_command_args. */
void redis_command_room(struct redis_command *command, char *room, size_t size);
/* Formats the command (a RESP2 array of bulk strings) and replaces any earlier text. ERR_NOMEM. */
int redis_command_args(struct redis_command *command, size_t argc, const char *const argv[], const size_t lengths[],
                       struct err *err) NODISCARD;
/* Replaces the first argument after the name. ERR_NOMEM leaves the command unchanged. */
int redis_command_set_key(struct redis_command *command, const char *key, size_t length) NODISCARD;
size_t redis_command_size(const struct redis_command *command); /* bytes of the formatted command; 0: none */
/* In a Cluster, a command without a key goes to any node. This function sends such a command to the master of `other`.
 * Both went to the same server if their `connection` is the same afterwards. */
void redis_command_go_with(struct redis_command *command, struct redis_command *other);
/* The slot of a key in a Cluster, computed from its hash tag if it has one. */
unsigned redis_slot_of_key(const char *key, size_t length);
void redis_command_fini(struct redis_command *command); /* frees the bytes; the command must not be queued */

#endif
