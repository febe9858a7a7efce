/* Tests of finding the command that makes Redis close connections, and of noticing that Redis accepts writes again. */
#include "redis/rig_test.h"

enum { OTHERS = 40 };

static struct rig rig;
static struct fake fake;
static bool is_down;       /* closes the connection at each SET */
static bool is_paused;     /* does not reply to a SET     */
static const char *trials; /* the key of a trial, or NULL */
static struct job others[OTHERS], bad;

static bool is(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static const char *answer(struct fake *f UNUSED, struct fake_conn *conn, size_t argc, char **argv)
{
        bool is_set = is(argv[0], "SET");
        if ((is_set && is_down) || (argc > 1 && is(argv[1], "bad")))
                return FAKE_CLOSE;
        conn->is_mute |= is_set && is_paused;
        return conn->is_mute ? "" : NULL;
}

static int format_trial(struct redis_command *command, const struct redis_place *place, const char *tag,
                        void *data UNUSED)
{
        assert_null(tag); /* there is no Cluster */
        assert_string_equal(place->key_prefix, "");
        if (!trials)
                return ERR_UNAVAILABLE;
        return redis_command_args(command, 3, (const char *[]){ "SET", trials, "" }, (size_t[]){ 3, strlen(trials), 0 },
                                  NULL);
}

static void start(struct redis_options options)
{
        is_down = is_paused = false;
        trials = "trial";
        rig_init(&rig);
        fake_start(&fake, &rig.loop, 0, answer);
        options.format_trial = format_trial;
        rig_open(&rig, options, fake.port);
}

static void stop(void)
{
        fake_stop(&fake);
        rig_fini(&rig);
}

/* Sends the bad command in the middle of OTHERS good ones. */
static void send_bad(const char *name, const char *value)
{
        for (int i = 0; i < OTHERS; i++) {
                if (i == OTHERS / 2)
                        job_send(&bad, &rig, name, "bad", value);
                job_send(&others[i], &rig, "SET", "good", "1");
        }
        RUN_UNTIL(&rig, rig.answered == OTHERS + 1);
        for (int i = 0; i < OTHERS; i++)
                assert_answer(&others[i], "OK");
}

static void the_command_that_closes_connections_fails_alone(void **state UNUSED)
{
        static const struct {
                const char *name, *value, *words;
        } cases[] = {
                { "SET", "1", "times after this SET of 29 bytes, but answered others (last error: " },
                { "GET", NULL, "times after this GET of 22 bytes, but answered others (last error: " },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                start((struct redis_options){ 0 });
                send_bad(cases[i].name, cases[i].value);
                assert_int_equal(bad.code, ERR_LIMIT);
                assert_non_null(strstr(bad.text, cases[i].words));
                assert_int_equal(bad.order, OTHERS + 1);
                RUN_UNTIL(&rig, redis_away_ms(rig.client) == 0);
                stop();
        }
}

static void the_bad_command_is_found_even_if_nothing_else_is_sent(void **state UNUSED)
{
        start((struct redis_options){ 0 });
        job_send(&bad, &rig, "SET", "bad", "1");
        RUN_UNTIL(&rig, bad.is_done);
        assert_int_equal(bad.code, ERR_LIMIT);
        assert_true(fake.connections < 20);
        stop();
}

/* There is no trial, and no other SET shows which command is to blame. */
static void without_other_answered_commands_none_is_blamed(void **state UNUSED)
{
        start((struct redis_options){ .hold_ms = 700 });
        trials = NULL;
        job_send(&bad, &rig, "SET", "bad", "1");
        RUN_UNTIL(&rig, bad.is_done);
        assert_int_equal(bad.code, ERR_TIMEOUT);
        stop();
}

static void if_a_server_closes_at_every_write_no_command_is_blamed(void **state UNUSED)
{
        start((struct redis_options){ .hold_ms = 10000 });
        is_down = true;
        for (int i = 0; i < OTHERS; i++)
                job_send(&others[i], &rig, "SET", "good", "1");
        job_send(&bad, &rig, "GET", "a", NULL); /* reads continue */
        rig_run_for(&rig, 1500);
        assert_in_range(fake.connections, 10, 300); /* with a backoff that a handshake does not reset */
        assert_true(redis_away_ms(rig.client) > 1000);
        is_down = false;
        RUN_UNTIL(&rig, rig.answered == OTHERS + 1);
        for (int i = 0; i < OTHERS; i++)
                assert_answer(&others[i], "OK");
        assert_int_equal(redis_away_ms(rig.client), 0);
        stop();
}

static void only_a_write_ends_an_outage_that_a_write_began(void **state UNUSED)
{
        struct job job;
        start((struct redis_options){ .hold_ms = 300, .stall_ms = 100 });
        is_paused = true;
        job_send(&job, &rig, "SET", "a", "1");
        RUN_UNTIL(&rig, job.is_done);
        assert_int_equal(job.code, ERR_TIMEOUT);
        for (int i = 0; i < 10; i++) {
                job_send(&job, &rig, "GET", "a", NULL);
                RUN_UNTIL(&rig, job.is_done);
                assert_true(redis_away_ms(rig.client) > 0);
                rig_run_for(&rig, 100);
                assert_true(redis_away_ms(rig.client) > 0);
        }
        is_paused = false;
        RUN_UNTIL(&rig, redis_away_ms(rig.client) == 0); /* only the trial is sent */
        stop();
}

static void a_deferred_command_can_be_cancelled_or_expires(void **state UNUSED)
{
        start((struct redis_options){ .hold_ms = 1000 });
        trials = NULL;
        job_send(&bad, &rig, "SET", "bad", "1");
        RUN_UNTIL(&rig, !list_is_empty(&rig.client->client->server.queue.aside));
        assert_int_equal(redis_held(rig.client), 1);
        assert_true(redis_cancel(rig.client, &bad.command));
        redis_command_fini(&bad.command);
        job_send(&others[0], &rig, "SET", "good", "1");
        RUN_UNTIL(&rig, others[0].is_done);
        job_send(&bad, &rig, "SET", "bad", "1");
        RUN_UNTIL(&rig, !list_is_empty(&rig.client->client->server.queue.aside));
        rig_close_client(&rig); /* answers it */
        assert_int_equal(bad.code, ERR_TIMEOUT);
        stop();
}

static const char *closes_twice_at_bad(struct fake *f UNUSED, struct fake_conn *conn, size_t argc, char **argv)
{
        return argc > 1 && is(argv[1], "bad") && conn->number <= 4 ? FAKE_CLOSE : NULL;
}

static unsigned told_aside;

static void on_aside(struct redis_command *command)
{
        assert_ptr_equal(command, &bad.command);
        told_aside++;
}

/* A document and its feed entry: the entry overtakes the document, and the document's sender has to know. */
static void the_sender_of_a_command_learns_that_others_overtake_it(void **state UNUSED)
{
        struct job entry;
        start((struct redis_options){ 0 });
        fake.answer = closes_twice_at_bad;
        told_aside = 0;
        job_init(&entry, &rig, "XADD", "feed", "1");
        job_init(&bad, &rig, "SET", "bad", "1");
        bad.command.on_aside = on_aside;
        redis_send(rig.client, &bad.command);
        redis_send(rig.client, &entry.command);
        RUN_UNTIL(&rig, entry.is_done);
        assert_true(told_aside > 0);
        assert_false(bad.is_done);
        for (int i = 0; i < OTHERS; i++)
                job_send(&others[i], &rig, "SET", "good", "1");
        RUN_UNTIL(&rig, rig.answered == OTHERS + 2);
        assert_answer(&bad, "OK");
        assert_answer(&entry, "1-1");
        assert_true(bad.command.order > entry.command.order);
        stop();
}

static void on_another_server_the_search_starts_afresh(void **state UNUSED)
{
        struct fake other;
        start((struct redis_options){ 0 });
        trials = NULL;
        fake_start(&other, &rig.loop, 0, NULL);
        job_send(&bad, &rig, "SET", "bad", "1");
        RUN_UNTIL(&rig, !list_is_empty(&rig.client->client->server.queue.aside));
        struct redis_target *target = target_at(other.port);
        redis_set_target(rig.client, target, 2);
        redis_target_unref(target);
        RUN_UNTIL(&rig, bad.is_done);
        assert_answer(&bad, "OK");
        fake_stop(&other);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_command_that_closes_connections_fails_alone),
                cmocka_unit_test(the_bad_command_is_found_even_if_nothing_else_is_sent),
                cmocka_unit_test(without_other_answered_commands_none_is_blamed),
                cmocka_unit_test(if_a_server_closes_at_every_write_no_command_is_blamed),
                cmocka_unit_test(only_a_write_ends_an_outage_that_a_write_began),
                cmocka_unit_test(a_deferred_command_can_be_cancelled_or_expires),
                cmocka_unit_test(the_sender_of_a_command_learns_that_others_overtake_it),
                cmocka_unit_test(on_another_server_the_search_starts_afresh),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
