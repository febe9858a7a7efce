/* Tests of failovers that scripted Sentinels report: which commands are held, for how long, and where they are sent. */
#include "redis/sentinel_rig_test.h"

#include <poll.h>

/* --- Failover ---------------------------------------------------------------------------------------------- */

static void cut_the_connection(void)
{
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "cut"); /* for the event */
        redis_enter(&rig.client->client->server.life);
        redis_conn_broken(rig.client->client->active, &err);
        redis_leave(&rig.client->client->server.life);
}

static void a_silent_primary_is_abandoned_when_a_sentinel_names_another(void **state UNUSED)
{
        struct job job;
        start(mute_answer);
        connect_with((struct redis_options){ .stall_ms = 60000 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        job_send(&job, &rig, "SET", "k", "v");
        rig_run_for(&rig, 1300); /* queried again, with the same reply */
        assert_false(job.is_done);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        name_primary(&two);
        RUN_UNTIL(&rig, job.is_done);
        assert_answer(&job, "OK");
        assert_int_equal(two.asked, 1);
        assert_int_equal(job.resends, 1);
        assert_names(rig.client->client->active->target->address, &two);
        stop();
}

static void wait_listener(void)
{
        RUN_UNTIL(&rig, subscriptions >= 12 && questions >= 3); /* four channels of three Sentinels */
        RUN_UNTIL(&rig, rig.client->client->active && rig.client->client->active->flow.hold_until_ms == 0);
}

static void say(const char *channel, const char *text)
{
        char message[256];
        (void)snprintf(message, sizeof(message), "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(channel),
                       channel, strlen(text), text);
        fake_say(listener, message);
}

static void say_promotion(const char *master, uint16_t port)
{
        char text[96];
        (void)snprintf(text, sizeof(text), "slave 127.0.0.1:2 127.0.0.1 2 @ %s 127.0.0.1 %u", master, port);
        say("+failover-state-send-slaveof-noone", text);
}

static void say_selection(const char *master, uint16_t port)
{
        char text[96];
        (void)snprintf(text, sizeof(text), "master %s 127.0.0.1 %u", master, port);
        say("+failover-state-select-slave", text);
}

/* Master names that are also words of the messages. */
static void a_master_may_be_named_like_a_word_of_the_messages(void **state UNUSED)
{
        static const char *const names[] = { "master", "slave", "sentinel", "127.0.0.1", "2" };
        for (size_t i = 0; i < COUNT_OF(names); i++) {
                char text[96];
                start(server_answer);
                master_name = names[i];
                connect_with((struct redis_options){ 0 });
                set_is_answered_by(&one);
                wait_listener();
                say_selection("another", one.port);
                say_promotion("another", one.port);
                rig_run_for(&rig, 30);
                assert_int_equal(rig.client->client->active->flow.hold_until_ms, 0);
                say_selection(names[i], one.port);
                RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
                int64_t selection_until_ms = rig.client->client->active->flow.hold_until_ms;
                say_promotion(names[i], one.port);
                RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms > selection_until_ms);
                name_primary(&two);
                (void)snprintf(text, sizeof(text), "%s 127.0.0.1 1 127.0.0.1 2", names[i]);
                say("+switch-master", text);
                RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
                set_is_answered_by(&two);
                stop();
        }
}

/* Connects to the first server and listens to all Sentinels. */
static void start_listening(void)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
}

static void malformed_messages_are_ignored(void **state UNUSED)
{
        static const char *const texts[] = { "",
                                             " ",
                                             "master",
                                             "master mymaster",
                                             "master mymaster 127.0.0.1",
                                             "  ",
                                             "slave a b c @ mymaster",
                                             "mymaster",
                                             "@ mymaster 127.0.0.1 1" };
        start_listening();
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
                say("+failover-state-select-slave", texts[i]);
                say("+failover-state-send-slaveof-noone", texts[i]);
                say("+failover-state-reconf-slaves", texts[i]);
                say("+switch-master", texts[i]);
        }
        rig_run_for(&rig, 50);
        set_is_answered_by(&one);
        assert_int_equal(rig.client->client->active->flow.hold_until_ms, 0);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        stop();
}

