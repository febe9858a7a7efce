/* Tests of Sentinel against scripted ones: which one is believed, and when they are asked again. */
#include "redis/fake_redis_test.h"

enum { SENTINELS = 3 };

static struct rig rig;
static struct fake sentinels[SENTINELS], one, two; /* two servers */
static char says[SENTINELS][128];                  /* the answer to SENTINEL; "" none */
static const char *state_of_all; /* of a failover: what SENTINEL MASTER says; NULL none is under way */
static bool refuse_subscriptions, hide_master;
static unsigned asked[SENTINELS];
static struct fake_conn *listener; /* has subscribed to all channels */
static unsigned subscriptions, questions;
static const char *role_of_two, *auth_of_one;
static const char *master_name; /* as the Sentinels know it */

static bool is(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* How far a failover from `one` is. */
static const char *master_answer(void)
{
        static char answer[256];
        char port[8];
        int length = snprintf(port, sizeof(port), "%u", one.port);
        const char *flags = state_of_all ? "master,failover_in_progress" : "master";
        const char *state = state_of_all ? state_of_all : "none";
        questions++;
        if (hide_master)
                return "-NOPERM this user has no permissions to run the 'sentinel|master' command\r\n";
        (void)snprintf(answer, sizeof(answer),
                       "*8\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$4\r\nport\r\n$%d\r\n%s\r\n$5\r\nflags\r\n$%zu\r\n%s\r\n"
                       "$%d\r\n%s\r\n$%zu\r\n%s\r\n",
                       length, port, strlen(flags), flags, state[0] ? 14 : 5, state[0] ? "failover-state" : "other",
                       strlen(state), state);
        return answer;
}

static const char *sentinel_answer(struct fake *fake, struct fake_conn *conn, size_t argc, char **argv)
{
        ptrdiff_t i = fake - sentinels;
        if (is(argv[0], "AUTH"))
                return is(argv[argc - 1], "right") ? NULL : "-WRONGPASS invalid username-password pair\r\n";
        if (is(argv[0], "SUBSCRIBE") && refuse_subscriptions)
                return "-NOPERM this user has no permissions to run the 'subscribe' command\r\n";
        if (is(argv[0], "SUBSCRIBE")) {
                listener = conn;
                subscriptions++;
        }
        if (!is(argv[0], "SENTINEL"))
                return NULL;
        if (is(argv[1], "MASTER"))
                return master_answer();
        assert_string_equal(argv[1], "GET-MASTER-ADDR-BY-NAME");
        assert_string_equal(argv[2], master_name);
        asked[i]++;
        conn->is_mute = says[i][0] == '\0';
        return says[i];
}

static const char *server_answer(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        if (fake == &one && is(argv[0], "AUTH"))
                auth_of_one = is(argv[argc - 1], "of-server") ? "right" : "wrong";
        return fake == &two && is(argv[0], "ROLE") ? role_of_two : NULL;
}

static const char *mute_answer(struct fake *fake UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        conn->is_mute = is(argv[0], "SET");
        return conn->is_mute ? "" : NULL;
}

/* All say that `server` is the primary. */
static void name_primary(const struct fake *server)
{
        char port[8];
        int length = snprintf(port, sizeof(port), "%u", server->port);
        for (size_t i = 0; i < SENTINELS; i++)
                (void)snprintf(says[i], sizeof(says[i]), "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", length, port);
}

static void start(fake_answer_fn *answer_of_one)
{
        rig_init(&rig);
        for (size_t i = 0; i < SENTINELS; i++)
                fake_start(&sentinels[i], &rig.loop, 0, sentinel_answer);
        fake_start(&one, &rig.loop, 0, answer_of_one);
        fake_start(&two, &rig.loop, 0, server_answer);
        memset(asked, 0, sizeof(asked));
        subscriptions = questions = 0;
        state_of_all = NULL;
        refuse_subscriptions = hide_master = false;
        role_of_two = NULL;
        master_name = "mymaster";
        name_primary(&one);
}

static void stop_servers(void)
{
        for (size_t i = 0; i < SENTINELS; i++)
                fake_stop(&sentinels[i]);
        fake_stop(&one);
        fake_stop(&two);
}

static void stop(void)
{
        stop_servers();
        rig_fini(&rig);
}

static struct redis_target_options target_options(struct redis_node nodes[SENTINELS])
{
        for (size_t i = 0; i < SENTINELS; i++)
                nodes[i] = (struct redis_node){ "127.0.0.1", sentinels[i].port };
        return (struct redis_target_options){ .sentinel_master = master_name,
                                              .sentinel_nodes = nodes,
                                              .sentinel_count = SENTINELS };
}

static void connect_with(struct redis_options options)
{
        struct redis_node nodes[SENTINELS];
        struct redis_target_options at = target_options(nodes);
        struct redis_target *target = redis_target_new(&at, NULL);
        assert_non_null(target);
        assert_non_null(target);
        rig_open_target(&rig, options, target);
}

static void set_is_answered_by(struct fake *server)
{
        struct job job;
        int before = server->asked;
        job_send(&job, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, job.is_done);
        assert_answer(&job, "OK");
        assert_int_equal(server->asked, before + 1);
}

static void assert_names(const char *text, const struct fake *fake)
{
        char address[32];
        (void)snprintf(address, sizeof(address), "127.0.0.1:%u", fake->port);
        if (!text || !strstr(text, address))
                fail_msg("%s is not named: %s", address, text ? text : "(nothing)");
}

/* --- Whom to believe --------------------------------------------------------------------------------------- */

static void the_first_one_that_answers_names_the_primary(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        assert_names(rig.last_event.address, &one);
        assert_names(rig.last_event.sentinel, &sentinels[0]);
        assert_int_equal(asked[1] + asked[2], 0);
        set_is_answered_by(&one);
        stop();
}

static void one_that_is_down_is_passed_over_and_not_asked_first_again(void **state UNUSED)
{
        start(server_answer);
        struct redis_node nodes[SENTINELS];
        struct redis_target_options at = target_options(nodes);
        struct redis_target *target = redis_target_new(&at, NULL);
        assert_non_null(target);
        fake_stop(&sentinels[0]);
        rig_open_target(&rig, (struct redis_options){ 0 }, target);
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
        assert_int_equal(rig.client->client->server.locator.sentinel_first, 1);
        stop();
}

static void what_is_no_answer_is_passed_over(void **state UNUSED)
{
        static const char *const answers[] = {
                "*-1\r\n",
                "$-1\r\n",
                "-IDONTKNOW I have not enough information to reply. Please ask another Sentinel.\r\n",
                "-ERR unknown command 'SENTINEL'\r\n",
                "+OK\r\n",
                ":6379\r\n",
                "*0\r\n",
                "*1\r\n$9\r\n127.0.0.1\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$6\r\n000001\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$2\r\n1x\r\n",
                "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
                "*2\r\n$3\r\na b\r\n$1\r\n1\r\n",
                "*2\r\n$-1\r\n$1\r\n1\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n:1\r\n",
                "!what\r\n",
                "$20000\r\n",
                "*2\r\n$9\r\n127.\x01", /* FAKE_CLOSE */
        };
        for (size_t i = 0; i < COUNT_OF(answers); i++) {
                start(server_answer);
                (void)snprintf(says[0], sizeof(says[0]), "%s", answers[i]);
                connect_with((struct redis_options){ 0 });
                set_is_answered_by(&one);
                assert_int_equal(asked[0], 1);
                assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0);
                stop();
        }
}

