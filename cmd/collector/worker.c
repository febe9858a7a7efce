/* worker: the turn of the loop is a uv_prepare callback, which libuv runs after timers and before it waits:
 * libmicrohttpd first, Redis last, so that the commands that handlers queue are sent in the same turn, in one write.
 *
 * The main thread sets a few fields under a lock and wakes the loop with a uv_async. A worker stops in two phases.
 * First it accepts no more connections and lets requests finish. Then it closes Redis, which fails the requests that
 * still wait for it, and closes HTTP. The loop ends when its handles are closed. */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "redis_events.h"

enum {
        STACK_BYTES = 512 * 1024,
        FLUSHES_MAX = 4, /* in one turn */
        REPLY_LIMIT_BYTES = 64 << 20,
        /* for standard streams, the main loop, the listener, name look-ups, bindings being read */
        DESCRIPTORS_OF_PROCESS = 48,
};

/* --- Events of Redis clients ------------------------------------------------------------------------------ */

static void on_redis_event(UNUSED struct redis *redis, const struct redis_event *event, void *data)
{
        struct worker *worker = data;
        redis_events_current(worker->collector, worker->index, event);
}

static void on_ack_event(UNUSED struct redis *redis, const struct redis_event *event, void *data)
{
        struct worker *worker = data;
        redis_events_ack_pool(worker->collector, worker->index, event);
}

static void on_previous_event(UNUSED struct redis *redis, const struct redis_event *event, void *data)
{
        struct worker *worker = data;
        redis_events_previous(worker->collector, worker->index, event);
}

static void on_batch(size_t commands, void *data)
{
        metric_observe(((struct worker *)data)->instruments.batch_commands, (double)commands);
}

static void on_round_trip(int64_t us, void *data)
{
        metric_observe(((struct worker *)data)->instruments.round_trip_seconds, (double)us / 1e6);
}

/* Each worker logs this once; there are only a few workers. */
static void on_trim_refused(void *data, const char *reason)
{
        struct worker *worker = data;
        log_warn(worker->collector->log, "feed.trim_refused",
                 "The Redis user may not remove entries from the feed (XDEL): entries of deleted and expired documents "
                 "stay, and lists skip them, until their day's stream expires",
                 log_int("worker", worker->index), log_str("reason", reason),
                 log_int("generation", redis_generation(worker->redis)));
}

static void on_entry(void *data)
{
        struct worker *worker = data;
        atomic_fetch_add_explicit(&worker->collector->feed_entries, 1, memory_order_relaxed);
        tail_look(&worker->followers.tail);
}

/* --- Stopping ----------------------------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, UNUSED void *data)
{
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

/* The last step: all requests have been answered or are answered here. */
static void worker_end(struct worker *worker)
{
        worker->closing = true;
        followers_close(&worker->followers);
        redis_close(worker->redis, NULL, NULL); /* answers the requests that still wait */
        if (worker->store.ack_pool)
                ack_pool_close(worker->store.ack_pool);
        redis_close(worker->previous, NULL, NULL);
        http_worker_close(worker->http);
        uv_close((uv_handle_t *)&worker->turn, NULL);
        uv_close((uv_handle_t *)&worker->second, NULL);
        inflows_close(&worker->bulks.inflows);
        uv_close((uv_handle_t *)&worker->message, NULL);
}

static bool is_any_ready(const struct worker *worker)
{
        for (size_t i = 0; i < worker->client_count; i++)
                if (redis_state(worker->clients[i]) == REDIS_READY)
                        return true;
        return false;
}

static void check_stop(struct worker *worker)
{
        if (!worker->stopping || worker->closing)
                return;
        /* Without Redis, waiting is pointless, so held requests get 503. */
        if (http_worker_busy(worker->http) == 0 || !is_any_ready(worker) ||
            clock_monotonic_ms() >= worker->stop_deadline_ms)
                worker_end(worker);
}

/* --- The loop ----------------------------------------------------------------------------------------------------- */

/* A feed entry follows its documents in the same write. A flush reports failed commands to their owners, and the
 * commands that these owners then send are flushed as well. */