static void a_switch_that_a_sentinel_reports_is_followed_without_a_gap(void **state UNUSED)
{
        start_listening();
        name_primary(&two);
        say("+switch-master", "mymaster 127.0.0.1 1 127.0.0.1 2");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        assert_names(rig.client->client->active->target->address, &two);
        assert_int_equal(redis_away_ms(rig.client), 0);
        set_is_answered_by(&two);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        stop();
}

static void a_mistaken_sentinel_costs_no_connection(void **state UNUSED)
{
        char right[SENTINELS][sizeof(says[0])];
        start(server_answer);
        role_of_two = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        memcpy(right, says, sizeof(right));
        name_primary(&two);
        say("+switch-master", "mymaster 127.0.0.1 1 127.0.0.1 2");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_NOT_WRITABLE] > 0);
        set_is_answered_by(&one);
        memcpy(says, right, sizeof(right));
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        stop();
}

/* Checks that the command is held for that long, and that `two` executes it when the Sentinels name `two`. */
static void assert_is_held_until_two_is_named(struct job *job, int64_t ms)
{
        rig_run_for(&rig, ms);
        assert_false(job->is_done);
        name_primary(&two);
        say("+failover-state-reconf-slaves", "master mymaster 127.0.0.1 1");
        RUN_UNTIL(&rig, job->is_done);
        assert_answer(job, "OK");
        assert_int_equal(two.asked, 1);
}

static void commands_are_held_while_a_replica_is_promoted(void **state UNUSED)
{
        struct job job;
        start_listening();
        say_promotion("another", one.port);
        say_promotion("mymaster", two.port); /* it is not in use */
        rig_run_for(&rig, 50);
        set_is_answered_by(&one);
        say_promotion("mymaster", one.port);
        rig_run_for(&rig, 50);
        job_send(&job, &rig, "SET", "k", "v");
        assert_is_held_until_two_is_named(&job, 200);
        stop();
}

static void a_promotion_that_fails_holds_commands_for_five_seconds(void **state UNUSED)
{
        start_listening();
        int64_t before_ms = clock_monotonic_ms();
        say_promotion("mymaster", one.port);
        rig_run_for(&rig, 50);
        set_is_answered_by(&one);
        assert_in_range(clock_monotonic_ms() - before_ms, 4900, 20000);
        stop();
}

static void commands_are_held_for_a_second_while_a_replica_is_chosen(void **state UNUSED)
{
        char text[64];
        start_listening();
        int64_t before_ms = clock_monotonic_ms();
        (void)snprintf(text, sizeof(text), "master mymaster 127.0.0.1 %u", one.port);
        say("+failover-state-select-slave", text);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        set_is_answered_by(&one);
        assert_in_range(clock_monotonic_ms() - before_ms, 900, 4900);
        struct job job;
        say("+failover-state-select-slave", text);
        say_promotion("mymaster", one.port);
        rig_run_for(&rig, 50);
        job_send(&job, &rig, "SET", "k", "v");
        assert_is_held_until_two_is_named(&job, 1300);
        stop();
}

/* Returns how long a command that is sent now takes. */
static int64_t time_of_set(struct fake *server)
{
        int64_t before_ms = clock_monotonic_ms();
        set_is_answered_by(server);
        return clock_monotonic_ms() - before_ms;
}

/* A SET need not wait for half a second. On a busy machine it may take that long for no such reason, so the fastest of
 * several attempts counts. */
static void assert_soon(int64_t (*time_one)(void))
{
        int64_t best_ms = INT64_MAX;
        for (int i = 0; i < 6 && best_ms >= 450; i++) {
                int64_t now_ms = time_one();
                best_ms = now_ms < best_ms ? now_ms : best_ms;
        }
        assert_in_range(best_ms, 0, 450);
}