static void where_nobody_knows_the_master_the_error_names_a_sentinel(void **state UNUSED)
{
        start(server_answer);
        for (size_t i = 0; i < SENTINELS; i++)
                (void)snprintf(says[i], sizeof(says[i]), "*-1\r\n");
        fake_stop(&sentinels[2]); /* asked last, and tells less */
        connect_with((struct redis_options){ 0 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] > 0);
        assert_names(rig.last_error.text, &sentinels[1]);
        assert_non_null(strstr(rig.last_error.text, "does not know the master mymaster"));
        name_primary(&one);
        set_is_answered_by(&one);
        stop();
}

static void one_that_hangs_costs_a_quarter_of_a_second(void **state UNUSED)
{
        start(server_answer);
        says[0][0] = '\0';
        int64_t before_ms = clock_monotonic_ms();
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        assert_in_range(clock_monotonic_ms() - before_ms, 200, 1500);
        assert_int_equal(asked[2], 0);
        stop();
}

static void where_all_hang_the_attempt_ends_in_time(void **state UNUSED)
{
        start(server_answer);
        for (size_t i = 0; i < SENTINELS; i++)
                says[i][0] = '\0';
        connect_with((struct redis_options){ .connect_timeout_ms = 600 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] > 0);
        assert_non_null(strstr(rig.last_error.text, "no answer within 600 ms"));
        assert_non_null(strstr(rig.last_error.text, "mymaster"));
        stop();
}