static void send_to_redis(struct worker *worker)
{
        for (int i = 0; i == 0 || (i < FLUSHES_MAX && feed_groups_are_open(&worker->store.groups)); i++) {
                feed_groups_send(&worker->store.groups);
                redis_flush(worker->redis);
                if (worker->store.ack_pool)
                        ack_pool_turn(worker->store.ack_pool);
        }
}

static void on_turn(uv_prepare_t *handle)
{
        struct worker *worker = handle->data;
        http_worker_turn(worker->http);
        feed_trim_turn(&worker->store.trim);
        send_to_redis(worker);
        if (worker->previous)
                redis_flush(worker->previous);
        rebinding_turn(&worker->followers.rebinding);
        check_stop(worker);
}

static bool is_any_held(const struct worker *worker)
{
        for (size_t i = 0; i < worker->client_count; i++)
                if (redis_held(worker->clients[i]) > 0)
                        return true;
        return false;
}

/* HTTP connections must leave descriptors for all connections to Redis; otherwise Redis could never be reached again. A
 * Cluster may turn out to be larger than it seemed at startup. All workers connect to the same Cluster, and so does
 * the main thread's trial. */
static void keep_descriptors(struct worker *worker)
{
        size_t count = worker->previous ? redis_descriptors(worker->previous) : 0;
        for (size_t i = 0; i < worker->client_count; i++)
                count += redis_descriptors(worker->clients[i]);
        http_server_keep_descriptors(worker->collector->server,
                                     DESCRIPTORS_OF_PROCESS + (worker->collector->worker_count + 1) * count);
}

static void on_second(uv_timer_t *handle)
{
        struct worker *worker = handle->data;
        send_to_redis(worker); /* so that only commands that wait for Redis count as held */
        worker_update_instruments(worker);
        followers_second(&worker->followers);
        follow_status_second(&worker->followers.status);
        keep_descriptors(worker);
        if (is_any_held(worker))
                deposits_drop_abandoned(&worker->deposits);
        bulks_second(&worker->bulks, clock_monotonic_ms());
        if (redis_state(worker->redis) == REDIS_READY)
                feed_expiry_renew(&worker->store.expiry, worker->store.today.day);
}

static void follow_change(struct worker *worker, const struct worker_change *change)
{
        followers_swapped(&worker->followers, change->target, change->generation);
        if (worker->store.ack_pool)
                ack_pool_set_target(worker->store.ack_pool, change->target, change->generation);
}

static void set_place(struct worker *worker, enum worker_role role, const struct worker_change *change)
{
        if (!change->target)
                return;
        if (!worker->closing) {
                redis_set_target(role == WORKER_CURRENT ? worker->redis : worker->previous, change->target,
                                 change->generation);
                if (role == WORKER_PREVIOUS)
                        worker->store.previous.generation = change->generation;
                else
                        follow_change(worker, change);
        }
        redis_target_unref(change->target);
}

static void on_message(uv_async_t *handle)
{
        struct worker *worker = handle->data;
        struct worker_change changes[WORKER_ROLES];
        (void)pthread_mutex_lock(&worker->lock); /* fails only for a misused lock */
        memcpy(changes, worker->changes, sizeof(changes));
        for (int role = 0; role < WORKER_ROLES; role++)
                worker->changes[role].target = NULL;
        int64_t stop_deadline_ms = worker->stop_asked_ms;
        (void)pthread_mutex_unlock(&worker->lock);
        set_place(worker, WORKER_CURRENT, &changes[WORKER_CURRENT]);
        set_place(worker, WORKER_PREVIOUS, &changes[WORKER_PREVIOUS]);
        if (stop_deadline_ms > 0 && !worker->stopping) {
                worker->stopping = true;
                worker->stop_deadline_ms = stop_deadline_ms;
                http_worker_stop_accepting(worker->http);
        }
}

static void *run(void *argument)
{
        struct worker *worker = argument;
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT); /* returns when all handles are closed */
        return NULL;
}

/* --- Life --------------------------------------------------------------------------------------------------------- */