static int64_t time_until_they_are_heard(void)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        int64_t took_ms = time_of_set(&one);
        assert_int_equal(subscriptions, 12);
        assert_int_equal(questions, 3);
        stop();
        return took_ms;
}

static void commands_wait_until_the_sentinels_have_reported(void **state UNUSED)
{
        assert_soon(time_until_they_are_heard);
}

static void commands_wait_for_a_promotion_that_began_before_we_subscribed(void **state UNUSED)
{
        static const char *const states[] = { "select_slave", "send_slaveof_noone", "wait_promotion",
                                              "" /* an old version */ };
        for (size_t i = 0; i < COUNT_OF(states); i++) {
                struct job job;
                start(server_answer);
                state_of_all = states[i];
                connect_with((struct redis_options){ 0 });
                job_send(&job, &rig, "SET", "k", "v");
                assert_is_held_until_two_is_named(&job, 800);
                stop();
        }
}

/* The Sentinels take 600 ms to report their state, but are never silent for 500 ms. */
static void commands_wait_for_a_promotion_that_slow_sentinels_report_late(void **state UNUSED)
{
        struct job job;
        start(server_answer);
        state_of_all = "wait_promotion";
        delay_ms = 300;
        connect_with((struct redis_options){ 0 });
        job_send(&job, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, questions == 3);
        delay_ms = 0;
        assert_is_held_until_two_is_named(&job, 1000);
        assert_int_equal(one.asked, 0);
        stop();
}

/* As if the process had been stopped, or had got no CPU: the state has arrived but is not read yet. */
static void a_loop_that_was_stopped_reads_before_it_sends(void **state UNUSED)
{
        struct job job;
        start(server_answer);
        state_of_all = "wait_promotion";
        connect_with((struct redis_options){ 0 });
        job_send(&job, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, questions > 0);
        (void)poll(NULL, 0, 700);
        assert_is_held_until_two_is_named(&job, 300);
        assert_int_equal(one.asked, 0);
        stop();
}

static void a_failover_that_has_not_reached_its_promotion_holds_nothing(void **state UNUSED)
{
        static const char *const states[] = { "wait_start", "reconf_slaves" };
        for (size_t i = 0; i < COUNT_OF(states); i++) {
                start(server_answer);
                state_of_all = states[i];
                connect_with((struct redis_options){ 0 });
                assert_in_range(time_of_set(&one), 0, 1000);
                stop();
        }
}

static int64_t time_with(bool *refusal)
{
        start(server_answer);
        *refusal = true;
        connect_with((struct redis_options){ 0 });
        int64_t took_ms = time_of_set(&one);
        stop();
        return took_ms;
}

static int64_t time_without_hearing(void)
{
        return time_with(&refuse_subscriptions);
}

static int64_t time_without_asking(void)
{
        return time_with(&hide_master);
}

static void sentinels_that_refuse_all_commands_cost_no_time(void **state UNUSED)
{
        assert_soon(time_without_hearing);
        assert_soon(time_without_asking);
}

/* All three refuse, and the client connects to the primary twice. */
static void assert_refusal_is_reported_once(const char *refused)
{
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_SENTINEL_REFUSED] == 1);
        assert_int_equal(rig.last_event.generation, 1);
        assert_non_null(rig.last_event.sentinel);
        assert_string_equal(rig.last_event.address,
                            redis_target_address(redis_target_origin(rig.client->client->target)));
        if (strncmp(rig.last_error.text, refused, strlen(refused)) != 0)
                fail_msg("not %s: %s", refused, rig.last_error.text);
        rig_run_for(&rig, 50);
        cut_the_connection();
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_SENTINEL_REFUSED], 1);
}

static void refusing_sentinels_are_reported_once(void **state UNUSED)
{
        start(server_answer);
        refuse_subscriptions = true;
        connect_with((struct redis_options){ 0 });
        assert_refusal_is_reported_once("SUBSCRIBE: NOPERM");
        stop();
        start(server_answer);
        hide_master = true;
        connect_with((struct redis_options){ 0 });
        assert_refusal_is_reported_once("SENTINEL MASTER: NOPERM");
        stop();
}

