/* Tests of a Cluster against scripted nodes: redirections, wrong maps, missing nodes. */
#include "redis/rig_test.h"

enum { NODES = 3 };

static struct rig rig;
static struct fake nodes[NODES];
static char map[1024];
static int maps_asked;
static const char *special; /* the first node's reply to SET, or "" for its usual one */
static int special_left;
static unsigned places;   /* how many times the first node has redirected in an endless loop; 0: it does not redirect */
static int asking[NODES]; /* ASKING was the last command of the node's connection */

static bool is(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

static size_t index_of(const struct fake *fake)
{
        return (size_t)(fake - nodes);
}

/* Slots 0 to 8191 at `first`, the rest at `second`. */
static void set_map(size_t first, size_t second)
{
        (void)snprintf(map, sizeof(map),
                       "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n"
                       "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
                       nodes[first].port, nodes[second].port);
}

static const char *answer(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        if (is(argv[0], "CLUSTER") && argc == 2) {
                maps_asked++;
                return map;
        }
        if (is(argv[0], "ASKING")) {
                asking[index_of(fake)]++;
                return "+OK\r\n";
        }
        if (fake == &nodes[0] && special && is(argv[0], "SET") && special_left != 0) {
                special_left -= special_left > 0;
                return special;
        }
        return NULL;
}

/* Nothing listens on ports below 1024. */
static const char *endless_answer(struct fake *fake, struct fake_conn *conn, size_t argc, char **argv)
{
        static char text[64];
        if (fake != &nodes[0] || !is(argv[0], "SET"))
                return answer(fake, conn, argc, argv);
        (void)snprintf(text, sizeof(text), "-ASK 5061 127.0.0.%u:%u\r\n", 2 + places / 1000, 1 + places % 1000);
        places++;
        return text;
}

static void open_at(struct redis_options options, size_t seed)
{
        places = 0;
        maps_asked = 0;
        special = NULL;
        special_left = -1;
        memset(asking, 0, sizeof(asking));
        rig_init(&rig);
        for (size_t i = 0; i < NODES; i++)
                fake_start(&nodes[i], &rig.loop, 0, answer);
        set_map(0, 1);
        rig_open(&rig, options, nodes[seed].port);
}

static void start(struct redis_options options)
{
        open_at(options, 0);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
}

static void stop(void)
{
        for (size_t i = 0; i < NODES; i++)
                fake_stop(&nodes[i]);
        rig_fini(&rig);
}

/* "bar" is in slot 5061, "foo" in 12182. */
#define LOW "bar"
#define HIGH "foo"

static const char *redirection(const char *kind, unsigned slot, size_t to)
{
        static char text[64];
        (void)snprintf(text, sizeof(text), "-%s %u 127.0.0.1:%u\r\n", kind, slot, nodes[to].port);
        return text;
}

static bool was_asked(const struct fake *fake, const char *text)
{
        for (size_t i = 0; i < fake->logged; i++)
                if (strncmp(fake->log[i].text, text, strlen(text)) == 0)
                        return true;
        return false;
}

static void a_cluster_is_detected_and_each_key_is_sent_to_its_master(void **state UNUSED)
{
        struct job low, high, none;
        open_at((struct redis_options){ 0 }, 2); /* a node that owns no slot */
        job_send(&low, &rig, "SET", LOW, "1");
        job_send(&high, &rig, "SET", HIGH, "1");
        job_send(&none, &rig, "INFO", NULL, NULL);
        RUN_UNTIL(&rig, low.is_done && high.is_done && none.is_done);
        assert_true(redis_is_cluster(rig.client));
        assert_answer(&low, "OK");
        assert_answer(&high, "OK");
        assert_true(was_asked(&nodes[0], "SET " LOW) && !was_asked(&nodes[1], "SET " LOW));
        assert_true(was_asked(&nodes[1], "SET " HIGH) && !was_asked(&nodes[0], "SET " HIGH));
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECTED], 2); /* one per node, none for the map */
        assert_int_equal(maps_asked, 1);
        assert_int_equal(redis_away_ms(rig.client), 0);
        assert_int_equal(redis_counters(rig.client).commands, 3);
        stop();
}

