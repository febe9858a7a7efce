/* command, inside the package: the part of a struct redis_command that is hidden from callers.
 *
 *     inside(command)->deadline_ms = ...;
 *
 * Threads: as in command.h. */
#ifndef REDIS_COMMAND_PRIVATE_H
#define REDIS_COMMAND_PRIVATE_H

#include <assert.h>
#include <stddef.h>

#include "base/list.h"
#include "redis/command.h"
#include "redis/expect.h"

struct queue;

enum redis_command_state {
        COMMAND_IDLE,      /* the caller's                                                          */
        COMMAND_HELD,      /* in a queue, or in `refused` of a connection                           */
        COMMAND_IN_FLIGHT, /* in `in_flight` of a connection                                        */
        COMMAND_FAILED,    /* in `failed` of a queue, reported at the end of this turn              */
        COMMAND_ABANDONED, /* a placeholder for a command that was failed before its reply arrived */
};

/* The members for suspects.c and expect.c are grouped; hold_queue.c and command.c use the others. */
struct redis_command_inside {
        struct list link;
        struct queue *home; /* the queue that it is in      */
        char *bytes;        /* in `room`, or owned          */
        size_t length;
        char *room; /* redis_command_room; NULL: none */
        size_t room_size;
        size_t key_offset, key_length; /* the argument that determines the route in a Cluster, in bytes; 0: none */
        struct redis_expected expected;
        int64_t deadline_ms; /* of the loop's clock                                       */
        int64_t batch_us;    /* first of a batch: when the batch was written; otherwise 0 */
        struct {
                int64_t alone_ms;         /* earliest time to send it again, alone */
                uint64_t seen;            /* number of answered commands at its last loss */
                unsigned losses, strikes; /* connections that ended with it in flight; connections that it ended */
        } suspicion;
        int slot;                /* of the key; SLOT_UNKNOWN until it is needed  */
        unsigned doubts;         /* attempts that Redis may have executed        */
        unsigned char state;     /* enum redis_command_state                     */
        unsigned char reason;    /* enum redis_reason, why it failed             */
        unsigned char redirects; /* in a row                                     */
        bool is_own;             /* sent by the package, only for one connection */
        bool is_guilty;          /* it has caused too many disconnections                      */
        bool is_asking;          /* its bytes begin with ASKING ...              */
        bool has_asked;          /* ... and the reply to ASKING is outstanding   */
} __attribute__((may_alias));

static_assert(sizeof(struct redis_command_inside) <= REDIS_COMMAND_HIDDEN_BYTES,
              "REDIS_COMMAND_HIDDEN_BYTES is too small");
static_assert(offsetof(struct redis_command_inside, link) == 0, "redis_link_command relies on it");

static inline struct redis_command_inside *inside(const struct redis_command *command)
{
        return (struct redis_command_inside *)(void *)&((struct redis_command *)command)->hidden;
}

static inline struct redis_command *redis_link_command(struct list *link)
{
        return CONTAINER_OF(link, struct redis_command, hidden);
}

static inline void redis_suspicion_forget(struct redis_command *command)
{
        inside(command)->suspicion.losses = inside(command)->suspicion.strikes = 0;
        inside(command)->is_guilty = false;
}

static inline const char *redis_command_name(const struct redis_command *command)
{
        return redis_expected_name(&inside(command)->expected);
}

static inline enum redis_kind redis_command_kind(const struct redis_command *command)
{
        return redis_expected_kind(&inside(command)->expected);
}

/* malloc'd; NULL: out of memory. */
char *redis_format(size_t argc, const char *const argv[], const size_t lengths[], size_t *length);
/* Takes `bytes`, which are malloc'd, and frees the present bytes. The caller sets their length. */
void redis_command_replace(struct redis_command *command, char *bytes);
int redis_command_slot(struct redis_command *command); /* SLOT_NONE without a key */

#endif
