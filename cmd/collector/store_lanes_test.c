/* Tests of writes with `--ack=replica` and a scripted server: the documents of an entry and the entry itself are
 * written on one connection, which the WAIT then covers. For tests with servers see tests/integration/test_acks.py. */
#include "store_rig_test.h"

#include "instruments.h"
#include "store_write.h"

enum { WRITES = 6 };

struct told {
        struct store_write write;
        unsigned times;
        enum store_outcome outcome;
        char key[UUID_TEXT_SIZE];
};

static struct rig rig;
static struct metrics *metrics;
static struct instruments instruments;
static struct ack_pool pool;
static struct redis_budget waiting;
static uv_prepare_t prepare;
static struct told told[WRITES];
static unsigned done, waits;
static struct fake_conn *unanswered; /* has sent the first WAIT */

static void on_done(struct store_write *write, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct told *one = CONTAINER_OF(write, struct told, write);
        one->times++;
        one->outcome = outcome;
        done++;
}

static void write_some(unsigned from, unsigned end)
{
        for (unsigned n = from; n < end; n++) {
                struct told *one = &told[n];
                *one = (struct told){ .write.on_done = on_done };
                (void)snprintf(one->key, sizeof(one->key), "0b9d5c0e-6a9a-4d1c-9a51-0000000000%02u", n);
                store_write(&rig.store, &one->write, STORE_OWN_KEY, one->key, "{}", 2);
        }
}

static void on_prepare(uv_prepare_t *handle UNUSED)
{
        for (int i = 0; !pool.is_closing && i < 3; i++) {
                feed_groups_send(&rig.store.groups);
                ack_pool_turn(&pool);
        }
}

static bool all_are_ready(void)
{
        for (size_t i = 0; i < ACK_CLIENTS; i++)
                if (redis_state(pool.clients[i].redis) != REDIS_READY)
                        return false;
        return true;
}

static int make_metrics(void **state UNUSED)
{
        metrics = metrics_new();
        assert_non_null(metrics);
        return instruments_init(&instruments, metrics, NULL);
}

static int free_metrics(void **state UNUSED)
{
        metrics_free(metrics);
        return 0;
}

static void start(fake_answer_fn *answer)
{
        const struct ack_pool_options options = { .level = { .kind = ACK_REPLICA, .replicas = 1 },
                                                  .redis = { .hold_ms = 5000,
                                                             .stall_ms = 2000,
                                                             .backoff_min_ms = 10,
                                                             .backoff_max_ms = 40,
                                                             .budget = &rig.budget },
                                                  .swap = &rig.swap,
                                                  .waiting = &waiting,
                                                  .wait_seconds = instruments.ack_wait_seconds,
                                                  .short_total = instruments.ack_short };
        done = waits = 0;
        unanswered = NULL;
        waiting = (struct redis_budget){ .commands_max = 100, .bytes_max = 100000 };
        rig_start(&rig, NULL);
        rig.first.answer = answer;
        struct redis_target *target = rig_target(&rig.first, "a:");
        memset(&pool, 0, sizeof(pool));
        assert_int_equal(ack_pool_open(&pool, &rig.loop, &options, target, 1, NULL), 0);
        redis_target_unref(target);
        rig.store.ack_pool = &pool;
        assert_int_equal(uv_prepare_init(&rig.loop, &prepare), 0);
        assert_int_equal(uv_prepare_start(&prepare, on_prepare), 0);
        RUN_UNTIL(&rig, all_are_ready());
}

static void stop(void)
{
        ack_pool_close(&pool);
        uv_close((uv_handle_t *)&prepare, NULL);
        rig_stop(&rig);
}

/* The connection of the n-th command (from 0) that begins with this text; 0: there are fewer. */
static int connection_of(const char *begin, unsigned n)
{
        for (size_t i = 0; i < rig.first.logged; i++)
                if (strncmp(rig.first.log[i].text, begin, strlen(begin)) == 0 && n-- == 0)
                        return rig.first.log[i].connection;
        return 0;
}

static void assert_entry(unsigned number, unsigned from, unsigned end)
{
        const char *entry = fake_entry(&rig.first, number);
        assert_non_null(entry);
        assert_int_equal(fake_count_keys(entry), end - from);
        for (unsigned n = from; n < end; n++)
                assert_non_null(strstr(entry, told[n].key));
}

