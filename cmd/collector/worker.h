/* worker: one thread with a loop, a share of the HTTP connections and its own connection to Redis. Workers share
 * nothing but what struct collector holds: immutable settings, the listener, the log, the registry of metrics and the
 * budget for requests that wait.
 *
 * A turn of the loop: sockets are read, replies answer requests, libmicrohttpd runs, handlers queue commands,
 * and last one write carries to Redis what all requests of the turn queued.
 *
 * Threads: worker_start, worker_set_place, worker_stop, worker_join: the main thread. All else: the worker's. */
#ifndef COLLECTOR_WORKER_H
#define COLLECTOR_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "ack_level.h"
#include "deposit.h"
#include "http/http.h"
#include "instruments.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "pool.h"
#include "redis/redis.h"
#include "redis_facts.h"
#include "settings.h"
#include "store.h"

struct overview;

/* What the whole process shares; borrowed by the workers for as long as they run. */
struct collector {
        const struct settings *settings;
        struct log *log;
        struct metrics *metrics;
        struct http_server *server;
        unsigned worker_count;
        struct ack_level ack;
        struct redis_budget budget;
        struct redis_budget unsafe; /* counts documents that wait to be safe */
        struct swap swap;
        struct redis_facts *facts; /* of the Redis in use */
        struct overview *overview; /* for /v1/status */
        uv_async_t *denied;        /* tells the main thread that Redis has refused the credentials */
        atomic_bool draining;      /* SIGTERM was seen: not ready any more */
        atomic_bool reached;       /* some worker has reached Redis once    */
        /* When the last failure to reach Redis was logged, monotonic; 0: none since it was reached. */
        atomic_llong failure_told_ms;
        atomic_uint sentinel_told; /* the generation for which a Sentinel's refusal was logged; 0: none */
};

/* A Redis. */
struct worker_place {
        struct redis_target *target; /* NULL: none */
        unsigned generation;
};
enum worker_role { WORKER_CURRENT, WORKER_PREVIOUS, WORKER_ROLES };

/* A change of place that the main thread has left. */
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
        uv_timer_t second;  /* gauges, requests whose sender has left, expiry of the feed */
        uv_async_t message; /* wakes the loop for what stands below the lock              */

        struct http_worker *http;
        struct redis *redis;
        struct redis *previous;   /* NULL unless --previous-binding */
        struct ack_pool ack_pool; /* used unless --ack=memory */
        struct redis *clients[1 + ACK_CLIENTS];
        size_t client_count; /* 1 without ack_pool */
        struct store store;
        struct deposits deposits;
        struct pool uploads; /* memory for requests that store a document */
        struct instruments instruments;
        bool stopping, closing;
        int64_t stop_deadline_ms; /* monotonic: then it ends, finished or not */

        pthread_mutex_t lock; /* guards what the main thread leaves here */
        struct worker_change changes[WORKER_ROLES];
        int64_t stop_asked_ms; /* the deadline that was given; 0: none */
};

/* Starts the thread; the targets are referenced. */
int worker_start(struct worker *worker, struct collector *collector, unsigned index, const struct worker_place *current,
                 const struct worker_place *previous, struct err *err) NODISCARD;
void worker_set_place(struct worker *worker, enum worker_role role, const struct worker_place *place);
/* Milliseconds since documents could last be read and written; 0 while they can. Its own thread. */
int64_t worker_away_ms(const struct worker *worker);
/* Of this worker: the counters that its connections keep. Its own thread. */
void worker_update_instruments(struct worker *worker);
/* Finishes what runs, answers with 503 what waits for Redis, then ends the thread; at the latest at deadline_ms, of
 * clock_monotonic_ms. */
void worker_stop(struct worker *worker, int64_t deadline_ms);
void worker_join(struct worker *worker);

#endif