static void a_command_without_a_key_can_be_sent_to_the_master_of_another(void **state UNUSED)
{
        struct job low, high, waits[2];
        start((struct redis_options){ 0 });
        job_send(&low, &rig, "SET", LOW, "1");
        job_send(&high, &rig, "SET", HIGH, "1");
        job_init(&waits[0], &rig, "WAIT", NULL, NULL);
        job_init(&waits[1], &rig, "WAIT", NULL, NULL);
        redis_command_go_with(&waits[0].command, &low.command);
        redis_command_go_with(&waits[1].command, &high.command);
        redis_send(rig.client, &waits[0].command);
        redis_send(rig.client, &waits[1].command);
        RUN_UNTIL(&rig, rig.answered == 4);
        assert_int_equal(waits[0].command.connection, low.command.connection);
        assert_int_equal(waits[1].command.connection, high.command.connection);
        assert_int_not_equal(low.command.connection, high.command.connection);
        assert_true(was_asked(&nodes[0], "WAIT") && was_asked(&nodes[1], "WAIT"));
        stop();
}

static void moved_is_followed_and_remembered(void **state UNUSED)
{
        struct job a, b;
        start((struct redis_options){ 0 });
        special = redirection("MOVED", 5061, 2); /* to a node that is not in any map */
        set_map(2, 1);
        job_send(&a, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(a.command.attempts, 1); /* it was not executed twice */
        assert_int_equal(a.resends, 0);
        job_send(&b, &rig, "SET", LOW, "2");
        RUN_UNTIL(&rig, b.is_done && maps_asked == 2);
        assert_int_equal(nodes[0].asked, 1);
        RUN_UNTIL(&rig, nodes[0].open == 0); /* the new map has no node for the slot */
        stop();
}

/* Sends a SET whose slot has moved to the third node, which MOVED names by `host` and its port, and checks that it
 * arrives there. */
static void set_where_moved(const char *host, struct job *job)
{
        static char text[64];
        start((struct redis_options){ 0 });
        (void)snprintf(text, sizeof(text), "-MOVED 5061 %s:%u\r\n", host, nodes[2].port);
        special = text;
        set_map(2, 1);
        job_send(job, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, job->is_done);
        assert_answer(job, "OK");
        assert_true(was_asked(&nodes[2], "SET " LOW));
}

static void moved_without_a_host_is_resolved_by_the_next_map(void **state UNUSED)
{
        struct job a;
        set_where_moved("?", &a);
        assert_int_equal(a.resends, 0);
        assert_int_equal(rig.events[REDIS_EVENT_CONNECT_FAILED], 0); /* "?" was not used as a host name */
        stop();
}

static void moved_with_an_empty_host_means_another_port_of_the_same_host(void **state UNUSED)
{
        struct job a;
        set_where_moved("", &a);
        assert_int_equal(nodes[0].asked, 1);
        stop();
}

static void ask_redirects_one_command_preceded_by_asking(void **state UNUSED)
{
        struct job jobs[20];
        start((struct redis_options){ 0 });
        special = redirection("ASK", 5061, 2);
        special_left = 10;
        for (int i = 0; i < 20; i++)
                job_send(&jobs[i], &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, rig.answered == 20);
        for (int i = 0; i < 20; i++)
                assert_answer(&jobs[i], "OK");
        assert_int_equal(asking[2], 10);
        assert_int_equal(nodes[2].asked, 20);
        for (size_t i = 0; i < nodes[2].logged; i++)
                assert_true(strncmp(nodes[2].log[i].text, i % 2 ? "SET" : "ASKING", 3) == 0);
        assert_int_equal(maps_asked, 1); /* nothing has moved yet */
        stop();
}

static void tryagain_makes_the_command_wait_and_retry_on_the_same_node(void **state UNUSED)
{
        struct job a;
        start((struct redis_options){ 0 });
        special = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
        special_left = 3;
        job_send(&a, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(nodes[0].asked, 4);
        assert_int_equal(nodes[1].asked, 0);
        stop();
}

static void clusterdown_holds_commands_and_fetches_a_new_map(void **state UNUSED)
{
        struct job a;
        start((struct redis_options){ 0 });
        special = "-CLUSTERDOWN The cluster is down\r\n";
        job_send(&a, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, maps_asked >= 2);
        assert_false(a.is_done);
        assert_true(redis_away_ms(rig.client) > 0);
        assert_int_equal(redis_state(rig.client), REDIS_CONNECTING);
        set_map(2, 1); /* another node has taken over */
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_true(was_asked(&nodes[2], "SET " LOW));
        stop();
}

static void a_readonly_error_fetches_a_new_map(void **state UNUSED)
{
        struct job a;
        start((struct redis_options){ 0 });
        special = "-READONLY You can't write against a read only replica.\r\n";
        set_map(2, 1);
        job_send(&a, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        assert_int_equal(a.resends, 0);
        assert_true(was_asked(&nodes[2], "SET " LOW));
        stop();
}

static void endless_redirections_stop_at_the_end_of_the_hold_time(void **state UNUSED)
{
        struct job a;
        start((struct redis_options){ .hold_ms = 600, .backoff_min_ms = 50, .backoff_max_ms = 100 });
        special = redirection("MOVED", 5061, 0); /* to itself */
        job_send(&a, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, a.is_done);
        /* The hold time ends while the command waits, or while it is in flight again and its outcome is unknown. */
        assert_true(a.code == ERR_UNAVAILABLE || a.code == ERR_TIMEOUT);
        if (a.code == ERR_UNAVAILABLE)
                assert_true(strstr(a.text, "MOVED") != NULL);
        assert_in_range(nodes[0].asked, 1, 17 * 40); /* 16 in a row, then a wait */
        stop();
}

static void maps_are_requested_at_a_limited_rate(void **state UNUSED)
{
        struct job a;
        start((struct redis_options){ .hold_ms = 10000, .backoff_min_ms = 50, .backoff_max_ms = 400 });
        special = redirection("MOVED", 5061, 0);
        job_send(&a, &rig, "SET", LOW, "1");
        int before = maps_asked;
        int64_t start_ms = clock_monotonic_ms();
        rig_run_for(&rig, 1000);
        RUN_UNTIL(&rig, maps_asked > before);
        /* After 100, 200, 400, 400 ms ..., never two at a time. */
        assert_in_range(maps_asked - before, 1, 3 + (clock_monotonic_ms() - start_ms) / 400);
        special = NULL;
        RUN_UNTIL(&rig, a.is_done);
        assert_answer(&a, "OK");
        stop();
}

static void a_lost_node_is_replaced_by_the_map_of_another_node(void **state UNUSED)
{
        struct job jobs[10];
        start((struct redis_options){ 0 });
        special = FAKE_CLOSE;
        for (int i = 0; i < 10; i++)
                job_send(&jobs[i], &rig, "SET", i % 2 ? LOW : HIGH, "1");
        fake_stop(&nodes[0]); /* it no longer listens */
        set_map(2, 1);
        RUN_UNTIL(&rig, rig.answered == 10);
        for (int i = 0; i < 10; i++)
                assert_answer(&jobs[i], "OK");
        assert_true(was_asked(&nodes[2], "SET " LOW));
        assert_int_equal(rig.events[REDIS_EVENT_DISCONNECTED], 1);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        assert_int_equal(redis_away_ms(rig.client), 0);
        stop();
}

static void commands_for_an_unserved_slot_are_held(void **state UNUSED)
{
        struct job low, high;
        open_at((struct redis_options){ 0 }, 0);
        (void)snprintf(map, sizeof(map), "*1\r\n*3\r\n:8192\r\n:16383\r\n*2\r\n$-1\r\n:%u\r\n", nodes[1].port);
        job_send(&low, &rig, "SET", LOW, "1");
        job_send(&high, &rig, "SET", HIGH, "1");
        RUN_UNTIL(&rig, high.is_done);
        assert_false(low.is_done);
        assert_int_equal(redis_held(rig.client), 1);
        assert_int_equal(redis_state(rig.client), REDIS_CONNECTING);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_NOT_WRITABLE] > 0);
        assert_true(strstr(rig.last_error.text, "8192 of 16384") != NULL);
        set_map(0, 1);
        RUN_UNTIL(&rig, low.is_done);
        assert_answer(&low, "OK");
        stop();
}

static void a_command_held_for_a_node_can_be_cancelled(void **state UNUSED)
{
        struct job a;
        start((struct redis_options){ 0 });
        fake_stop(&nodes[0]);
        special = FAKE_CLOSE;
        job_send(&a, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DISCONNECTED] == 1 && redis_held(rig.client) == 1);
        assert_true(redis_cancel(rig.client, &a.command));
        assert_int_equal(redis_held(rig.client), 0);
        redis_command_fini(&a.command);
        stop();
}

