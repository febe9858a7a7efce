/* Tests of commands whose place changes (on_place adapts, refuses or withdraws them) and of commands that wait for a
 * newer target. */
#include "redis/rig_test.h"

static struct rig rig;
static struct fake fake, other;

/* A job that sets the result of on_place. */
struct traveller {
        struct job job;
        enum redis_made made;
        unsigned asked;
        struct redis_place place; /* the place of the last call */
        char prefix[16];
};

static enum redis_made on_place(struct redis_command *command, const struct redis_place *place)
{
        struct traveller *traveller = CONTAINER_OF(command, struct traveller, job.command);
        char key[32];
        traveller->asked++;
        traveller->place = *place;
        (void)snprintf(traveller->prefix, sizeof(traveller->prefix), "%s", place->key_prefix);
        int length = snprintf(key, sizeof(key), "%skey", place->key_prefix);
        if (traveller->made == REDIS_MADE)
                assert_int_equal(redis_command_set_key(command, key, (size_t)length), 0);
        return traveller->made;
}

static void send_traveller(struct traveller *traveller, const char *name, enum redis_made made)
{
        memset(traveller, 0, sizeof(*traveller));
        job_init(&traveller->job, &rig, name, "a:key", strcmp(name, "SET") == 0 ? "value" : NULL);
        traveller->made = made;
        traveller->job.command.on_place = on_place;
        traveller->job.command.made_for = redis_place(rig.client)->number;
        redis_send(rig.client, &traveller->job.command);
}

static struct redis_target *prefixed_target(uint16_t port, const char *prefix)
{
        struct redis_target_options options = { .host = "127.0.0.1", .port = port, .key_prefix = prefix };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        return target;
}

static void start(fake_answer_fn *answer, struct redis_options options)
{
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, answer);
        fake_start(&other, &rig.loop, 0, NULL);
        rig_open_target(&rig, options, prefixed_target(fake.port, "a:"));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
}

static void stop(void)
{
        fake_stop(&fake);
        fake_stop(&other);
        rig_fini(&rig);
}

static void switch_to(uint16_t port, const char *prefix, unsigned generation)
{
        struct redis_target *target = prefixed_target(port, prefix);
        redis_set_target(rig.client, target, generation);
        redis_target_unref(target);
}

static const char *ends_at_get(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return strcmp(argv[0], "GET") == 0 ? FAKE_CLOSE : NULL;
}

/* Needs a server that was started with ends_at_get. Commands sent from now on are held. */
static void lose_connection(void)
{
        struct job last;
        fake_stop(&fake);
        job_init(&last, &rig, "GET", "last", NULL);
        last.command.once = true;
        redis_send(rig.client, &last.command);
        RUN_UNTIL(&rig, last.is_done);
        rig.answered = 0;
        assert_int_not_equal(redis_state(rig.client), REDIS_READY);
}

static void a_waiting_command_is_adapted_once_to_the_next_place(void **state UNUSED)
{
        struct traveller a, b;
        start(ends_at_get, (struct redis_options){ 0 });
        lose_connection();
        send_traveller(&a, "SET", REDIS_MADE);
        send_traveller(&b, "GET", REDIS_MADE);
        switch_to(other.port, "longer:", 2);
        RUN_UNTIL(&rig, a.job.is_done && b.job.is_done);
        assert_answer(&a.job, "OK");
        assert_int_equal(other.logged, 2);
        assert_string_equal(other.log[0].text, "SET longer:key value");
        assert_string_equal(other.log[1].text, "GET longer:key");
        assert_int_equal(a.asked, 1);
        assert_string_equal(a.prefix, "longer:");
        assert_int_equal(a.place.generation, 2);
        assert_false(a.place.is_cluster);
        assert_int_equal(a.job.command.made_for, a.place.number);
        assert_int_equal(a.job.command.generation, 2);
        stop();
}

static void a_command_for_the_place_in_use_is_sent_unchanged(void **state UNUSED)
{
        struct traveller a;
        start(NULL, (struct redis_options){ 0 });
        send_traveller(&a, "SET", REDIS_NOT_MADE);
        RUN_UNTIL(&rig, a.job.is_done);
        assert_answer(&a.job, "OK");
        assert_int_equal(a.asked, 0);
        assert_string_equal(fake.log[0].text, "SET a:key value");
        stop();
}

static void a_command_that_cannot_be_adapted_fails_and_the_others_are_sent(void **state UNUSED)
{
        struct traveller a, b, c;
        start(ends_at_get, (struct redis_options){ 0 });
        lose_connection();
        send_traveller(&a, "SET", REDIS_MADE);
        send_traveller(&b, "SET", REDIS_NOT_MADE);
        send_traveller(&c, "SET", REDIS_MADE);
        switch_to(other.port, "b:", 2);
        RUN_UNTIL(&rig, rig.answered == 3);
        assert_answer(&a.job, "OK");
        assert_answer(&c.job, "OK");
        assert_int_equal(b.job.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(b.job.text, "previous Redis"));
        assert_int_equal(other.logged, 2);
        stop();
}

static void a_withdrawn_command_belongs_to_the_caller_and_gets_no_reply(void **state UNUSED)
{
        struct traveller a, b;
        start(ends_at_get, (struct redis_options){ 0 });
        lose_connection();
        send_traveller(&a, "SET", REDIS_WITHDRAWN);
        send_traveller(&b, "SET", REDIS_MADE);
        switch_to(other.port, "b:", 2);
        RUN_UNTIL(&rig, b.job.is_done);
        assert_int_equal(a.asked, 1);
        assert_false(a.job.is_done);
        assert_int_equal(other.logged, 1);
        redis_send(rig.client, &a.job.command); /* it may be sent again */
        a.made = REDIS_MADE;
        RUN_UNTIL(&rig, a.job.is_done);
        assert_answer(&a.job, "OK");
        stop();
}

