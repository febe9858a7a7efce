/* Tests of the client when memory runs out; `make torture` makes each allocation fail in turn. The server is a real one
 * in a separate process, so that only the client's allocations fail. */
#include "redis/real_redis_test.h"
#include "redis/rig_test.h"

enum { JOBS = 20 };

static struct real_server server;

static int set_up(void **state UNUSED)
{
        server_make_folder(&server);
        server_start(&server, NULL);
        return 0;
}

static int tear_down(void **state UNUSED)
{
        server_stop(&server, SIGTERM);
        server_remove(&server);
        return 0;
}

/* Like job_init, but also sends a command that cannot be formatted; its result is ERR_NOMEM. */
static void send_job(struct job *job, struct rig *rig, size_t argc, const char *const argv[])
{
        size_t lengths[4];
        for (size_t i = 0; i < argc; i++)
                lengths[i] = strlen(argv[i]);
        memset(job, 0, sizeof(*job));
        job->rig = rig;
        redis_command_init(&job->command, job_on_reply);
        int rc = redis_command_args(&job->command, argc, argv, lengths, NULL);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        redis_send(rig->client, &job->command);
}

static struct redis_target *make_target(void)
{
        const struct redis_target_options options = { .socket_path = server.socket_path };
        return redis_target_new(&options, NULL);
}

/* False: out of memory. */
static bool open_client(struct rig *rig)
{
        struct redis_options options = { .hold_ms = 3000,
                                         .stall_ms = 1000,
                                         .backoff_min_ms = 5,
                                         .backoff_max_ms = 20,
                                         .budget = &rig->budget,
                                         .on_event = rig_on_event,
                                         .data = rig };
        struct redis_target *target = make_target();
        bool is_open = target && redis_open(&rig->loop, &options, target, 1, &rig->client, NULL) == 0;
        redis_target_unref(target);
        if (!is_open)
                rig->is_closed = true;
        return is_open;
}

/* Meanwhile the server closes the connection, with commands in flight. */
static void send_all(struct rig *rig, struct job jobs[JOBS])
{
        for (size_t i = 0; i < JOBS; i++) {
                char key[16];
                (void)snprintf(key, sizeof(key), "k%zu", i);
                if (i == JOBS / 2)
                        send_job(&jobs[i], rig, 4, (const char *const[]){ "CLIENT", "KILL", "TYPE", "normal" });
                else
                        send_job(&jobs[i], rig, 3, (const char *const[]){ "SET", key, "v" });
        }
}

static void each_command_is_answered_once_whichever_allocation_fails(void **state UNUSED)
{
        static struct job jobs[JOBS];
        static struct rig rig;
        rig_init(&rig);
        if (open_client(&rig)) {
                send_all(&rig, jobs);
                RUN_UNTIL(&rig, rig.answered == JOBS); /* job_on_reply checks that none is called back twice */
                for (size_t i = 0; i < JOBS; i++)
                        assert_true(jobs[i].code == 0 || jobs[i].code == ERR_NOMEM);
        }
        rig_fini(&rig);
}

/* Moves to a second target while commands are in flight to the first. */
static void a_switch_loses_no_command_whichever_allocation_fails(void **state UNUSED)
{
        static struct job jobs[JOBS];
        static struct rig rig;
        rig_init(&rig);
        struct redis_target *next = make_target();
        if (next && open_client(&rig)) {
                send_all(&rig, jobs);
                redis_set_target(rig.client, next, 2);
                RUN_UNTIL(&rig, rig.answered == JOBS && redis_generation(rig.client) == 2);
        } else {
                rig.is_closed = true;
        }
        redis_target_unref(next);
        rig_fini(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_command_is_answered_once_whichever_allocation_fails),
                cmocka_unit_test(a_switch_loses_no_command_whichever_allocation_fails),
        };
        return cmocka_run_group_tests_name("redis without memory", tests, set_up, tear_down);
}