static void must_not_hold_commands_fail_while_their_node_is_unreachable(void **state UNUSED)
{
        struct job low, high;
        start((struct redis_options){ 0 });
        fake_stop(&nodes[0]);
        special = FAKE_CLOSE;
        job_send(&low, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_DISCONNECTED] == 1);
        assert_true(redis_cancel(rig.client, &low.command));
        redis_command_fini(&low.command);
        job_init(&low, &rig, "SET", LOW, "1");
        job_init(&high, &rig, "SET", HIGH, "1");
        low.command.must_not_hold = high.command.must_not_hold = true;
        redis_send(rig.client, &low.command);
        redis_send(rig.client, &high.command);
        RUN_UNTIL(&rig, low.is_done && high.is_done);
        assert_int_equal(low.code, ERR_UNAVAILABLE);
        assert_answer(&high, "OK");
        stop();
}

static const char *single_answer(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                 char **argv)
{
        return is(argv[0], "CLUSTER") ? "-ERR This instance has cluster support disabled\r\n" : NULL;
}

static const char *mute(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED, char **argv)
{
        return is(argv[0], "SET") ? "" : single_answer(NULL, NULL, 0, argv);
}

static void commands_move_from_a_cluster_to_a_single_server_and_back(void **state UNUSED)
{
        struct fake single;
        struct job jobs[30];
        start((struct redis_options){ .stall_ms = 500 });
        fake_start(&single, &rig.loop, 0, single_answer);
        special = ""; /* the first node stops answering: its commands are sent again elsewhere */
        struct redis_target *one = target_at(single.port), *cluster = target_at(nodes[1].port);
        for (int i = 0; i < 10; i++)
                job_send(&jobs[i], &rig, "SET", i % 2 ? LOW : HIGH, "1");
        RUN_UNTIL(&rig, rig.answered == 5);
        redis_set_target(rig.client, one, 2);
        RUN_UNTIL(&rig, rig.answered == 10 && redis_generation(rig.client) == 2);
        assert_false(redis_is_cluster(rig.client));
        assert_true(was_asked(&single, "SET " LOW));
        RUN_UNTIL(&rig, nodes[0].open == 0 && nodes[1].open == 0);
        special = NULL;
        single.answer = mute;
        for (int i = 10; i < 20; i++)
                job_send(&jobs[i], &rig, "SET", i % 2 ? LOW : HIGH, "1");
        RUN_UNTIL(&rig, redis_in_flight(rig.client) == 10);
        redis_set_target(rig.client, cluster, 3);
        RUN_UNTIL(&rig, rig.answered == 20 && redis_generation(rig.client) == 3);
        RUN_UNTIL(&rig, single.open == 0);
        set_map(2, 2);
        redis_set_target(rig.client, cluster, 4); /* from a Cluster to a Cluster */
        for (int i = 20; i < 30; i++)
                job_send(&jobs[i], &rig, "SET", i % 2 ? LOW : HIGH, "1");
        RUN_UNTIL(&rig, rig.answered == 30 && redis_generation(rig.client) == 4);
        for (int i = 0; i < 30; i++)
                assert_answer(&jobs[i], "OK");
        assert_int_equal(rig.events[REDIS_EVENT_SWITCHED], 3);
        RUN_UNTIL(&rig, nodes[0].open == 0 && nodes[1].open == 0);
        redis_target_unref(one);
        redis_target_unref(cluster);
        fake_stop(&single);
        stop();
}