/* A SET like that of a document, except that its key expires at once. */
static int format_trial(struct redis_command *command, const struct redis_place *place, const char *tag,
                        UNUSED void *data)
{
        char key[FEED_PREFIX_MAX + 64];
        int length = snprintf(key, sizeof(key), tag ? "%.*scollector:trial:{%s}" : "%.*scollector:trial",
                              FEED_PREFIX_MAX, place->key_prefix, tag); /* fits */
        return redis_command_args(command, 5, (const char *[]){ "SET", key, "", "PX", "1" },
                                  (size_t[]){ 3, (size_t)length, 0, 2, 1 }, NULL);
}

static int open_ack_pool(struct worker *worker, struct redis_options redis, const struct worker_place *place,
                         struct err *err)
{
        struct ack_pool_options options = { .level = worker->collector->ack,
                                            .redis = redis,
                                            .swap = &worker->collector->swap,
                                            .waiting = &worker->collector->unsafe,
                                            .wait_seconds = worker->instruments.ack_wait_seconds,
                                            .short_total = worker->instruments.ack_short };
        options.redis.on_event = on_ack_event;
        int rc = ack_pool_open(&worker->ack_pool, &worker->loop, &options, place->target, place->generation, err);
        if (rc < 0)
                return rc;
        for (size_t i = 0; i < ACK_CLIENTS; i++) {
                struct redis *writer = worker->ack_pool.clients[i].redis;
                worker->clients[worker->client_count++] = writer;
                redis_on_batch(writer, on_batch, worker);
        }
        return 0;
}

static int open_redis(struct worker *worker, const struct worker_place *place, struct err *err)
{
        const struct settings *settings = worker->collector->settings;
        size_t four_documents = (size_t)settings->service.body_max_bytes * 4;
        struct redis_options options = {
                .reply_max_bytes = four_documents > REPLY_LIMIT_BYTES ? four_documents : REPLY_LIMIT_BYTES,
                .hold_ms = settings->hold_time_ms,
                .connect_timeout_ms = settings->connect_timeout_ms,
                .stall_ms = settings->stall_timeout_ms,
                .max_age_ms = settings->redis_max_age_ms,
                .budget = &worker->collector->budget,
                .on_event = on_redis_event,
                .format_trial = format_trial,
                .data = worker,
        };
        int rc = redis_open(&worker->loop, &options, place->target, place->generation, &worker->redis, err);
        if (rc < 0)
                return rc;
        redis_on_batch(worker->redis, on_batch, worker);
        redis_on_round_trip(worker->redis, on_round_trip, worker);
        worker->clients[worker->client_count++] = worker->redis;
        return worker->collector->ack.kind == ACK_MEMORY ? 0 : open_ack_pool(worker, options, place, err);
}

/* A request waits for the previous Redis no longer than one connection attempt takes. */
static int open_previous(struct worker *worker, const struct worker_place *place, struct err *err)
{
        const struct settings *settings = worker->collector->settings;
        struct store_previous *previous = &worker->store.previous;
        struct redis_options options = { .hold_ms = settings->connect_timeout_ms,
                                         .connect_timeout_ms = settings->connect_timeout_ms,
                                         .stall_ms = settings->connect_timeout_ms,
                                         .budget = &worker->collector->budget,
                                         .on_event = on_previous_event,
                                         .data = worker };
        int rc = instruments_add_previous(&worker->instruments, worker->collector->metrics, err);
        if (rc == 0)
                rc = redis_open(&worker->loop, &options, place->target, place->generation, &worker->previous, err);
        if (rc < 0)
                return rc;
        previous->redis = worker->previous;
        previous->found = worker->instruments.previous_found;
        previous->absent = worker->instruments.previous_absent;
        previous->failed = worker->instruments.previous_failed;
        return 0;
}

static void open_handles(struct worker *worker)
{
        /* These cannot fail on an open loop (libuv, uv_prepare_init, uv_timer_init). */
        (void)uv_prepare_init(&worker->loop, &worker->turn);
        (void)uv_timer_init(&worker->loop, &worker->second);
        inflows_init(&worker->bulks.inflows, &worker->loop);
        worker->turn.data = worker->second.data = worker->message.data = worker;
        (void)uv_prepare_start(&worker->turn, on_turn);
        (void)uv_timer_start(&worker->second, on_second, 1000, 1000);
}

