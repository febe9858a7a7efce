/* pinger: the state that the whole process shares, and the state of each worker thread. Workers share only struct
 * pinger: immutable settings, the listener, the log, the registry of metrics, the delivery of records.
 *
 * Threads: struct pinger: any, once the workers run. struct worker: the worker's own. */
#ifndef PINGER_PINGER_H
#define PINGER_PINGER_H

#include <stdatomic.h>

#include <uv.h>

#include "backing/collector.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/uuid.h"
#include "delivery.h"
#include "http/http.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "overview.h"
#include "record.h"
#include "report.h"
#include "service/worker.h"
#include "settings.h"

struct page;

/* The state that the whole process shares. Workers borrow it while they run. */
struct pinger {
        struct service *service;
        const struct settings *settings;
        struct log *log;
        struct metrics *metrics;
        struct delivery *delivery;
        struct backing_watch *watch; /* of Collector's binding */
        struct overview overview;
        const struct page *page; /* the files of /ui/ */
        struct record_source records;
        struct report_source report;
        atomic_llong delays; /* delayed requests */
};

struct worker {
        struct service_worker base;
        struct pinger *pinger;
        uv_timer_t delay_look; /* for delay.c */
        struct uuid_source uuids;
        struct buf scratch;          /* for the record in progress */
        struct list delays;          /* delayed requests (delay.h) */
        const struct answer *answer; /* the response in progress (answer.h); NULL: not one of ours */
};

#endif