static void documents_and_their_entry_become_safe_on_one_connection(void **state UNUSED)
{
        start(NULL);
        write_some(0, 3);
        RUN_UNTIL(&rig, done == 3);
        assert_entry(0, 0, 3);
        int lane = connection_of("XADD", 0);
        for (unsigned n = 0; n < 3; n++) {
                assert_int_equal(connection_of("SET", n), lane);
                assert_int_equal(told[n].outcome, STORE_DONE);
        }
        assert_int_equal(connection_of("WAIT", 0), lane);
        assert_int_equal(connection_of("XADD", 1), 0);
        stop();
}

static const char *keeps_the_first_wait(struct fake *fake UNUSED, struct fake_conn *conn, size_t argc UNUSED,
                                        char **argv)
{
        if (strcmp(argv[0], "WAIT") != 0 || waits++ > 0)
                return NULL;
        unanswered = conn;
        return "";
}

static void while_one_connection_waits_documents_use_another(void **state UNUSED)
{
        start(keeps_the_first_wait);
        write_some(0, 2);
        RUN_UNTIL(&rig, unanswered);
        write_some(2, 5);
        RUN_UNTIL(&rig, done == 3);
        assert_true(told[0].times == 0 && told[1].times == 0);
        assert_entry(0, 0, 2);
        assert_entry(1, 2, 5);
        assert_int_not_equal(connection_of("XADD", 0), connection_of("XADD", 1));
        for (unsigned n = 2; n < 5; n++)
                assert_int_equal(connection_of("SET", n), connection_of("XADD", 1));
        assert_int_equal(connection_of("WAIT", 1), connection_of("XADD", 1));
        fake_say(unanswered, ":1\r\n");
        RUN_UNTIL(&rig, done == 5);
        assert_null(fake_entry(&rig.first, 2));
        stop();
}

static const char *closes_at_the_first_wait(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                            char **argv)
{
        return strcmp(argv[0], "WAIT") == 0 && waits++ == 0 ? FAKE_CLOSE : NULL;
}

static void a_group_whose_connection_is_lost_is_rebuilt_on_another(void **state UNUSED)
{
        start(closes_at_the_first_wait);
        write_some(0, 3);
        RUN_UNTIL(&rig, done == 3);
        int lost = connection_of("XADD", 0), lane = connection_of("XADD", 1);
        assert_int_not_equal(lost, lane);
        assert_entry(0, 0, 3);
        assert_entry(1, 0, 3);
        assert_null(strstr(fake_entry(&rig.first, 0), " m "));
        assert_non_null(strstr(fake_entry(&rig.first, 1), " m "));
        for (unsigned n = 0; n < 3; n++) {
                assert_int_equal(connection_of("SET", n), lost);
                assert_int_equal(connection_of("SET", 3 + n), lane);
                assert_true(told[n].times == 1 && told[n].outcome == STORE_DONE);
        }
        assert_int_equal(connection_of("WAIT", 1), lane);
        stop();
}

static const char *closes_at_the_first_entry(struct fake *fake, struct fake_conn *conn UNUSED, size_t argc UNUSED,
                                             char **argv)
{
        return strcmp(argv[0], "XADD") == 0 && fake->entries == 0 && waits++ == 0 ? FAKE_CLOSE : NULL;
}

/* The SETs were answered, and the entry is in doubt: it stays with its client, and the SETs follow it on the way to the
 * connection that the WAIT covers. */
static void an_uncertain_entry_uses_the_connection_of_its_documents(void **state UNUSED)
{
        start(closes_at_the_first_entry);
        write_some(0, 2);
        RUN_UNTIL(&rig, done == 2);
        for (unsigned n = 0; n < 2; n++)
                assert_true(told[n].times == 1 && told[n].outcome == STORE_DONE);
        size_t entries = 0, last = 0;
        while (fake_entry(&rig.first, (unsigned)entries))
                last = entries++;
        assert_true(entries > 1);
        assert_entry((unsigned)last, 0, 2);
        assert_non_null(strstr(fake_entry(&rig.first, (unsigned)last), " m "));
        int lane = connection_of("XADD", (unsigned)last);
        size_t sets = 0;
        for (size_t i = 0; i < rig.first.logged; i++)
                sets += strncmp(rig.first.log[i].text, "SET", 3) == 0 && rig.first.log[i].connection == lane;
        assert_int_equal(sets, 2);
        assert_int_not_equal(connection_of("XADD", 0), lane);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(documents_and_their_entry_become_safe_on_one_connection),
                cmocka_unit_test(while_one_connection_waits_documents_use_another),
                cmocka_unit_test(a_group_whose_connection_is_lost_is_rebuilt_on_another),
                cmocka_unit_test(an_uncertain_entry_uses_the_connection_of_its_documents),
        };
        return cmocka_run_group_tests_name("store lanes", tests, make_metrics, free_metrics);
}
