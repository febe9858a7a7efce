/* overview: what GET /v1/status shows beyond what the answering worker knows itself: the Redis in use and the state of
 * its binding, the server behind it, totals over all workers, and how fast documents came.
 *
 * The main thread writes what the binding says and adds up the workers' counters once a second; workers say which
 * server they have reached. Each part has its own lock, held for a copy.
 *
 * Threads: overview_start: the main thread, once the workers run. All else: any. */
#ifndef COLLECTOR_OVERVIEW_H
#define COLLECTOR_OVERVIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "backing/redis.h"
#include "base/attr.h"
#include "base/buf.h"
#include "http/http.h"
#include "page/history.h"
#include "page/standing.h"

struct worker;

/* The server that was reached last. */
struct overview_server {
        unsigned generation;     /* of the target; 0: none yet */
        char address[280];       /* with Sentinel that of the primary */
        char version[64];        /* "redis 7.0.15"; "": not known */
        char role[16], mode[16]; /* "master", "standalone"; "": not known */
        int64_t since_ms;        /* of this address and generation, Unix */
        int64_t asked_ms;        /* when INFO was sent last, monotonic; 0: not yet */
        bool is_asked;           /* the answer is to come */
        bool is_refused;         /* the user may not send INFO */
};

struct overview {
        struct standing redis;
        struct history stored;
        int64_t started_ms; /* Unix */
        struct worker *workers;
        atomic_uint worker_count; /* 0 until all of them run */
        uv_timer_t second;
        pthread_mutex_t lock; /* guards `server` */
        struct overview_server server;
};

void overview_init(struct overview *overview);
/* The loop is the main thread's and closes the timer when it ends; the workers outlive it. */
void overview_start(struct overview *overview, uv_loop_t *loop, struct worker *workers, unsigned count);
void overview_fini(struct overview *overview);

void overview_use(struct overview *overview, const struct backing_redis *now);
/* A worker has reached this server. */
void overview_reached(struct overview *overview, unsigned generation, const char *address);

/* GET /v1/status */
void overview_get(struct http_request *request, void *worker);

#endif
