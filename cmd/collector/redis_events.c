/* redis_events: the event names are listed in the manual; each message says what happens next. */
#include "redis_events.h"

#include "base/attr.h"
#include "base/clock.h"
#include "redis/sentinel_check.h"

enum { FAILURE_EVERY_MS = 10 * 1000 };

/* Each worker retries many times a second, so only the first failure is logged, then one every ten seconds. */
static bool failure_is_told(struct collector *collector)
{
        long long now_ms = clock_monotonic_ms();
        long long told_ms = atomic_load(&collector->failure_told_ms);
        if (told_ms != 0 && now_ms - told_ms < FAILURE_EVERY_MS)
                return false;
        return atomic_compare_exchange_strong(&collector->failure_told_ms, &told_ms, now_ms);
}

static void log_failure(struct collector *collector, unsigned worker, const char *name, const char *message,
                        const struct redis_event *event)
{
        if (!failure_is_told(collector))
                return;
        log_warn(collector->log, name, message, log_int("worker", worker), log_str("address", event->address),
                 log_err(event->err), log_code(event->err), log_int("retry_ms", event->retry_ms),
                 log_int("held", (int64_t)event->held));
}

static void log_connected(struct collector *collector, unsigned worker, const struct redis_event *event)
{
        struct log *log = collector->log;
        if (event->password_now > 0)
                log_warn(log, "redis.password_switched",
                         event->password_now == 2 ? "Redis refuses the first password and accepts the second"
                                                  : "Redis refuses the second password and accepts the first",
                         log_int("worker", worker), log_str("address", event->address));
        if (event->is_renewal)
                log_debug(log, "redis.renewed", "A new connection has replaced an old one", log_int("worker", worker),
                          log_str("address", event->address));
        else
                log_info(log, "redis.connected", "Connected to Redis", log_int("worker", worker),
                         log_str("address", event->address), log_int("waited_ms", event->waited_ms),
                         log_int("generation", event->generation));
}

/* All workers query the same Sentinels, so only one of them logs. */
static void log_sentinel_refused(struct collector *collector, const struct redis_event *event)
{
        if (atomic_exchange(&collector->sentinel_told, event->generation) == event->generation)
                return;
        log_warn(
                collector->log, "sentinel.refused",
                "A Sentinel denies commands that Collector needs: a failover is noticed only at the next look-up, when "
                "the connection breaks, Redis is silent or refuses a write, and writes that the old primary "
                "acknowledges until then may be lost; grant the user the missing rights of `grant`",
                log_str("sentinel", event->sentinel), log_err(event->err), log_code(event->err),
                log_str("grant", redis_sentinel_rights), log_int("generation", event->generation));
}

/* FNV-1a. */
static unsigned long long hash(const char *text)
{
        unsigned long long hash = 0xcbf29ce484222325;
        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
        return hash;
}

/* All workers look up the same name for each attempt, so it is logged once, and again if the number changes. */
static void log_left_out(struct collector *collector, const struct redis_event *event)
{
        unsigned long long name = hash(event->address), told = name + event->left_out;
        if (atomic_exchange(&collector->addresses_told[name % COUNT_OF(collector->addresses_told)], told) == told)
                return;
        log_warn(collector->log, "redis.addresses_left_out",
                 "The name has more addresses than one attempt tries; each attempt starts with a different one",
                 log_str("address", event->address), log_int("tried", (int64_t)event->addresses),
                 log_int("left_out", (int64_t)event->left_out));
}

void redis_events_current(struct collector *collector, unsigned worker, const struct redis_event *event)
{
        struct log *log = collector->log;
        switch (event->kind) {
        case REDIS_EVENT_CONNECTED:
                atomic_store(&collector->reached, true);
                atomic_store(&collector->failure_told_ms, 0);
                redis_facts_reached(collector->facts, event->generation, event->address);
                log_connected(collector, worker, event);
                break;
        case REDIS_EVENT_DISCONNECTED:
                log_warn(log, "redis.disconnected", "Lost the connection to Redis; holding requests until it is back",
                         log_int("worker", worker), log_str("address", event->address), log_err(event->err),
                         log_int("in_flight", (int64_t)event->in_flight));
                break;
        case REDIS_EVENT_CONNECT_FAILED:
                log_failure(collector, worker, "redis.connect_failed", "Cannot reach Redis; retrying", event);
                break;
        case REDIS_EVENT_DENIED:
                log_failure(collector, worker, "redis.denied", "Redis refuses the credentials; retrying", event);
                (void)uv_async_send(collector->denied); /* fails only for a closed handle */
                break;
        case REDIS_EVENT_NOT_WRITABLE:
                log_failure(collector, worker, "redis.not_writable", "Redis accepts no writes at the moment; retrying",
                            event);
                break;
        case REDIS_EVENT_SWITCHED:
                log_info(log, "redis.switched", "Switched to another Redis", log_int("worker", worker),
                         log_str("address", event->address), log_int("generation", event->generation));
                break;
        case REDIS_EVENT_DRAINED:
                if (!event->is_renewal)
                        log_info(log, "redis.drained", "Closed the connection to the old Redis",
                                 log_int("worker", worker), log_int("generation", event->generation));
                break;
        case REDIS_EVENT_SENTINEL_REFUSED:
                log_sentinel_refused(collector, event);
                break;
        case REDIS_EVENT_ADDRESSES_LEFT_OUT:
                log_left_out(collector, event);
                break;
        }
}

/* The pool's clients fail together with the reading client, which logs the failure, so most of this is only debug
 * output. */
void redis_events_ack_pool(struct collector *collector, unsigned worker, const struct redis_event *event)
{
        if (event->kind == REDIS_EVENT_SENTINEL_REFUSED)
                return;
        if (event->kind == REDIS_EVENT_CONNECTED)
                log_debug(collector->log, "lane.connected", "Connected to Redis", log_int("worker", worker),
                          log_str("address", event->address), log_int("waited_ms", event->waited_ms));
        else if (event->kind == REDIS_EVENT_DENIED)
                (void)uv_async_send(collector->denied); /* fails only for a closed handle */
        if (event->err && event->kind != REDIS_EVENT_DISCONNECTED && event->kind != REDIS_EVENT_DRAINED)
                log_failure(collector, worker, "lane.connect_failed", "Cannot reach Redis for writing; retrying",
                            event);
}

void redis_events_previous(struct collector *collector, unsigned worker, const struct redis_event *event)
{
        struct log *log = collector->log;
        if (event->kind == REDIS_EVENT_ADDRESSES_LEFT_OUT)
                log_left_out(collector, event);
        else if (event->kind == REDIS_EVENT_CONNECTED && !event->is_renewal)
                log_info(log, "previous.connected", "Connected to the previous Redis", log_int("worker", worker),
                         log_str("address", event->address));
        else if (event->err && event->kind != REDIS_EVENT_DRAINED && event->kind != REDIS_EVENT_SENTINEL_REFUSED)
                log_failure(collector, worker, "previous.failed",
                            "Cannot reach the previous Redis; requests for documents that it may have get 503", event);
}
