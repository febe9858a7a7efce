/* trial: runs redis_probe and redis_sentinels_check, each on a separate loop. */
#include "trial.h"

struct found {
        struct redis_probe_result result;
        int rc;
        struct err err;
};

static void on_probed(const struct redis_probe_result *result, int rc, const struct err *err, void *data)
{
        struct found *found = data;
        found->rc = rc;
        if (result)
                found->result = *result;
        if (rc < 0)
                found->err = *err;
}

static int begin(uv_loop_t *loop, struct err *err)
{
        int failed = uv_loop_init(loop);
        return failed ? err_set(err, ERR_LIMIT, "event loop: %s", uv_strerror(failed)) : 0;
}

/* Runs the loop until all its handles are closed. There are none if nothing was started. */
static void end(uv_loop_t *loop)
{
        (void)uv_run(loop, UV_RUN_DEFAULT); /* then nothing is left on it,  */
        (void)uv_loop_close(loop);          /* so this cannot fail    */
}

int trial_run(const struct backing_redis *redis, const struct commands *commands, int64_t timeout_ms,
              struct redis_probe_result *out, struct err *err)
{
        struct found found = { .rc = ERR_BUG };
        struct redis_trial trial = commands_trial(commands);
        uv_loop_t loop;
        *out = (struct redis_probe_result){ 0 };
        int rc = begin(&loop, err);
        if (rc < 0)
                return rc;
        rc = redis_probe(&loop, backing_redis_target(redis), &trial, timeout_ms, on_probed, &found, NULL, err);
        end(&loop);
        if (rc < 0)
                return rc;
        if (found.rc < 0)
                *err = found.err;
        *out = found.result;
        return found.rc;
}

static void on_checked(const struct redis_sentinel_found *found, size_t count, void *data)
{
        void (**each)(const struct redis_sentinel_found *found) = data;
        for (size_t i = 0; i < count; i++)
                (*each)(&found[i]);
}

int trial_sentinels(const struct backing_redis *redis, int64_t timeout_ms,
                    void (*each)(const struct redis_sentinel_found *found), struct err *err)
{
        uv_loop_t loop;
        int rc = begin(&loop, err);
        if (rc < 0)
                return rc;
        rc = redis_sentinels_check(&loop, backing_redis_target(redis), timeout_ms, on_checked, &each, err);
        end(&loop);
        return rc;
}