static void a_target_that_requires_a_cluster_rejects_a_single_server(void **state UNUSED)
{
        struct fake single;
        rig_init(&rig);
        fake_start(&single, &rig.loop, 0, single_answer);
        const struct redis_node node = { "127.0.0.1", single.port };
        struct redis_target_options options = { .cluster = true, .cluster_nodes = &node, .cluster_node_count = 1 };
        struct redis_target *target = redis_target_new(&options, NULL);
        assert_non_null(target);
        assert_string_not_equal(redis_target_address(target), "");
        rig_open_target(&rig, (struct redis_options){ 0 }, target);
        RUN_UNTIL(&rig, rig.events[REDIS_EVENT_CONNECT_FAILED] >= 2);
        assert_true(strstr(rig.last_error.text, "cluster support disabled") != NULL);
        assert_true(redis_is_cluster(rig.client));
        fake_stop(&single);
        rig_fini(&rig);
}

static void a_client_may_be_closed_in_the_callback_for_a_nodes_reply(void **state UNUSED)
{
        struct job jobs[6];
        start((struct redis_options){ 0 });
        for (int i = 0; i < 6; i++)
                job_send(&jobs[i], &rig, "SET", i % 2 ? LOW : HIGH, "1");
        jobs[2].closes = true;
        RUN_UNTIL(&rig, rig.is_closed);
        assert_int_equal(rig.answered, 6);
        stop();
}

