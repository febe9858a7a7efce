/* store_rig: a store that writes to one scripted server and can be switched to another. */
#ifndef COLLECTOR_STORE_RIG_TEST_H
#define COLLECTOR_STORE_RIG_TEST_H

#define FAKE_TEXT_MAX 3600
#include "redis/fake_redis_test.h"

#include "store.h"

/* The first server's reply to the command `text`; "": no reply; NULL: the usual one. */
typedef const char *rig_answer_fn(struct fake *fake, const char *text);

struct rig {
        uv_loop_t loop;
        uv_prepare_t prepare;
        uv_timer_t pulse; /* so that a wait checks its condition regularly */
        struct fake first, second;
        rig_answer_fn *answer; /* the first server's reply; NULL: the usual one */
        struct redis *redis;
        struct redis_budget budget;
        struct swap swap;
        struct store store;
        bool is_closed, is_held_up; /* is_held_up: the rig sends nothing */
};

static inline void rig_on_prepare(uv_prepare_t *prepare)
{
        struct rig *rig = CONTAINER_OF(prepare, struct rig, prepare);
        for (int i = 0; rig->redis && !rig->is_held_up && i < 3; i++) {
                feed_groups_send(&rig->store.groups);
                redis_flush(rig->redis);
        }
}

static inline void rig_on_pulse(uv_timer_t *timer UNUSED)
{
}

static inline void rig_on_closed(void *data)
{
        ((struct rig *)data)->is_closed = true;
}

static inline struct redis_target *rig_target(const struct fake *fake, const char *prefix)
{
        struct redis_target_options options = { .host = "127.0.0.1", .port = fake->port, .key_prefix = prefix };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        return target;
}

static inline const char *rig_answer(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        static char text[FAKE_TEXT_MAX];
        rig_answer_fn *answer = CONTAINER_OF(fake, struct rig, first)->answer;
        fake_join(text, sizeof(text), argc, argv);
        return answer ? answer(fake, text) : NULL;
}

static inline void rig_start(struct rig *rig, rig_answer_fn *answer)
{
        struct redis_options options = {
                .hold_ms = 5000, .stall_ms = 2000, .backoff_min_ms = 10, .backoff_max_ms = 40, .budget = &rig->budget
        };
        memset(rig, 0, sizeof(*rig));
        rig->answer = answer;
        assert_int_equal(uv_loop_init(&rig->loop), 0);
        assert_int_equal(uv_prepare_init(&rig->loop, &rig->prepare), 0);
        assert_int_equal(uv_prepare_start(&rig->prepare, rig_on_prepare), 0);
        assert_int_equal(uv_timer_init(&rig->loop, &rig->pulse), 0);
        assert_int_equal(uv_timer_start(&rig->pulse, rig_on_pulse, 5, 5), 0);
        fake_start(&rig->first, &rig->loop, 0, rig_answer);
        fake_start(&rig->second, &rig->loop, 0, NULL);
        struct redis_target *target = rig_target(&rig->first, "a:");
        assert_int_equal(redis_open(&rig->loop, &options, target, 1, &rig->redis, NULL), 0);
        redis_target_unref(target);
        store_init(&rig->store, rig->redis, NULL, &rig->swap, 0, 5000, true);
        RUN_UNTIL(rig, redis_state(rig->redis) == REDIS_READY);
}

/* Everything is now sent to the second server, under another prefix. */
static inline void rig_switch(struct rig *rig)
{
        struct redis_target *target = rig_target(&rig->second, "other:");
        redis_set_target(rig->redis, target, 2);
        redis_target_unref(target);
}

static inline void rig_close(struct rig *rig)
{
        struct redis *redis = rig->redis;
        rig->redis = NULL;
        redis_close(redis, rig_on_closed, rig);
}

static inline void rig_close_handle(uv_handle_t *handle, void *data UNUSED)
{
        if (handle->type == UV_TCP && !uv_is_closing(handle))
                fake_hang_up((struct fake_conn *)handle);
}

static inline void rig_stop(struct rig *rig)
{
        if (rig->redis)
                rig_close(rig);
        RUN_UNTIL(rig, rig->is_closed);
        uv_close((uv_handle_t *)&rig->prepare, NULL);
        uv_close((uv_handle_t *)&rig->pulse, NULL);
        fake_stop(&rig->first);
        fake_stop(&rig->second);
        uv_walk(&rig->loop, rig_close_handle, NULL);
        (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&rig->loop), 0);
        assert_int_equal(atomic_load(&rig->budget.commands), 0);
        assert_int_equal(atomic_load(&rig->budget.bytes), 0);
        assert_false(feed_groups_are_open(&rig->store.groups));
        store_fini(&rig->store);
}

/* The text of the n-th XADD from 0; NULL: there are fewer. */
static inline const char *fake_entry(const struct fake *fake, size_t n)
{
        for (size_t i = 0; i < fake->logged; i++)
                if (strncmp(fake->log[i].text, "XADD ", 5) == 0 && n-- == 0)
                        return fake->log[i].text;
        return NULL;
}

/* The keys of an XADD. */
static inline size_t fake_count_keys(const char *text)
{
        size_t count = 0;
        for (; (text = strstr(text, " k ")); text += 3)
                count++;
        return count;
}

#endif
