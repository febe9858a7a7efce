/* pinger: what the whole process shares, and what each worker thread has for itself. Workers share nothing but what
 * struct pinger holds: immutable settings, the listener, the log, the registry of metrics, the delivery of records.
 *
 * Threads: struct pinger: any, once the workers run. struct worker: the worker's own. */
#ifndef PINGER_PINGER_H
#define PINGER_PINGER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "backing/root.h"
#include "base/buf.h"
#include "base/uuid.h"
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
        struct backing_root *bindings;
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

#endif