static void endless_redirections_to_new_nodes_open_few_connections(void **state UNUSED)
{
        enum { JOBS = 300 };
        static struct job jobs[JOBS];
        size_t count = 0;
        start((struct redis_options){ .hold_ms = 1000 });
        nodes[0].answer = endless_answer;
        for (size_t i = 0; i < JOBS; i++)
                job_send(&jobs[i], &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, rig.answered == JOBS);
        for (const struct redis_cluster_node *node = rig.client->cluster.nodes.list; node; node = node->next)
                count++;
        assert_in_range(count, 2, 80);
        nodes[0].answer = answer;
        job_send(&jobs[0], &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, jobs[0].is_done);
        assert_answer(&jobs[0], "OK");
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(endless_redirections_to_new_nodes_open_few_connections),
                cmocka_unit_test(a_cluster_is_detected_and_each_key_is_sent_to_its_master),
                cmocka_unit_test(a_command_without_a_key_can_be_sent_to_the_master_of_another),
                cmocka_unit_test(moved_is_followed_and_remembered),
                cmocka_unit_test(moved_without_a_host_is_resolved_by_the_next_map),
                cmocka_unit_test(moved_with_an_empty_host_means_another_port_of_the_same_host),
                cmocka_unit_test(ask_redirects_one_command_preceded_by_asking),
                cmocka_unit_test(tryagain_makes_the_command_wait_and_retry_on_the_same_node),
                cmocka_unit_test(clusterdown_holds_commands_and_fetches_a_new_map),
                cmocka_unit_test(a_readonly_error_fetches_a_new_map),
                cmocka_unit_test(endless_redirections_stop_at_the_end_of_the_hold_time),
                cmocka_unit_test(maps_are_requested_at_a_limited_rate),
                cmocka_unit_test(a_lost_node_is_replaced_by_the_map_of_another_node),
                cmocka_unit_test(commands_for_an_unserved_slot_are_held),
                cmocka_unit_test(a_command_held_for_a_node_can_be_cancelled),
                cmocka_unit_test(must_not_hold_commands_fail_while_their_node_is_unreachable),
                cmocka_unit_test(commands_move_from_a_cluster_to_a_single_server_and_back),
                cmocka_unit_test(a_target_that_requires_a_cluster_rejects_a_single_server),
                cmocka_unit_test(a_client_may_be_closed_in_the_callback_for_a_nodes_reply),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