static void a_replica_is_not_believed_to_be_the_primary_and_another_one_is_asked(void **state UNUSED)
{
        char right[sizeof(says[0])];
        start(server_answer);
        role_of_two = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n";
        memcpy(right, says[1], sizeof(right));
        name_primary(&two);
        memcpy(says[1], right, sizeof(right));
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_NOT_WRITABLE], 1);
        assert_names(rig.last_error.text, &two);
        assert_int_equal(two.asked, 0);
        stop();
}

/* --- Passwords --------------------------------------------------------------------------------------------- */

static void log_in(const char *password, const char *of_sentinel)
{
        struct redis_node nodes[SENTINELS];
        struct redis_target_options at = target_options(nodes);
        at.password = (struct secret){ (char *)(uintptr_t)password, strlen(password) };
        at.database = 3;
        at.sentinel_username = "watcher";
        at.sentinel_password = (struct secret){ (char *)(uintptr_t)of_sentinel, strlen(of_sentinel) };
        rig_open_target(&rig, (struct redis_options){ 0 }, redis_target_new(&at, NULL));
}

static void sentinels_and_servers_have_passwords_of_their_own(void **state UNUSED)
{
        start(server_answer);
        auth_of_one = NULL;
        log_in("of-server", "right");
        set_is_answered_by(&one);
        assert_string_equal(auth_of_one, "right");
        stop();
}

static void a_password_that_sentinels_refuse_is_told_as_denied_and_not_repeated(void **state UNUSED)
{
        start(server_answer);
        log_in("of-server", "wr0ng");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DENIED] > 0);
        assert_int_equal(rig.last_error.code, ERR_DENIED);
        assert_non_null(strstr(rig.last_error.text, "Sentinel: 127.0.0.1:"));
        assert_null(strstr(rig.last_error.text, "wr0ng"));
        assert_int_equal(one.connections, 0);
        stop();
}

/* --- Failover ---------------------------------------------------------------------------------------------- */

static void a_silent_primary_is_left_when_another_one_is_named(void **state UNUSED)
{
        struct job job;
        start(mute_answer);
        connect_with((struct redis_options){ .stall_ms = 60000 });
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 1);
        job_send(&job, &rig, "SET", "k", "v");
        rig_run_for(&rig, 1300); /* asked again, with the same answer */
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
        RUN_UNTIL(&rig, subscriptions >= 12 && questions >= 3); /* four channels of three */
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

/* Names that are words of the messages, too. */
static void a_master_may_be_called_like_a_word_of_the_messages(void **state UNUSED)
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

static void messages_of_no_known_form_are_passed_over(void **state UNUSED)
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
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
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

static void a_sentinel_that_tells_of_a_switch_is_followed_without_a_break(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        name_primary(&two);
        say("+switch-master", "mymaster 127.0.0.1 1 127.0.0.1 2");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        assert_names(rig.client->client->active->target->address, &two);
        assert_int_equal(redis_away_ms(rig.client), 0);
        set_is_answered_by(&two);
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 0);
        stop();
}

static void a_sentinel_that_is_wrong_costs_no_connection(void **state UNUSED)
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

/* Nothing comes of it for so long; then `two` is named, and takes it. */
static void assert_waits_for_two(struct job *job, int64_t ms)
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
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        say_promotion("another", one.port);
        say_promotion("mymaster", two.port); /* it is not in use */
        rig_run_for(&rig, 50);
        set_is_answered_by(&one);
        say_promotion("mymaster", one.port);
        rig_run_for(&rig, 50);
        job_send(&job, &rig, "SET", "k", "v");
        assert_waits_for_two(&job, 200);
        stop();
}

static void a_promotion_that_comes_to_nothing_holds_commands_for_five_seconds(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        int64_t before_ms = clock_monotonic_ms();
        say_promotion("mymaster", one.port);
        rig_run_for(&rig, 50);
        set_is_answered_by(&one);
        assert_in_range(clock_monotonic_ms() - before_ms, 4900, 7000);
        stop();
}