static int start_thread(struct worker *worker, struct err *err)
{
        pthread_attr_t attributes;
        int failed = pthread_attr_init(&attributes);
        if (failed)
                return err_errnum(err, failed, "worker thread");
        (void)pthread_attr_setstacksize(&attributes, STACK_BYTES); /* this size is always allowed */
        failed = pthread_create(&worker->thread, &attributes, run, worker);
        (void)pthread_attr_destroy(&attributes);
        return failed ? err_errnum(err, failed, "worker thread") : 0;
}

int worker_start(struct worker *worker, struct collector *collector, unsigned index, const struct worker_place *current,
                 const struct worker_place *previous, struct err *err)
{
        const struct settings *settings = collector->settings;
        *worker = (struct worker){ .collector = collector, .index = index };
        (void)pthread_mutex_init(&worker->lock, NULL); /* cannot fail with default attributes on Linux */
        deposits_init(&worker->deposits, &worker->store, &worker->instruments);
        bulks_init(&worker->bulks, &worker->deposits, &collector->budget, &collector->unsafe);
        int rc = instruments_init(&worker->instruments, collector->metrics, err);
        if (rc < 0)
                return rc;
        int failed = uv_loop_init(&worker->loop);
        if (failed == 0)
                failed = uv_async_init(&worker->loop, &worker->message, on_message);
        if (failed)
                return err_set(err, ERR_LIMIT, "worker loop: %s", uv_strerror(failed));
        open_handles(worker);
        rc = open_redis(worker, current, err);
        if (rc < 0)
                return rc;
        store_init(&worker->store, worker->redis, collector->ack.kind == ACK_MEMORY ? NULL : &worker->ack_pool,
                   &collector->swap, settings->retention_ms, settings->hold_time_ms, settings->feed);
        worker->store.trim.on_refused = on_trim_refused;
        worker->store.trim.data = worker;
        worker->store.highest = worker->store.groups.highest = &collector->highest;
        worker->store.groups.on_entry = on_entry;
        worker->store.groups.data = worker;
        followers_init(&worker->followers, &worker->loop, collector, &worker->store, &worker->instruments,
                       current->target, current->generation);
        follow_status_init(&worker->followers.status, collector->print_status, worker);
        if (previous->target)
                rc = open_previous(worker, previous, err);
        if (rc < 0)
                return rc;
        keep_descriptors(worker);
        rc = http_worker_open(collector->server, &worker->loop, worker, &worker->http, err);
        return rc < 0 ? rc : start_thread(worker, err);
}

void worker_set_place(struct worker *worker, enum worker_role role, const struct worker_place *place)
{
        struct worker_change *change = &worker->changes[role];
        (void)pthread_mutex_lock(&worker->lock);
        redis_target_unref(change->target);
        change->target = redis_target_ref(place->target);
        change->generation = place->generation;
        (void)pthread_mutex_unlock(&worker->lock);
        (void)uv_async_send(&worker->message); /* the loop stays open until worker_join */
}

int64_t worker_away_ms(const struct worker *worker)
{
        int64_t reading_ms = redis_away_ms(worker->redis);
        int64_t writing_ms = worker->store.ack_pool ? ack_pool_away_ms(worker->store.ack_pool) : 0;
        return reading_ms > writing_ms ? reading_ms : writing_ms;
}

void worker_update_instruments(struct worker *worker)
{
        instruments_update(&worker->instruments, worker->clients, worker->client_count);
}

void worker_stop(struct worker *worker, int64_t deadline_ms)
{
        (void)pthread_mutex_lock(&worker->lock);
        worker->stop_asked_ms = deadline_ms;
        (void)pthread_mutex_unlock(&worker->lock);
        (void)uv_async_send(&worker->message);
}

void worker_join(struct worker *worker)
{
        (void)pthread_join(worker->thread, NULL); /* started, and joined once */
        uv_walk(&worker->loop, close_handle, NULL);
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop); /* nothing is left on it */
        for (int role = 0; role < WORKER_ROLES; role++)
                redis_target_unref(worker->changes[role].target);
        pool_fini(&worker->uploads);
        bulks_fini(&worker->bulks);
        deposits_fini(&worker->deposits);
        followers_fini(&worker->followers);
        follow_status_fini(&worker->followers.status);
        store_fini(&worker->store);
        (void)pthread_mutex_destroy(&worker->lock);
}
