/* worker: one thread with a loop, a share of the HTTP connections and its own connections to Redis. Workers share only
 * what collector.h lists.
 *
 * A turn of the loop: sockets are read, replies answer requests, libmicrohttpd runs, handlers queue commands, and
 * finally one write sends all commands of the turn to Redis.
 *
 * Threads: worker_start, worker_set_place, worker_stop, worker_join: the main thread. Everything else: the worker's own
 * thread. */
#ifndef COLLECTOR_WORKER_H
#define COLLECTOR_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#include <uv.h>

#include "bulk.h"
#include "collector.h"
#include "deposit.h"
#include "followers.h"
#include "http/http.h"
#include "instruments.h"
#include "pool.h"
#include "redis/redis.h"
#include "store.h"

/* The Redis to use. */
struct worker_place {
        struct redis_target *target; /* NULL: none */
        unsigned generation;
};
enum worker_role { WORKER_CURRENT, WORKER_PREVIOUS, WORKER_ROLES };

/* A change that the main thread requests. */
struct worker_change {
        struct redis_target *target; /* owned; NULL: none */
        unsigned generation;
};

struct worker {
        struct collector *collector;
        unsigned index;
        pthread_t thread;

        uv_loop_t loop;
        uv_prepare_t turn;
        uv_timer_t second;  /* gauges, abandoned requests, expiry of the feed */
        uv_async_t message; /* wakes the loop for the fields below the lock   */

        struct http_worker *http;
        struct redis *redis;
        struct redis *previous;   /* NULL unless --previous-binding */
        struct ack_pool ack_pool; /* used unless --ack=memory */
        struct redis *clients[1 + ACK_CLIENTS];
        size_t client_count; /* 1 without ack_pool */
        struct store store;
        struct deposits deposits;
        struct bulks bulks;
        struct pool uploads; /* memory for requests that store a document */
        struct followers followers;
        struct instruments instruments;
        bool stopping, closing;
        int64_t stop_deadline_ms; /* monotonic: the worker ends at this time, even with requests unfinished */

        pthread_mutex_t lock; /* guards the fields that the main thread sets */
        struct worker_change changes[WORKER_ROLES];
        int64_t stop_asked_ms; /* the deadline; 0: no stop requested */
};

/* Starts the thread, and references the targets. */
int worker_start(struct worker *worker, struct collector *collector, unsigned index, const struct worker_place *current,
                 const struct worker_place *previous, struct err *err) NODISCARD;
void worker_set_place(struct worker *worker, enum worker_role role, const struct worker_place *place);
/* Milliseconds since documents could last be read and written; 0 while they can be. Call this on the worker's own
 * thread. */
int64_t worker_away_ms(const struct worker *worker);
/* Copies the counters of the worker's connections. Call this on the worker's own thread. */
void worker_update_instruments(struct worker *worker);
/* Lets running requests finish, answers those that wait for Redis with 503, and ends the thread, at deadline_ms
 * (clock_monotonic_ms) at the latest. */
void worker_stop(struct worker *worker, int64_t deadline_ms);
void worker_join(struct worker *worker);

#endif
