/* A storm: two servers that misbehave at random, a target that switches between them, and commands of all kinds, some
 * of which are cancelled. Each command must be answered exactly once or cancelled. A command that may be sent only once
 * must never arrive twice, and a definite outcome must be true. The seed is fixed, and printed on failure. */
#include "redis/rig_test.h"

enum { COMMANDS = 4000 };

static struct rig rig;
static struct fake servers[2];
static struct job jobs[COMMANDS];
static bool is_cancelled[COMMANDS];
static unsigned done[COMMANDS]; /* how many times a server executed it */
static unsigned seed;
static bool is_calm;

static unsigned dice(unsigned sides)
{
        return (unsigned)rand_r(&seed) % sides;
}

static const char *misbehave(struct fake *fake UNUSED, struct fake_conn *conn, size_t argc UNUSED, char **argv)
{
        static const char *const refusals[] = {
                "-READONLY no\r\n", "-LOADING no\r\n",    "-TRYAGAIN no\r\n",
                "-BUSY no\r\n",     "-NOREPLICAS no\r\n", ("-ERR max number of clients reached\r\n" FAKE_CLOSE),
        };
        bool is_set = strcmp(argv[0], "SET") == 0;
        if (is_calm || dice(12) > 0) {
                if (is_set)
                        done[strtoul(argv[1], NULL, 10)]++;
                return is_set ? "+OK\r\n" : NULL;
        }
        if (dice(2) == 0) {
                const char *refusal = refusals[dice(COUNT_OF(refusals))];
                return strcmp(argv[0], "ROLE") == 0 ? NULL : refusal;
        }
        if (is_set && dice(2) == 0)
                done[strtoul(argv[1], NULL, 10)]++; /* and the reply is lost */
        switch (dice(4)) {
        case 0:
                return FAKE_CLOSE;
        case 1:
                return "$10\r\n01234" FAKE_CLOSE;
        case 2:
                return "garbage\r\n";
        default:
                conn->is_mute = true;
                return "";
        }
}

static void change_target(unsigned generation)
{
        struct redis_target *target = target_at(servers[generation % 2].port);
        redis_set_target(rig.client, target, generation);
        redis_target_unref(target);
}

static void send_one(unsigned i)
{
        char key[12];
        (void)snprintf(key, sizeof(key), "%u", i);
        job_init(&jobs[i], &rig, "SET", key, "1");
        jobs[i].command.once = dice(10) == 0;
        jobs[i].command.must_not_hold = dice(20) == 0;
        redis_send(rig.client, &jobs[i].command);
}

static void maybe_cancel(unsigned i)
{
        if (jobs[i].is_done || is_cancelled[i] || !redis_cancel(rig.client, &jobs[i].command))
                return;
        is_cancelled[i] = true;
        rig.answered++;
        redis_command_fini(&jobs[i].command);
}

static void check(unsigned i)
{
        const struct job *job = &jobs[i];
        if (!job->is_done && !is_cancelled[i])
                fail_msg("command %u was not answered", i);
        if (job->is_done && job->code == 0)
                assert_true(done[i] > 0);
        if (job->is_done && (job->code == ERR_UNAVAILABLE || job->code == ERR_DENIED))
                assert_int_equal(done[i], 0);
        if (job->command.once)
                assert_true(done[i] <= 1);
}

static void storm(unsigned number)
{
        unsigned generation = 2;
        memset(done, 0, sizeof(done));
        memset(is_cancelled, 0, sizeof(is_cancelled));
        seed = number;
        is_calm = false;
        print_message("seed %u\n", number);
        rig_init(&rig);
        fake_start(&servers[0], &rig.loop, 0, misbehave);
        fake_start(&servers[1], &rig.loop, 0, misbehave);
        rig_open(&rig,
                 (struct redis_options){
                         .hold_ms = 1500, .stall_ms = 60, .connect_timeout_ms = 100, .backoff_max_ms = 10 },
                 servers[0].port);
        for (unsigned i = 0; i < COMMANDS; i++) {
                send_one(i);
                if (dice(8) == 0)
                        (void)uv_run(&rig.loop, dice(4) == 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
                if (dice(20) == 0)
                        maybe_cancel(dice(i + 1));
                if (dice(150) == 0)
                        change_target(generation++);
        }
        is_calm = dice(2) == 0;
        if (dice(3) == 0)
                rig_close_client(&rig); /* in the middle of the storm */
        RUN_UNTIL(&rig, rig.answered == COMMANDS);
        for (unsigned i = 0; i < COMMANDS; i++)
                check(i);
        fake_stop(&servers[0]);
        fake_stop(&servers[1]);
        rig_fini(&rig);
}

static void every_command_is_always_answered_exactly_once(void **state UNUSED)
{
        const char *first = getenv("STORM_SEED"), *count = getenv("STORM_COUNT");
        unsigned from = first ? (unsigned)strtoul(first, NULL, 10) : 1;
        unsigned to = from + (count ? (unsigned)strtoul(count, NULL, 10) : 4);
        for (unsigned number = from; number < to; number++)
                storm(number);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_command_is_always_answered_exactly_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
