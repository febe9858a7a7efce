/* worker: one thread with a loop and a share of the HTTP connections. Workers share nothing but what struct
 * pinger holds: immutable settings, the listener, the log, the registry of metrics, the delivery of records.
 *
 * Threads: worker_start, worker_stop, worker_join: the main thread. All else: the worker's. */
#ifndef PINGER_WORKER_H
#define PINGER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "bindings.h"
#include "delivery.h"
#include "http/http.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "record.h"
#include "report.h"
#include "settings.h"

struct delay;

/* What the whole process shares; borrowed by the workers for as long as they run. */
struct pinger {
        const struct settings *settings;
        struct log *log;
        struct metrics *metrics;
        struct http_server *server;
        struct delivery *delivery;
        struct bindings *bindings;
        struct record_source records;
        struct report_source report;
        unsigned worker_count;
        atomic_llong delays;  /* requests that wait for their time */
        atomic_bool draining; /* SIGTERM was seen: not ready any more */
};

struct worker {
        struct pinger *pinger;
        pthread_t thread;
        bool has_thread;

        uv_loop_t loop;
        uv_prepare_t turn;
        uv_timer_t deadline;
        uv_timer_t delay_look; /* delay.c's */
        uv_async_t message;    /* wakes the loop for what stands below the line */

        struct http_worker *http;
        struct uuid_source uuids;
        struct buf scratch;          /* for the record that is being made                           */
        struct delay *delays;        /* requests that wait for their time (delay.h)                 */
        const struct answer *answer; /* the one that is being given (answer.h); NULL: none of ours  */
        bool stopping, closing;

        _Atomic int64_t stop_asked_ms; /* the deadline, set by the main thread; 0: not asked */
};

/* Starts the thread. After a failure worker_join is right, too. */
int worker_start(struct worker *worker, struct pinger *pinger, struct err *err) NODISCARD;
/* Accepts no more, finishes what runs, answers with 503 what would take longer than the deadline, ends. */
void worker_stop(struct worker *worker, int64_t deadline_ms);
void worker_join(struct worker *worker);

#endif
