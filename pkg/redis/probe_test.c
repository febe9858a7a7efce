/* Tests of probes that end before they start. */
#include "redis/client_rig_test.h"

static const char *nothing(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv UNUSED)
{
        return "";
}

static void never_probed(const struct redis_probe_result *result UNUSED, int rc UNUSED, const struct err *err UNUSED,
                         void *data UNUSED)
{
        fail_msg("the probe was cancelled");
}

static void a_cancelled_probe_leaves_the_loop_at_once(void **state UNUSED)
{
        struct redis_probe *probe = NULL;
        start(nothing, (struct redis_options){ 0 });
        struct redis_target *target = target_at(fake.port);
        assert_int_equal(redis_probe(&rig.loop, target, NULL, 60000, never_probed, NULL, &probe, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, fake.connections == 2);
        int64_t before_ms = clock_monotonic_ms();
        redis_probe_cancel(probe);
        stop();
        assert_true(clock_monotonic_ms() - before_ms < 5000);
}

static void on_no_probe(const struct redis_probe_result *result UNUSED, int rc UNUSED, const struct err *err UNUSED,
                        void *data UNUSED)
{
        fail();
}

static void a_target_without_an_address_is_not_probed(void **state UNUSED)
{
        struct err err;
        struct redis_target *target = redis_target_new(&(struct redis_target_options){ .is_nowhere = true }, NULL);
        assert_non_null(target);
        assert_int_equal(redis_probe(NULL, target, NULL, 1000, on_no_probe, NULL, NULL, &err), ERR_UNAVAILABLE);
        redis_target_unref(target);
        assert_null(redis_target_new(&(struct redis_target_options){ .is_nowhere = true, .host = "h" }, &err));
        assert_int_equal(err.code, ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_target_without_an_address_is_not_probed),
                cmocka_unit_test(a_cancelled_probe_leaves_the_loop_at_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