static const char *silent(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return strcmp(argv[0], "SET") == 0 ? "" : NULL;
}

static void a_possibly_executed_command_that_cannot_be_adapted_times_out(void **state UNUSED)
{
        struct traveller a;
        start(silent, (struct redis_options){ .stall_ms = 200 });
        send_traveller(&a, "SET", REDIS_NOT_MADE);
        RUN_UNTIL(&rig, fake.asked == 1);
        switch_to(other.port, "b:", 2);
        RUN_UNTIL(&rig, a.job.is_done);
        assert_int_equal(a.job.code, ERR_TIMEOUT);
        assert_int_equal(other.logged, 0);
        stop();
}

static const char *puts_off(struct fake *f UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return strcmp(argv[0], "SET") == 0 ? "-NOREPLICAS Not enough good replicas to write.\r\n" : NULL;
}

/* Redis refused the command temporarily: it is held and goes to the next place. */
static void a_temporarily_refused_set_gets_the_prefix_of_the_next_place(void **state UNUSED)
{
        struct traveller a;
        start(puts_off, (struct redis_options){ 0 });
        send_traveller(&a, "SET", REDIS_MADE);
        RUN_UNTIL(&rig, a.job.command.attempts > 1);
        switch_to(other.port, "b:", 2);
        RUN_UNTIL(&rig, a.job.is_done);
        assert_answer(&a.job, "OK");
        assert_int_equal(other.logged, 1);
        assert_string_equal(other.log[0].text, "SET b:key value");
        assert_int_equal(a.job.resends, 0); /* it was certainly not executed */
        stop();
}

static void after_two_changes_a_command_is_adapted_to_the_last_place_only(void **state UNUSED)
{
        struct traveller a;
        start(ends_at_get, (struct redis_options){ 0 });
        lose_connection();
        send_traveller(&a, "SET", REDIS_MADE);
        switch_to(other.port, "b:", 2);
        switch_to(other.port, "c:", 3);
        RUN_UNTIL(&rig, a.job.is_done);
        assert_int_equal(a.asked, 1);
        assert_string_equal(other.log[0].text, "SET c:key value");
        stop();
}

/* --- Commands that wait for a generation ------------------------------------------------------------------------- */

static void send_for(struct job *job, const char *key, unsigned generation)
{
        job_init(job, &rig, "SET", key, "1");
        job->command.generation_min = generation;
        redis_send(rig.client, &job->command);
}

static void only_a_command_for_a_newer_target_waits_for_it(void **state UNUSED)
{
        struct job a, b, c, now;
        start(NULL, (struct redis_options){ 0 });
        send_for(&a, "a", 2);
        send_for(&b, "b", 2);
        send_for(&c, "c", 3);
        send_for(&now, "now", 1);
        RUN_UNTIL(&rig, now.is_done);
        rig_run_for(&rig, 120); /* past several ticks */
        assert_int_equal(rig.answered, 1);
        assert_int_equal(redis_held(rig.client), 3);
        switch_to(other.port, "", 2);
        RUN_UNTIL(&rig, a.is_done && b.is_done);
        assert_string_equal(other.log[0].text, "SET a 1");
        assert_string_equal(other.log[1].text, "SET b 1");
        assert_int_equal(a.command.generation, 2);
        assert_false(c.is_done);
        switch_to(fake.port, "", 5);
        RUN_UNTIL(&rig, c.is_done);
        assert_int_equal(c.command.generation, 5);
        assert_int_equal(redis_held(rig.client), 0);
        stop();
}

static void a_command_that_waits_for_a_target_fails_after_the_hold_time(void **state UNUSED)
{
        struct job a;
        start(NULL, (struct redis_options){ .hold_ms = 200 });
        send_for(&a, "a", 2);
        RUN_UNTIL(&rig, a.is_done);
        assert_int_equal(a.code, ERR_UNAVAILABLE);
        assert_int_equal(fake.logged, 0);
        stop();
}

static void a_command_that_waits_for_a_target_can_be_cancelled(void **state UNUSED)
{
        struct job a, b;
        start(NULL, (struct redis_options){ 0 });
        send_for(&a, "a", 2);
        send_for(&b, "b", 2);
        assert_true(redis_cancel(rig.client, &a.command));
        redis_command_fini(&a.command);
        rig_close_client(&rig);
        RUN_UNTIL(&rig, b.is_done);
        assert_int_equal(b.code, ERR_UNAVAILABLE);
        assert_false(a.is_done);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_waiting_command_is_adapted_once_to_the_next_place),
                cmocka_unit_test(a_command_for_the_place_in_use_is_sent_unchanged),
                cmocka_unit_test(a_command_that_cannot_be_adapted_fails_and_the_others_are_sent),
                cmocka_unit_test(a_withdrawn_command_belongs_to_the_caller_and_gets_no_reply),
                cmocka_unit_test(a_possibly_executed_command_that_cannot_be_adapted_times_out),
                cmocka_unit_test(a_temporarily_refused_set_gets_the_prefix_of_the_next_place),
                cmocka_unit_test(after_two_changes_a_command_is_adapted_to_the_last_place_only),
                cmocka_unit_test(only_a_command_for_a_newer_target_waits_for_it),
                cmocka_unit_test(a_command_that_waits_for_a_target_fails_after_the_hold_time),
                cmocka_unit_test(a_command_that_waits_for_a_target_can_be_cancelled),
        };
        return cmocka_run_group_tests_name("redis place", tests, NULL, NULL);
}
