/* Tests of the acknowledgement levels: which words are accepted, and which servers are rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ack_level.h"
#include "base/attr.h"

static void all_levels_are_parsed(void **state UNUSED)
{
        static const struct {
                const char *text;
                enum ack_kind kind;
                unsigned replicas;
        } cases[] = { { "memory", ACK_MEMORY, 0 },
                      { "replica", ACK_REPLICA, 1 },
                      { "replica:1", ACK_REPLICA, 1 },
                      { "replica:64", ACK_REPLICA, 64 },
                      { "fsync", ACK_FSYNC, 0 } };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct ack_level level;
                struct err err;
                assert_int_equal(ack_parse(cases[i].text, &level, &err), 0);
                assert_int_equal(level.kind, cases[i].kind);
                assert_int_equal(level.replicas, cases[i].replicas);
        }
}

static void anything_else_is_rejected_and_changes_nothing(void **state UNUSED)
{
        static const char *const cases[] = {
                "",           "Memory",     "replica:",   "replica:0",  "replica:65",
                "replica:-1", "replica: 1", "replica:1x", "replica:+1", "replica:99999999999999999999",
                "fsync:1",    "disk"
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct ack_level level = { .kind = ACK_FSYNC, .replicas = 7 };
                struct err err;
                assert_int_equal(ack_parse(cases[i], &level, &err), ERR_INVALID);
                assert_non_null(strstr(err.text, "expected"));
                assert_int_equal(level.kind, ACK_FSYNC);
                assert_int_equal(level.replicas, 7);
        }
}

static void fsync_requires_waitaof_and_an_append_only_file(void **state UNUSED)
{
        static const struct {
                const char *server;
                bool known, on;
                int rc;
        } cases[] = {
                { "redis 7.0.15", true, true, ERR_UNAVAILABLE },
                { "redis 6.2.6", true, true, ERR_UNAVAILABLE },
                { "redis 7.2.0", true, true, 0 },
                { "redis 8.0.1", true, true, 0 },
                { "redis 10.0", true, true, 0 },
                { "valkey 7.2.5", true, true, 0 },
                { "valkey 8.1.1", true, false, ERR_UNAVAILABLE },
                { "", false, false, 0 },
                { "redis unstable", true, true, 0 },
        };
        const struct ack_level fsync = { .kind = ACK_FSYNC }, replica = { .kind = ACK_REPLICA, .replicas = 1 };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct redis_probe_result found = { .address = "a:1",
                                                    .append_only_known = cases[i].known,
                                                    .append_only = cases[i].on,
                                                    .replicas = -1 };
                struct err err;
                (void)snprintf(found.server, sizeof(found.server), "%s", cases[i].server);
                assert_int_equal(ack_fits(&fsync, &found, &err), cases[i].rc);
                assert_int_equal(ack_fits(&replica, &found, &err), 0);
        }
}

static void too_few_replicas_are_noticed_if_the_number_is_known(void **state UNUSED)
{
        const struct ack_level two = { .kind = ACK_REPLICA, .replicas = 2 };
        assert_true(ack_is_short(&two, &(struct redis_probe_result){ .replicas = 1 }));
        assert_false(ack_is_short(&two, &(struct redis_probe_result){ .replicas = 2 }));
        assert_false(ack_is_short(&two, &(struct redis_probe_result){ .replicas = -1 }));
        assert_false(ack_is_short(&(struct ack_level){ .kind = ACK_MEMORY }, &(struct redis_probe_result){ 0 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_levels_are_parsed),
                cmocka_unit_test(anything_else_is_rejected_and_changes_nothing),
                cmocka_unit_test(fsync_requires_waitaof_and_an_append_only_file),
                cmocka_unit_test(too_few_replicas_are_noticed_if_the_number_is_known),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
