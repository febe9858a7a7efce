/* rebinding: what a follower reads when the binding changes. First it reads the rest of the Redis that was in use
 * before (former.h). Then it gets the event `rebound`, and what the new Redis has received since Collectors began to
 * use it (moves.h). If the binding changes several times in a row, the follower visits one Redis after the other. A
 * follower that comes back to a Redis continues where it left off.
 *
 * Threads: loop only. */
#ifndef COLLECTOR_REBINDING_H
#define COLLECTOR_REBINDING_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "follower.h"
#include "former.h"
#include "late_documents.h"
#include "moves.h"
#include "redis/redis.h"
#include "store.h"

enum { REBINDING_FORMERS = 3 };

struct rebinding {
        struct former formers[REBINDING_FORMERS];
        struct moves moves;
        struct late_documents late_documents;

        /* Private. */
        uv_loop_t *loop; /* these are borrowed */
        struct store *store;
        struct redis_budget *budget;
        struct redis_target *target; /* in use; a reference */
        unsigned generation;         /* of the target */
        bool has_changed;
};

void rebinding_init(struct rebinding *rebinding, uv_loop_t *loop, struct store *store, struct redis_budget *budget,
                    struct redis_target *target, unsigned generation);
/* This worker is going to use another Redis. `is_followed`: there are followers now. */
void rebinding_begin(struct rebinding *rebinding, struct redis_target *target, unsigned generation, bool is_followed);
void rebinding_turn(struct rebinding *rebinding);   /* in each turn of the loop */
void rebinding_second(struct rebinding *rebinding); /* once a second */
void rebinding_close(struct rebinding *rebinding);
void rebinding_fini(struct rebinding *rebinding);

/* A new follower with its cursor. */
void rebinding_join(struct rebinding *rebinding, struct follower *follower);
/* The Redis that the follower reads now. */
struct store *rebinding_store(struct rebinding *rebinding, struct follower *follower);
/* Call this if the follower's cursor is not of the Redis in use. True if the cursor is of a former Redis, which the
 * follower then reads. */
bool rebinding_find(struct rebinding *rebinding, struct follower *follower);
/* True for a former Redis if that read has all it will get, or if it could not be read. */
bool rebinding_is_done(struct rebinding *rebinding, const struct follower *follower, const struct follow_read *read,
                       enum store_outcome outcome);
/* The follower goes on to the next Redis, with an event. False: it has to wait a moment. */
bool rebinding_go_on(struct rebinding *rebinding, struct follower *follower);
/* True if the binding has changed, which explains why the cursor of a follower that has begun is of another Redis. */
bool rebinding_has_changed(const struct rebinding *rebinding);

#endif