static void commands_are_held_for_a_second_while_a_replica_is_chosen(void **state UNUSED)
{
        char text[64];
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        int64_t before_ms = clock_monotonic_ms();
        (void)snprintf(text, sizeof(text), "master mymaster 127.0.0.1 %u", one.port);
        say("+failover-state-select-slave", text);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        set_is_answered_by(&one);
        assert_in_range(clock_monotonic_ms() - before_ms, 900, 2500);
        struct job job;
        say("+failover-state-select-slave", text);
        say_promotion("mymaster", one.port);
        rig_run_for(&rig, 50);
        job_send(&job, &rig, "SET", "k", "v");
        assert_waits_for_two(&job, 1300);
        stop();
}

/* The time that a command takes which is sent now. */
static int64_t time_of_set(struct fake *server)
{
        int64_t before_ms = clock_monotonic_ms();
        set_is_answered_by(server);
        return clock_monotonic_ms() - before_ms;
}

static void commands_wait_until_the_sentinels_are_heard(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        assert_in_range(time_of_set(&one), 0, 450);
        assert_int_equal(subscriptions, 12);
        assert_int_equal(questions, 3);
        stop();
}

static void a_promotion_that_began_before_is_heard_of_and_waited_for(void **state UNUSED)
{
        static const char *const states[] = { "select_slave", "send_slaveof_noone", "wait_promotion",
                                              "" /* an old version */ };
        for (size_t i = 0; i < COUNT_OF(states); i++) {
                struct job job;
                start(server_answer);
                state_of_all = states[i];
                connect_with((struct redis_options){ 0 });
                job_send(&job, &rig, "SET", "k", "v");
                assert_waits_for_two(&job, 800);
                stop();
        }
}

static void a_failover_that_is_not_at_its_promotion_yet_holds_nothing(void **state UNUSED)
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

static void sentinels_that_may_not_be_heard_or_asked_cost_no_time(void **state UNUSED)
{
        for (int i = 0; i < 2; i++) {
                start(server_answer);
                refuse_subscriptions = i == 0;
                hide_master = i == 1;
                connect_with((struct redis_options){ 0 });
                assert_in_range(time_of_set(&one), 0, 450);
                stop();
        }
}

/* All three refuse, and the connection to the primary is made twice. */
static void assert_refusal_is_told_once(const char *refused)
{
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_SENTINEL_REFUSED] == 1);
        assert_int_equal(rig.last_event.generation, 1);
        assert_non_null(rig.last_event.sentinel);
        assert_string_equal(rig.last_event.address,
                            redis_target_address(redis_target_origin(rig.client->client->target)));
        if (strncmp(rig.last_error.text, refused, strlen(refused)) != 0)
                fail_msg("not %s: %s", refused, rig.last_error.text);
        rig_run_for(&rig, 50);
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "cut"); /* told by the event */
        redis_enter(&rig.client->client->server.life);
        redis_conn_broken(rig.client->client->active, &err);
        redis_leave(&rig.client->client->server.life);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        set_is_answered_by(&one);
        assert_int_equal(rig.events[REDIS_EVENT_SENTINEL_REFUSED], 1);
}

static void sentinels_that_refuse_are_told_of_once(void **state UNUSED)
{
        start(server_answer);
        refuse_subscriptions = true;
        connect_with((struct redis_options){ 0 });
        assert_refusal_is_told_once("SUBSCRIBE: NOPERM");
        stop();
        start(server_answer);
        hide_master = true;
        connect_with((struct redis_options){ 0 });
        assert_refusal_is_told_once("SENTINEL MASTER: NOPERM");
        stop();
}

static void sentinels_that_are_heard_are_not_told_of(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        assert_int_equal(rig.events[REDIS_EVENT_SENTINEL_REFUSED], 0);
        stop();
}

static void a_promotion_is_waited_for_on_the_next_connection_too(void **state UNUSED)
{
        struct job job;
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        say_promotion("mymaster", one.port);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        struct err err;
        (void)err_set(&err, ERR_UNAVAILABLE, "cut"); /* told by the event */
        redis_enter(&rig.client->client->server.life);
        redis_conn_broken(rig.client->client->active, &err);
        redis_leave(&rig.client->client->server.life);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECTED] == 2);
        job_send(&job, &rig, "SET", "k", "v");
        assert_waits_for_two(&job, 300);
        stop();
}

