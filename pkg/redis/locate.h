/* locate: finds the addresses of a target: a path, a number, a name, or the primary that Sentinels name.
 *
 * Threads: loop only. */
#ifndef REDIS_LOCATE_H
#define REDIS_LOCATE_H

#include "redis/transport.h"

enum {
        REDIS_ADDRESSES_MAX = 16,
        /* redis_options.look_up_ms for a client that ends after its attempt and would lose a late result. */
        REDIS_PATIENCE_MS = 10000,
};

struct redis_addresses {
        struct redis_address list[REDIS_ADDRESSES_MAX];
        size_t count;
        size_t left_out; /* further addresses of the name */
};

struct redis_locate; /* a running search */
struct redis_lookup; /* of a name        */
struct redis_locator;
struct redis_sentinels; /* a round of queries to the Sentinels, in progress */

/* Gets a view of the target, borrowed, or NULL and `err`. */
typedef void redis_primary_fn(struct redis_target *primary, const struct err *err, void *data);

/* Provided by sentinel.c. */
struct redis_sentinel_ops {
        /* Queries for the primary; `done` is called later, unless the query is cancelled. */
        int (*ask)(struct redis_locator *locator, struct redis_target *target, redis_primary_fn *done, void *data,
                   struct redis_sentinels **out, struct err *err);
        void (*cancel)(struct redis_sentinels *sentinels); /* `done` is not called any more */
};

/* The searches of one client. The client sets loop, life, sentinel and timeout_ms. */
struct redis_locator {
        uv_loop_t *loop;
        struct redis_life *life;
        const struct redis_sentinel_ops *sentinel; /* NULL: targets have no Sentinels                          */
        int64_t timeout_ms;                        /* for each Sentinel                                        */
        unsigned sentinel_first;      /* the Sentinel to query first, modulo their number: the one that was right last
                                       * time */
        uint64_t random;              /* not 0                                                                    */
        struct redis_lookup *lookups; /* of names; some outlive the search that started them                      */
};

/* `at` is the target or a view of it with the address that a Sentinel named; borrowed. On failure NULL, with `err`. */
typedef void redis_located_fn(struct redis_target *at, const struct redis_addresses *found, const struct err *err,
                              void *data);

/* 1: `now` is filled (a numeric address or a path). 0: `done` is called later, unless *out is cancelled. */
int redis_locate(struct redis_locator *locator, struct redis_target *target, struct redis_addresses *now,
                 redis_located_fn *done, void *data, struct redis_locate **out, struct err *err) NODISCARD;
void redis_locate_cancel(struct redis_locate *locate); /* NULL is fine; `done` is not called any more */
/* Call this when the client closes, and when its last look-up has ended. */
void redis_locator_close(struct redis_locator *locator);
void redis_locator_fini(struct redis_locator *locator);

#endif
