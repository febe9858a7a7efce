/* service/worker: a thread with a loop and a share of the HTTP connections. A program's worker begins with this struct
 * and adds its own handles to the loop.
 *
 *     struct worker { struct service_worker base; uv_timer_t mine; };
 *     service_worker_start(&worker->base, &ops, service, index, &err);
 *
 * Threads: service_worker_start, _stop, _join: the main thread. Everything else, including the ops: the worker's
 * thread. */
#ifndef SERVICE_WORKER_H
#define SERVICE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "service/service.h"

struct service_worker;

/* NULL: nothing to do at that point. */
struct service_worker_ops {
        int (*open)(struct service_worker *worker, struct err *err); /* the loop is open; still in the main thread */
        void (*on_deadline)(struct service_worker *worker);          /* answer the requests that still wait */
        void (*close)(struct service_worker *worker);                /* close your handles; http is closed already */
};

struct service_worker {
        struct service *service;
        unsigned index;
        uv_loop_t loop;
        struct http_worker *http;

        /* Private. */
        const struct service_worker_ops *ops;
        pthread_t thread;
        uv_prepare_t turn;
        uv_timer_t deadline;
        uv_async_t message; /* wakes the loop for stop_asked_ms */
        bool is_stopping, is_closing;
        _Atomic int64_t stop_asked_ms; /* the deadline; 0: no stop requested */
};

/* `ops` is static; NULL: none. After a failure nothing is left to join. */
int service_worker_start(struct service_worker *worker, const struct service_worker_ops *ops, struct service *service,
                         unsigned index, struct err *err) NODISCARD;
/* Tells the worker to stop accepting connections, finish requests, call on_deadline at the deadline, and end a moment
 * later. */
void service_worker_stop(struct service_worker *worker, int64_t deadline_ms);
void service_worker_join(struct service_worker *worker);

/* For workers that are a plain struct service_worker. */
extern const struct service_crew service_plain_crew;

#endif
