/* collector: the state that the whole process shares. The main thread fills it in before the workers start, and they
 * borrow it while they run.
 *
 * Threads: any; members that change are atomic or have their own lock. */
#ifndef COLLECTOR_COLLECTOR_H
#define COLLECTOR_COLLECTOR_H

#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "ack_level.h"
#include "feed_again.h"
#include "follow_status.h"
#include "http/http.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "redis/redis.h"
#include "redis_facts.h"
#include "settings.h"
#include "swap.h"

struct overview;
struct page;
struct service;

struct collector {
        struct service *service;
        const struct settings *settings;
        struct log *log;
        struct metrics *metrics;
        struct http_server *server;
        unsigned worker_count;
        struct ack_level ack;
        struct redis_budget budget;
        struct redis_budget unsafe; /* counts documents that wait to be safe (--ack) */
        struct swap swap;
        struct feed_highest highest;
        /* Prints what GET /v1/status returns; `data` is a struct worker. */
        follow_status_print_fn *print_status;
        struct redis_facts *facts;      /* of the Redis in use */
        struct overview *overview;      /* for /v1/status */
        const struct page *page;        /* the files of /ui/ */
        const struct page *description; /* /openapi.json, the only file */
        uv_async_t *denied;             /* wakes the main thread when Redis refuses the credentials */
        atomic_bool draining;           /* SIGTERM has arrived, so the process is no longer ready */
        atomic_uint followers;          /* clients that follow */
        atomic_uint feed_entries;       /* entries of the feed that the workers have added; wraps around */
        atomic_bool reached;            /* at least one worker has reached Redis */
        /* When a failure to reach Redis was last logged, monotonic; 0: none since Redis was reached. */
        atomic_llong failure_told_ms;
        atomic_uint sentinel_told; /* the generation for which a Sentinel's refusal was logged; 0: none */
        /* Names whose excess addresses were logged, each at the index determined by its hash; 0: none. */
        atomic_ullong addresses_told[16];
};

#endif
