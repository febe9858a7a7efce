/* hold_queue: the commands that wait for one server, each until its hold time ends. They are sorted by that deadline,
 * which is the order in which they were sent.
 *
 * Threads: loop only. */
#ifndef REDIS_HOLD_QUEUE_H
#define REDIS_HOLD_QUEUE_H

#include <uv.h>

#include "redis/reasons.h"
#include "redis/redis.h"

struct queue {
        struct list held;            /* sorted by deadline                                       */
        struct list aside;           /* also held; each is sent alone (suspects.c)               */
        struct list later;           /* also held, until their target is in use (generation_min) */
        struct list failed;          /* failed by redis_queue_deliver                          */
        struct redis_command *alone; /* the command from `aside` whose turn it is: first in `held`, or in flight */
        size_t held_count, in_flight_count;
        uint64_t failed_total;

        uv_loop_t *loop;
        struct redis_budget *budget;
        int64_t hold_ms;
        const struct redis_health *health; /* borrowed, for error messages */
        struct redis_place place;          /* where its commands are sent                                     */
        struct redis_target *place_target; /* a reference: the place's key prefix                       */
        bool is_closing;                   /* accepts nothing                                           */
        bool is_pool;                      /* nodes take commands from it; it has no connection itself */
        bool has_returned;                 /* commands were returned; some may be for a node         */
        void (*wake)(struct queue *queue); /* something waits, so deadlines have to be checked          */
};

/* The caller sets loop, budget, hold_ms, health and wake. */
void redis_queue_init(struct queue *queue);
void redis_queue_fini(struct queue *queue);
/* From now on commands are sent to this target, including those that waited for it. */
void redis_queue_set_place(struct queue *queue, struct redis_target *target, unsigned generation, bool is_cluster);

/* `is_usable`: a connection takes commands. */
void redis_queue_send(struct queue *queue, struct redis_command *command, bool is_usable);
bool redis_queue_cancel(struct redis_command *command);
void redis_queue_fail(struct queue *queue, struct redis_command *command, enum redis_reason reason);
void redis_queue_answer(struct queue *queue, struct redis_command *command, const struct redis_reply *reply);
void redis_queue_deliver(struct queue *queue); /* reports failed commands; their callbacks may do anything */

void redis_queue_hold_again(struct queue *queue, struct list *list);       /* merges it into `held` by deadline */
void redis_queue_take(struct queue *queue, struct redis_command *command); /* out of its list; stays in the budget */
void redis_queue_hold(struct queue *queue, struct redis_command *command, struct list *list); /* before `list` */

void redis_queue_expire(struct queue *queue, int64_t now_ms);
void redis_queue_drop_impatient(struct queue *queue); /* fails commands with must_not_hold after the connection is
                                                       * lost */
void redis_queue_fail_all(struct queue *queue, enum redis_reason reason);

/* True if the command is for a newer target than the one in use. */
static inline bool redis_queue_is_early(const struct queue *queue, const struct redis_command *command)
{
        return command->generation_min > queue->place.generation;
}
/* True if a held command was formatted for another place. */
static inline bool redis_queue_is_misplaced(const struct queue *queue, const struct redis_command *command)
{
        return command->on_place && command->made_for != queue->place.number;
}
/* Adapts a held command to the queue's place; it keeps its position. False: it has left the queue. */
bool redis_queue_remake(struct queue *queue, struct redis_command *command);

void redis_queue_move(struct queue *from, struct queue *to, struct redis_command *command);
void redis_queue_rejoin(struct queue *queue); /* merges `aside` into `held` */
void redis_queue_take_held(struct queue *from, struct queue *to);
void redis_queue_ask(struct queue *queue, struct redis_command *command); /* puts ASKING before a held command */

static inline int64_t redis_queue_now_ms(const struct queue *queue)
{
        return (int64_t)uv_now(queue->loop);
}

#endif
