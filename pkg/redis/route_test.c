/* Tests of what a caller can learn about a Cluster's routes: which commands go to the same master. */
#include "redis/rig_test.h"

enum { NODES = 2, LOW_SLOT = 5061, HIGH_SLOT = 12182 };

/* "bar" is in slot 5061, "foo" in 12182. */
#define LOW "bar"
#define HIGH "foo"

static struct rig rig;
static struct fake nodes[NODES];
static char map[256];
static bool is_moved;

/* Slots 0 to 8191 at the first node, the rest at the second; all at the second when `is_moved`. */
static const char *answer(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        static char moved[64];
        if (strcmp(argv[0], "CLUSTER") == 0 && argc == 2) {
                (void)snprintf(map, sizeof(map),
                               "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n"
                               "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
                               nodes[is_moved].port, nodes[1].port);
                return map;
        }
        if (!is_moved || fake != &nodes[0] || strcmp(argv[0], "SET") != 0)
                return NULL;
        (void)snprintf(moved, sizeof(moved), "-MOVED %d 127.0.0.1:%u\r\n", LOW_SLOT, nodes[1].port);
        return moved;
}

static const char *no_cluster(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                              char **argv UNUSED)
{
        return NULL;
}

static void start(fake_answer_fn *answers)
{
        is_moved = false;
        rig_init(&rig);
        for (size_t i = 0; i < NODES; i++)
                fake_start(&nodes[i], &rig.loop, 0, answers);
        rig_open(&rig, (struct redis_options){ 0 }, nodes[0].port);
}

static void stop(void)
{
        for (size_t i = 0; i < NODES; i++)
                fake_stop(&nodes[i]);
        rig_fini(&rig);
}

static void each_slot_has_the_number_of_its_master(void **state UNUSED)
{
        struct job low, high, none;
        start(answer);
        assert_int_equal(redis_master_of_slot(rig.client, LOW_SLOT), 0); /* not known yet */
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        unsigned first = redis_master_of_slot(rig.client, 0), second = redis_master_of_slot(rig.client, 16383);
        assert_true(first > 0 && second > 0 && first != second);
        assert_int_equal(redis_master_of_slot(rig.client, LOW_SLOT), first);
        assert_int_equal(redis_master_of_slot(rig.client, HIGH_SLOT), second);
        job_init(&low, &rig, "SET", LOW, "1");
        job_init(&high, &rig, "SET", HIGH, "1");
        job_init(&none, &rig, "INFO", NULL, NULL);
        assert_int_equal(redis_master_of(rig.client, &low.command), first);
        assert_int_equal(redis_master_of(rig.client, &high.command), second);
        assert_int_equal(redis_master_of(rig.client, &none.command), 0);
        low.command.generation_min = redis_generation(rig.client) + 1;
        assert_int_equal(redis_master_of(rig.client, &low.command), 0);
        redis_command_fini(&low.command);
        redis_command_fini(&high.command);
        redis_command_fini(&none.command);
        stop();
}

static void a_slot_that_has_moved_has_its_new_master_at_once(void **state UNUSED)
{
        struct job low;
        start(answer);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        unsigned second = redis_master_of_slot(rig.client, HIGH_SLOT);
        is_moved = true;
        job_send(&low, &rig, "SET", LOW, "1");
        RUN_UNTIL(&rig, low.is_done);
        assert_int_equal(redis_master_of_slot(rig.client, LOW_SLOT), second);
        stop();
}

static void a_single_server_reports_no_masters(void **state UNUSED)
{
        struct job low;
        start(no_cluster);
        RUN_UNTIL(&rig, redis_state(rig.client) == REDIS_READY);
        job_init(&low, &rig, "SET", LOW, "1");
        assert_int_equal(redis_master_of(rig.client, &low.command), 0);
        assert_int_equal(redis_master_of_slot(rig.client, LOW_SLOT), 0);
        redis_command_fini(&low.command);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_slot_has_the_number_of_its_master),
                cmocka_unit_test(a_slot_that_has_moved_has_its_new_master_at_once),
                cmocka_unit_test(a_single_server_reports_no_masters),
        };
        return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