static void a_subscription_that_is_lost_is_renewed_at_once_and_what_was_missed_is_asked_for(void **state UNUSED)
{
        struct job job;
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        state_of_all = "wait_promotion";
        fake_hang_up(listener);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        job_send(&job, &rig, "SET", "k", "v");
        RUN_UNTIL(&rig, subscriptions == 16 && questions == 4);
        assert_waits_for_two(&job, 800);
        stop();
}

/* What it would have said meanwhile is asked for. */
static void a_subscription_that_falls_silent_is_renewed_within_two_seconds(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        int64_t before_ms = clock_monotonic_ms();
        listener->is_mute = true;
        RUN_UNTIL(&rig, subscriptions == 16 && questions == 4);
        assert_in_range(clock_monotonic_ms() - before_ms, 500, 2500);
        assert_in_range(time_of_set(&one), 0, 450);
        stop();
}

static void a_sentinel_that_goes_away_holds_commands_no_longer_than_it_takes_to_see_that(void **state UNUSED)
{
        start(server_answer);
        connect_with((struct redis_options){ 0 });
        set_is_answered_by(&one);
        wait_listener();
        for (size_t i = 0; i < SENTINELS; i++)
                if (listener->fake == &sentinels[i])
                        fake_stop(&sentinels[i]);
        fake_hang_up(listener);
        RUN_UNTIL(&rig, rig.client->client->active->flow.hold_until_ms != 0);
        assert_in_range(time_of_set(&one), 0, 450);
        stop();
}

/* --- Life cycle -------------------------------------------------------------------------------------------- */

static void closing_at_any_time_leaves_nothing(void **state UNUSED)
{
        for (int64_t ms = 0; ms <= 400; ms += ms < 10 ? 1 : 30) {
                start(server_answer);
                says[0][0] = '\0'; /* so that several are asked */
                connect_with((struct redis_options){ 0 });
                rig_run_for(&rig, ms);
                stop();
        }
}

static struct {
        struct redis_probe_result result;
        int rc;
        bool is_done;
} probed;

static void on_probed(const struct redis_probe_result *result, int rc, const struct err *err UNUSED, void *data UNUSED)
{
        probed.result = *result;
        probed.rc = rc;
        probed.is_done = true;
}

static const char *probe_answer(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                char **argv)
{
        return is(argv[0], "GET") ? "$5\r\nprobe\r\n" : NULL;
}

static void a_probe_tells_the_primary_and_who_named_it(void **state UNUSED)
{
        struct redis_node nodes[SENTINELS];
        struct redis_probe *probe;
        start(probe_answer);
        struct redis_target_options at = target_options(nodes);
        struct redis_target *target = redis_target_new(&at, NULL);
        assert_non_null(target);
        memset(&probed, 0, sizeof(probed));
        assert_int_equal(redis_probe(&rig.loop, target, NULL, 1000, on_probed, NULL, &probe, NULL), 0);
        redis_target_unref(target);
        RUN_UNTIL(&rig, probed.is_done);
        assert_int_equal(probed.rc, 0);
        assert_names(probed.result.address, &one);
        assert_names(probed.result.sentinel, &sentinels[0]);
        assert_int_equal(subscriptions, 0);
        rig.is_closed = true; /* there is no client to wait for */
        stop();
}

/* --- Targets ----------------------------------------------------------------------------------------------- */

static const struct redis_node two_nodes[] = { { "10.0.0.1", 0 }, { "fd00::2", 26380 } };
static const struct redis_node other_nodes[] = { { "10.0.0.1", 0 }, { "fd00::2", 26381 } };

static void a_target_reads_as_its_sentinels_and_is_equal_when_they_are(void **state UNUSED)
{
        const struct redis_target_options base = { .sentinel_master = "m",
                                                   .sentinel_nodes = two_nodes,
                                                   .sentinel_count = 2,
                                                   .sentinel_username = "u",
                                                   .sentinel_password = { (char[]){ "p" }, 1 } };
        struct redis_target_options others[5];
        for (size_t i = 0; i < COUNT_OF(others); i++)
                others[i] = base;
        others[0].sentinel_master = "n";
        others[1].sentinel_nodes = other_nodes;
        others[2].sentinel_count = 1;
        others[3].sentinel_username = NULL;
        others[4].sentinel_password = (struct secret){ (char[]){ "q" }, 1 };
        struct redis_target *a = redis_target_new(&base, NULL), *b = redis_target_new(&base, NULL);
        assert_non_null(a);
        assert_non_null(b);
        assert_string_equal(redis_target_address(a), "sentinel:m@10.0.0.1:26379,[fd00::2]:26380");
        assert_true(redis_target_equal(a, b));
        redis_target_unref(b);
        for (size_t i = 0; i < COUNT_OF(others); i++) {
                b = redis_target_new(&others[i], NULL);
                assert_non_null(b);
                assert_false(redis_target_equal(a, b));
                redis_target_unref(b);
        }
        redis_target_unref(a);
}

