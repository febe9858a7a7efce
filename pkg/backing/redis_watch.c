/* redis_watch: follows the binding of a Redis. A candidate is probed before it is used, because a target that refuses
 * the password or is a read-only replica must not replace a working one. A new certificate or password in the binding
 * also leads to a candidate. */
#include <stdlib.h>
#include <sys/random.h>

#include "backing/follow.h"
#include "backing/redis.h"
#include "backing/redis_resolved.h"

enum { PROBE_TIMEOUT_MS = 3000, BACKOFF_MIN_MS = 1000, BACKOFF_MAX_MS = 30000 };

struct backing_redis_watch {
        struct follower follower; /* first */
        struct backing_redis_input input;
        uv_timer_t retry;
        struct backing_redis *candidate; /* owned; NULL: no candidate is being tried */
        struct redis_probe *probe;       /* running for the candidate; NULL */
        int64_t probe_timeout_ms, backoff_min_ms, backoff_max_ms;
        int64_t backoff_ms; /* before the next probe, without jitter */
        unsigned attempts;
        const struct redis_trial *trial;
        void (*on_target)(struct backing_redis *now, void *data);
        int (*accept)(const struct redis_probe_result *found, void *data, struct err *err);
        void *data;
};

static struct backing_redis_watch *watch_of(struct follower *follower)
{
        return CONTAINER_OF(follower, struct backing_redis_watch, follower);
}

/* --- Trying a candidate ------------------------------------------------------------------------------------ */

static void start_probe(struct backing_redis_watch *watch);

static void on_retry(uv_timer_t *timer)
{
        start_probe(timer->data);
}

/* Half of the pause is random, so that replicas that lost their Redis together don't reconnect together. */
static int64_t jittered(int64_t ms)
{
        unsigned random = 0;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                random = (unsigned)uv_hrtime();
        return ms / 2 + (int64_t)(random % (unsigned)(ms / 2 + 1));
}

static void try_later(struct backing_redis_watch *watch, const struct err *err)
{
        struct follower *f = &watch->follower;
        int64_t wait_ms = jittered(watch->backoff_ms);
        watch->backoff_ms =
                watch->backoff_ms * 2 < watch->backoff_max_ms ? watch->backoff_ms * 2 : watch->backoff_max_ms;
        follower_count(f, FOLLOW_FAILED);
        log_error(f->log, "binding.reload_failed",
                  "The new Redis failed its probe: keeping the current one and retrying", log_err(err), log_code(err),
                  log_str("address", redis_target_address(backing_redis_target(watch->candidate))),
                  log_str("binding", backing_redis_report(watch->candidate)->binding),
                  log_int("generation", f->now->generation), log_int("attempt", watch->attempts),
                  log_int("retry_ms", wait_ms));
        follower_tell(f,
                      &(struct backing_change){ .state = BACKING_REFUSED,
                                                .address = redis_target_address(backing_redis_target(watch->candidate)),
                                                .err = err,
                                                .retry_ms = wait_ms });
        (void)uv_timer_start(&watch->retry, on_retry, (uint64_t)wait_ms, 0); /* fails only without a callback */
}

static void on_probed(const struct redis_probe_result *result, int rc, const struct err *err, void *data)
{
        struct backing_redis_watch *watch = data;
        watch->probe = NULL;
        struct err refusal;
        /* If the probe and this check both refuse the candidate, the error of the check is better, because it names the
         * settings. */
        if (result->address[0] && watch->accept && watch->accept(result, watch->data, &refusal) < 0) {
                rc = refusal.code;
                err = &refusal;
        }
        if (rc < 0) {
                try_later(watch, err);
                return;
        }
        struct backing_redis *good = watch->candidate;
        watch->candidate = NULL;
        follower_adopt(&watch->follower, &good->backed, result && result->server[0] ? result->server : NULL);
}

static void start_probe(struct backing_redis_watch *watch)
{
        struct err err;
        watch->attempts++;
        int rc = redis_probe(root_loop(watch->follower.root), backing_redis_target(watch->candidate), watch->trial,
                             watch->probe_timeout_ms, on_probed, watch, &watch->probe, &err);
        if (rc < 0)
                try_later(watch, &err);
}

static void attempt(struct follower *follower, struct backed *candidate)
{
        struct backing_redis_watch *watch = watch_of(follower);
        watch->candidate = redis_of(candidate);
        watch->backoff_ms = watch->backoff_min_ms;
        watch->attempts = 0;
        start_probe(watch);
}

static void give_up(struct follower *follower)
{
        struct backing_redis_watch *watch = watch_of(follower);
        redis_probe_cancel(watch->probe);
        watch->probe = NULL;
        backing_redis_unref(watch->candidate);
        watch->candidate = NULL;
        (void)uv_timer_stop(&watch->retry); /* never fails */
}

static void announce(struct follower *follower, struct backed *now)
{
        struct backing_redis_watch *watch = watch_of(follower);
        if (watch->on_target)
                watch->on_target(redis_of(now), watch->data);
}

static const struct follow_ops ops = { .attempt = attempt, .give_up = give_up, .announce = announce };

/* --- Life cycle ---------------------------------------------------------------------------------------------- */

static int64_t or_default(int64_t value, int64_t fallback)
{
        return value > 0 ? value : fallback;
}

int backing_redis_watch_open(struct backing_root *root, const struct backing_redis_watch_options *options,
                             struct backing_redis_watch **out, struct err *err)
{
        struct backing_redis_watch *watch = calloc(1, sizeof(*watch));
        if (!watch)
                return err_set(err, ERR_NOMEM, "Redis");
        watch->input = options->input;
        watch->probe_timeout_ms = or_default(options->probe_timeout_ms, PROBE_TIMEOUT_MS);
        watch->backoff_min_ms = or_default(options->backoff_min_ms, BACKOFF_MIN_MS);
        watch->backoff_max_ms = or_default(options->backoff_max_ms, BACKOFF_MAX_MS);
        watch->trial = options->trial;
        watch->on_target = options->on_target;
        watch->accept = options->accept;
        watch->data = options->data;
        const struct follow_options follow = { .kind = &redis_kind,
                                               .input = &watch->input,
                                               .names = options->metric_names,
                                               .on_state = options->on_state,
                                               .data = options->data };
        int rc = follower_open(&watch->follower, &ops, root, &follow, err);
        if (rc < 0) {
                free(watch);
                return rc;
        }
        (void)uv_timer_init(root_loop(root), &watch->retry); /* never fails */
        uv_unref((uv_handle_t *)&watch->retry);
        watch->retry.data = watch;
        *out = watch;
        return 0;
}

struct backing_redis *backing_redis_watch_get(const struct backing_redis_watch *watch)
{
        return redis_of(watch->follower.now);
}

int backing_redis_watch_reload(struct backing_redis_watch *watch, const struct backing_redis_input *input,
                               struct err *err)
{
        struct backing_redis_input old = watch->input;
        if (input)
                watch->input = *input;
        int rc = follower_reload(&watch->follower, NULL, err);
        if (rc < 0)
                watch->input = old;
        return rc;
}

void backing_redis_watch_look(struct backing_redis_watch *watch)
{
        backing_root_look(watch->follower.root);
        if (watch->candidate && !watch->probe) {
                (void)uv_timer_stop(&watch->retry); /* never fails */
                start_probe(watch);
        }
}

static void on_retry_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void backing_redis_watch_close(struct backing_redis_watch *watch)
{
        if (!watch || uv_is_closing((uv_handle_t *)&watch->retry))
                return;
        follower_close(&watch->follower);
        uv_close((uv_handle_t *)&watch->retry, on_retry_closed);
}
