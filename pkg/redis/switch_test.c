/* Tests of a client that moves to another target, or waits for one whose address is not known yet. */
#include "redis/client_rig_test.h"

static struct fake other;

/* --- Switching ------------------------------------------------------------------------------------------- */

enum { STREAM_JOBS = 600 };

static void a_switch_under_traffic_loses_nothing_and_keeps_the_order(void **state UNUSED)
{
        static struct job jobs[STREAM_JOBS];
        char key[12];
        start(NULL, (struct redis_options){ 0 });
        fake_start(&other, &rig.loop, 0, NULL);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        for (unsigned i = 0; i < STREAM_JOBS; i++) {
                (void)snprintf(key, sizeof(key), "%u", i);
                job_send(&jobs[i], &rig, "SET", key, "1");
                if (i == 200) {
                        struct redis_target *target = target_at(other.port);
                        redis_set_target(rig.client, target, 2);
                        redis_target_unref(target);
                }
                if (i % 5 == 0)
                        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
        }
        RUN_UNTIL(&rig, rig.answered == STREAM_JOBS && fake.open == 0);
        assert_int_equal(fake.logged + other.logged, STREAM_JOBS);
        for (size_t i = 0; i < STREAM_JOBS; i++) {
                const char *text = i < fake.logged ? fake.log[i].text : other.log[i - fake.logged].text;
                assert_int_equal(strtoul(text + 4, NULL, 10), i);
        }
        for (unsigned i = 0; i < STREAM_JOBS; i++)
                assert_answer(&jobs[i], "OK");
        assert_true(other.logged > 0 && fake.logged > 200);
        assert_int_equal(redis_generation(rig.client), 2);
        assert_int_equal(rig.events[REDIS_EVENT_SWITCHED], 1);
        assert_int_equal(rig.events[REDIS_EVENT_DRAINED], 1);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        fake_stop(&other);
        stop();
}

static void while_the_new_target_is_dead_the_old_connection_is_used(void **state UNUSED)
{
        struct job a, b;
        start(dies, (struct redis_options){ 0 });
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        uint16_t port = dead_port();
        struct redis_target *target = target_at(port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] >= 3);
        job_send(&a, &rig, "GET", "a", NULL);
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(redis_generation(rig.client), 1);
        job_send(&b, &rig, "SET", "b", "1"); /* kills the old one */
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DISCONNECTED] == 1);
        fake_start(&other, &rig.loop, port, NULL);
        RUN_UNTIL(&rig, b.is_done);
        assert_answer(&b, "OK");
        assert_int_equal(other.logged, 1);
        assert_int_equal(fake.connections, 1);
        fake_stop(&other);
        stop();
}

static void replies_of_the_old_target_do_not_shorten_the_backoff_of_the_new(void **state UNUSED)
{
        struct job a;
        start(NULL, (struct redis_options){ .backoff_min_ms = 20, .backoff_max_ms = 1000 });
        struct redis_target *target = target_at(dead_port());
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        int64_t until_ms = clock_monotonic_ms() + 300;
        while (clock_monotonic_ms() < until_ms) {
                job_send(&a, &rig, "GET", "a", NULL);
                RUN_UNTIL(&rig, a.is_done);
        }
        assert_in_range(rig.events[REDIS_EVENT_CONNECT_FAILED], 1, 15);
        stop();
}

static void commands_that_the_old_target_never_answers_are_sent_to_the_new_one(void **state UNUSED)
{
        struct job a;
        start(always_silent, (struct redis_options){ .stall_ms = 150 });
        fake_start(&other, &rig.loop, 0, NULL);
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, fake.asked == 1);
        struct redis_target *target = target_at(other.port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, a.is_done && rig.events[REDIS_EVENT_DRAINED] == 1);
        assert_answer(&a, "OK");
        assert_int_equal(a.resends, 1);
        assert_int_equal(other.logged, 1);
        fake_stop(&other);
        stop();
}

static void a_second_switch_overrides_the_first(void **state UNUSED)
{
        struct job a;
        start(NULL, (struct redis_options){ 0 });
        fake_start(&other, &rig.loop, 0, NULL);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        struct redis_target *dead = target_at(dead_port()), *target = target_at(other.port);
        redis_set_target(rig.client, dead, 2);
        redis_set_target(rig.client, target, 3);
        RUN_UNTIL(&rig, redis_generation(rig.client) == 3);
        job_send(&a, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(other.logged, 1);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
        redis_target_unref(dead);
        redis_target_unref(target);
        fake_stop(&other);
        stop();
}

static void a_client_without_an_address_waits_until_it_gets_one(void **state UNUSED)
{
        struct job late, held;
        struct redis_target *target = redis_target_new(&(struct redis_target_options){ .is_nowhere = true }, NULL);
        assert_non_null(target);
        assert_null(redis_target_address(target));
        rig_init(&rig);
        rig_open_target(&rig, (struct redis_options){ .hold_ms = 300 }, target);
        assert_true(redis_is_nowhere(rig.client));
        job_send(&late, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, late.is_done);
        assert_int_equal(late.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(late.text, "address of Redis is not known yet"));
        for (size_t i = 0; i < COUNT_OF(rig.events); i++)
                assert_int_equal(rig.events[i], 0);
        fake_start(&fake, &rig.loop, 0, NULL);
        job_send(&held, &rig, "SET", "k", "v");
        target = target_at(fake.port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, held.is_done);
        assert_answer(&held, "OK");
        assert_false(redis_is_nowhere(rig.client));
        assert_int_equal(redis_generation(rig.client), 2);
        fake_stop(&fake);
        rig_fini(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_client_without_an_address_waits_until_it_gets_one),
                cmocka_unit_test(a_switch_under_traffic_loses_nothing_and_keeps_the_order),
                cmocka_unit_test(while_the_new_target_is_dead_the_old_connection_is_used),
                cmocka_unit_test(replies_of_the_old_target_do_not_shorten_the_backoff_of_the_new),
                cmocka_unit_test(commands_that_the_old_target_never_answers_are_sent_to_the_new_one),
                cmocka_unit_test(a_second_switch_overrides_the_first),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