static void options_that_make_no_sense_are_refused(void **state UNUSED)
{
        static const struct redis_node nameless[] = { { "", 0 } }, nowhere[] = { { NULL, 0 } };
        const struct redis_target_options cases[] = {
                { .sentinel_master = "m" },
                { .sentinel_nodes = two_nodes, .sentinel_count = 2 },
                { .sentinel_master = "", .sentinel_nodes = two_nodes, .sentinel_count = 2 },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 65 },
                { .sentinel_master = "m", .sentinel_nodes = nameless, .sentinel_count = 1 },
                { .sentinel_master = "m", .sentinel_nodes = nowhere, .sentinel_count = 1 },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 2, .host = "h" },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 2, .socket_path = "/s" },
                { .sentinel_master = "m", .sentinel_nodes = two_nodes, .sentinel_count = 2, .sentinel_username = "u" },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                struct err err;
                assert_null(redis_target_new(&cases[i], &err));
                assert_int_equal(err.code, ERR_INVALID);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_one_that_answers_names_the_primary),
                cmocka_unit_test(one_that_is_down_is_passed_over_and_not_asked_first_again),
                cmocka_unit_test(what_is_no_answer_is_passed_over),
                cmocka_unit_test(where_nobody_knows_the_master_the_error_names_a_sentinel),
                cmocka_unit_test(one_that_hangs_costs_a_quarter_of_a_second),
                cmocka_unit_test(where_all_hang_the_attempt_ends_in_time),
                cmocka_unit_test(a_replica_is_not_believed_to_be_the_primary_and_another_one_is_asked),
                cmocka_unit_test(sentinels_and_servers_have_passwords_of_their_own),
                cmocka_unit_test(a_password_that_sentinels_refuse_is_told_as_denied_and_not_repeated),
                cmocka_unit_test(a_silent_primary_is_left_when_another_one_is_named),
                cmocka_unit_test(a_sentinel_that_tells_of_a_switch_is_followed_without_a_break),
                cmocka_unit_test(a_master_may_be_called_like_a_word_of_the_messages),
                cmocka_unit_test(messages_of_no_known_form_are_passed_over),
                cmocka_unit_test(a_sentinel_that_is_wrong_costs_no_connection),
                cmocka_unit_test(commands_are_held_while_a_replica_is_promoted),
                cmocka_unit_test(a_promotion_that_comes_to_nothing_holds_commands_for_five_seconds),
                cmocka_unit_test(commands_are_held_for_a_second_while_a_replica_is_chosen),
                cmocka_unit_test(commands_wait_until_the_sentinels_are_heard),
                cmocka_unit_test(a_promotion_that_began_before_is_heard_of_and_waited_for),
                cmocka_unit_test(a_failover_that_is_not_at_its_promotion_yet_holds_nothing),
                cmocka_unit_test(sentinels_that_may_not_be_heard_or_asked_cost_no_time),
                cmocka_unit_test(sentinels_that_refuse_are_told_of_once),
                cmocka_unit_test(sentinels_that_are_heard_are_not_told_of),
                cmocka_unit_test(a_promotion_is_waited_for_on_the_next_connection_too),
                cmocka_unit_test(a_subscription_that_is_lost_is_renewed_at_once_and_what_was_missed_is_asked_for),
                cmocka_unit_test(a_subscription_that_falls_silent_is_renewed_within_two_seconds),
                cmocka_unit_test(a_sentinel_that_goes_away_holds_commands_no_longer_than_it_takes_to_see_that),
                cmocka_unit_test(closing_at_any_time_leaves_nothing),
                cmocka_unit_test(a_probe_tells_the_primary_and_who_named_it),
                cmocka_unit_test(a_target_reads_as_its_sentinels_and_is_equal_when_they_are),
                cmocka_unit_test(options_that_make_no_sense_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