static void sentinels_that_accept_everything_are_not_reported(void **state UNUSED)
{
        start_listening();
        assert_int_equal(rig.events[REDIS_EVENT_SENTINEL_REFUSED], 0);
        stop();
}

static void commands_wait_for_a_promotion_on_the_next_connection_too(void **state UNUSED)
{
        struct job job;
        start_listening();
        say_promotion("mymaster", one.port);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        cut_the_connection();
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        job_send(&job, &rig, "SET", "k", "v");
        assert_is_held_until_two_is_named(&job, 300);
        stop();
}

static void a_lost_subscription_is_renewed_at_once_and_the_state_is_queried(void **state UNUSED)
{
        struct job job;
        start_listening();
        state_of_all = "wait_promotion";
        fake_hang_up(listener);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        job_send(&job, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, subscriptions == 16 && questions == 4);
        assert_is_held_until_two_is_named(&job, 800);
        stop();
}

/* The client queries the state in case it has missed events. */
static int64_t time_after_silence(void)
{
        start_listening();
        int64_t before_ms = clock_monotonic_ms();
        listener->is_mute = true;
        RUN_UNTIL(&rig, subscriptions == 16 && questions == 4);
        assert_in_range(clock_monotonic_ms() - before_ms, 500, 8000);
        int64_t took_ms = time_of_set(&one);
        stop();
        return took_ms;
}

static void a_silent_subscription_is_renewed_within_two_seconds(void **state UNUSED)
{
        assert_soon(time_after_silence);
}

static int64_t time_after_a_departure(void)
{
        start_listening();
        for (size_t i = 0; i < SENTINELS; i++)
                if (listener->fake == &sentinels[i])
                        fake_stop(&sentinels[i]);
        fake_hang_up(listener);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        int64_t took_ms = time_of_set(&one);
        stop();
        return took_ms;
}

static void a_lost_sentinel_holds_commands_only_until_the_loss_is_noticed(void **state UNUSED)
{
        assert_soon(time_after_a_departure);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_silent_primary_is_abandoned_when_a_sentinel_names_another),
                cmocka_unit_test(a_switch_that_a_sentinel_reports_is_followed_without_a_gap),
                cmocka_unit_test(a_master_may_be_named_like_a_word_of_the_messages),
                cmocka_unit_test(malformed_messages_are_ignored),
                cmocka_unit_test(a_mistaken_sentinel_costs_no_connection),
                cmocka_unit_test(commands_are_held_while_a_replica_is_promoted),
                cmocka_unit_test(a_promotion_that_fails_holds_commands_for_five_seconds),
                cmocka_unit_test(commands_are_held_for_a_second_while_a_replica_is_chosen),
                cmocka_unit_test(commands_wait_until_the_sentinels_have_reported),
                cmocka_unit_test(commands_wait_for_a_promotion_that_began_before_we_subscribed),
                cmocka_unit_test(commands_wait_for_a_promotion_that_slow_sentinels_report_late),
                cmocka_unit_test(a_loop_that_was_stopped_reads_before_it_sends),
                cmocka_unit_test(a_failover_that_has_not_reached_its_promotion_holds_nothing),
                cmocka_unit_test(sentinels_that_refuse_all_commands_cost_no_time),
                cmocka_unit_test(refusing_sentinels_are_reported_once),
                cmocka_unit_test(sentinels_that_accept_everything_are_not_reported),
                cmocka_unit_test(commands_wait_for_a_promotion_on_the_next_connection_too),
                cmocka_unit_test(a_lost_subscription_is_renewed_at_once_and_the_state_is_queried),
                cmocka_unit_test(a_silent_subscription_is_renewed_within_two_seconds),
                cmocka_unit_test(a_lost_sentinel_holds_commands_only_until_the_loss_is_noticed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
