/* overview: what GET /v1/status shows in addition to the state of the worker that answers it: the Redis in use and the
 * state of its binding, the server that was reached (redis_facts.h), totals across all workers, and the rate of
 * documents.
 *
 * The main thread records the state of the binding and adds up the workers' counters once a second. Each part has its
 * own lock, which is held only while the part is copied.
 *
 * Threads: overview_start: the main thread, once the workers run. Everything else: any. */
#ifndef COLLECTOR_OVERVIEW_H
#define COLLECTOR_OVERVIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "backing/redis.h"
#include "base/attr.h"
#include "base/buf.h"
#include "http/http.h"
#include "instruments.h"
#include "page/history.h"
#include "page/standing.h"
#include "redis_facts.h"

struct worker;

struct overview {
        struct standing redis;
        struct history stored;
        int64_t started_ms; /* Unix */
        struct worker *workers;
        atomic_uint worker_count; /* 0 until all workers run */
        uv_timer_t second;
        struct redis_facts facts;
};

void overview_init(struct overview *overview);
/* `loop` is the main thread's loop, which closes the timer when it ends. The workers must outlive the timer. */
void overview_start(struct overview *overview, uv_loop_t *loop, struct worker *workers, unsigned count);
void overview_fini(struct overview *overview);

void overview_use(struct overview *overview, const struct backing_redis *now);
/* The total across all workers; 0 before they run. */
double overview_documents(const struct overview *overview, enum document_result result);

/* Appends what GET /v1/status returns, and asks Redis for the values of the next call. A follow_status_print_fn;
 * `worker` is a struct worker. */
int overview_print(struct buf *out, void *worker) NODISCARD;
/* GET /v1/status */
void overview_get(struct http_request *request, void *worker);

#endif
