/* Tests of replacing old connections, against a scripted server. */
#include "redis/client_rig_test.h"
#include "redis/random.h"

static void an_old_connection_is_replaced_without_a_gap(void **state UNUSED)
{
        struct job jobs[200];
        unsigned sent = 0;
        start(NULL, (struct redis_options){ .max_age_ms = 50 });
        while (rig.events[REDIS_EVENT_DRAINED] < 3) {
                if (rig.answered == sent && sent < 200)
                        job_send(&jobs[sent++], &rig, "SET", "k", "v");
                (void)uv_run(&rig.loop, UV_RUN_ONCE);
        }
        RUN_UNTIL(&rig, rig.answered == sent);
        for (unsigned i = 0; i < sent; i++)
                assert_int_equal(jobs[i].command.attempts, 1);
        assert_true(fake.connections >= 4);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        assert_int_equal(redis_counters(rig.client).resent, 0);
        stop();
}

/* Processes that connected at the same time must not reconnect at the same time. */
static void the_age_at_which_connections_are_replaced_differs_by_a_tenth_either_way(void **state UNUSED)
{
        enum { AGE_MS = 1000000, TENTH_MS = AGE_MS / 10, TIMES = 200 };
        int64_t least_ms = INT64_MAX, most_ms = 0;
        start(NULL, (struct redis_options){ .max_age_ms = AGE_MS });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        for (int i = 0; i < TIMES; i++) {
                struct client *client = rig.client->client;
                redis_renewal_use(&client->renewal, client->active, redis_random(&client->random));
                int64_t age_ms = (int64_t)uv_timer_get_due_in(&client->renewal.timer);
                least_ms = age_ms < least_ms ? age_ms : least_ms;
                most_ms = age_ms > most_ms ? age_ms : most_ms;
        }
        assert_in_range(least_ms, AGE_MS - TENTH_MS, AGE_MS - TENTH_MS / 2);
        assert_in_range(most_ms, AGE_MS + TENTH_MS / 2, AGE_MS + TENTH_MS);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_old_connection_is_replaced_without_a_gap),
                cmocka_unit_test(the_age_at_which_connections_are_replaced_differs_by_a_tenth_either_way),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
