/* Tests of writes to a Cluster of two scripted masters: which partition an entry goes to, and that it comes after its
 * documents when slots move. For tests with servers see tests/integration/test_partitions_under_load.py. */
#include "store_rig_test.h"

#include "store_write.h"

enum { WRITES = 60 };

static struct rig rig;
static struct told {
        struct store_write write;
        unsigned times;
        enum store_outcome outcome;
        char key[UUID_TEXT_SIZE];
} told[WRITES];
static unsigned done;
static unsigned second_from, second_to; /* the slots of the second master; the first one has the others */
static unsigned moved;                  /* how many commands the first master still redirects */
static const char *moved_name;          /* the kind of those commands */

static unsigned slot_of(const char *key, size_t length)
{
        return redis_slot_of_key(key, length);
}

static const char *print_map(void)
{
        static char map[512];
        const unsigned ranges[][2] = { { 0, second_from - 1 }, { second_from, second_to }, { second_to + 1, 16383 } };
        size_t count = second_to == 16383 ? 2 : 3;
        int length = snprintf(map, sizeof(map), "*%zu\r\n", count);
        for (size_t i = 0; i < count; i++)
                length += snprintf(map + length, sizeof(map) - (size_t)length,
                                   "*3\r\n:%u\r\n:%u\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n", ranges[i][0], ranges[i][1],
                                   i == 1 ? rig.second.port : rig.first.port);
        return map;
}

/* As in "SET a:key {}" and "XADD a:collector:feed:...:{tag} * k ...". */
static unsigned slot_of_line(const char *line)
{
        const char *key = strchr(line, ' ') + 1;
        return slot_of(key, strcspn(key, " "));
}

static const char *first_answer(struct fake *fake UNUSED, const char *text)
{
        static char reply[64];
        if (strncmp(text, "CLUSTER", 7) == 0)
                return print_map();
        if (moved == 0 || strncmp(text, moved_name, strlen(moved_name)) != 0)
                return NULL;
        moved--;
        (void)snprintf(reply, sizeof(reply), "-MOVED %u 127.0.0.1:%u\r\n", slot_of_line(text), rig.second.port);
        return reply;
}

static const char *second_answer(struct fake *fake UNUSED, struct fake_conn *conn UNUSED, size_t argc, char **argv)
{
        return argc == 2 && strcmp(argv[0], "CLUSTER") == 0 ? print_map() : NULL;
}

static void start(unsigned from, unsigned to)
{
        done = moved = 0;
        second_from = from;
        second_to = to;
        rig_start(&rig, first_answer);
        rig.second.answer = second_answer;
}

static void on_done(struct store_write *write, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct told *one = CONTAINER_OF(write, struct told, write);
        one->times++;
        one->outcome = outcome;
        done++;
}

static void write_all(enum store_mode mode)
{
        for (unsigned n = 0; n < WRITES; n++) {
                told[n] = (struct told){ .write.on_done = on_done };
                (void)snprintf(told[n].key, sizeof(told[n].key), "0b9d5c0e-6a9a-4d1c-9a51-0000000000%02u", n);
                store_write(&rig.store, &told[n].write, mode, told[n].key, "{}", 2);
        }
        RUN_UNTIL(&rig, done == WRITES);
        for (unsigned n = 0; n < WRITES; n++)
                assert_true(told[n].times == 1 && told[n].outcome == STORE_DONE);
}

static bool is_in_second(unsigned slot)
{
        return slot >= second_from && slot <= second_to;
}

/* Returns the number of entries that name the key. */
static size_t count_entries(const char *key)
{
        size_t count = 0;
        for (size_t i = 0; fake_entry(&rig.first, i); i++)
                count += strstr(fake_entry(&rig.first, i), key) != NULL;
        for (size_t i = 0; fake_entry(&rig.second, i); i++)
                count += strstr(fake_entry(&rig.second, i), key) != NULL;
        return count;
}

static size_t count_all_entries(const struct fake *fake)
{
        size_t count = 0;
        while (fake_entry(fake, count))
                count++;
        return count;
}

static void each_master_gets_entries_together_with_their_documents(void **state UNUSED)
{
        struct fake *const masters[] = { &rig.first, &rig.second };
        start(8192, 16383);
        write_all(STORE_OWN_KEY);
        for (size_t i = 0; i < COUNT_OF(masters); i++) {
                const struct fake *fake = masters[i];
                size_t last = fake->logged - 1;
                const char *entry = fake_entry(fake, 0);
                assert_int_equal(count_all_entries(fake), 1);
                assert_ptr_equal(entry, fake->log[last].text);
                assert_non_null(strstr(entry, i == 0 ? ":{0ax} * k " : ":{8u} * k "));
                assert_int_equal(fake_count_keys(entry), last);
                for (size_t line = 0; line <= last; line++) {
                        assert_int_equal(fake->log[line].read, fake->log[last].read); /* one write */
                        assert_true(is_in_second(slot_of_line(fake->log[line].text)) == (i == 1));
                }
        }
        rig_stop(&rig);
}

static void keys_chosen_by_senders_join_an_entry_on_their_master_once_stored(void **state UNUSED)
{
        start(8192, 16383);
        write_all(STORE_NEW);
        for (unsigned n = 0; n < WRITES; n++)
                assert_int_equal(count_entries(told[n].key), 1);
        for (size_t i = 0; fake_entry(&rig.second, i); i++)
                assert_true(is_in_second(slot_of_line(fake_entry(&rig.second, i))));
        assert_true(count_all_entries(&rig.first) > 0 && count_all_entries(&rig.second) > 0);
        rig_stop(&rig);
}

/* Between the slots of the tags 3r and 4ex. */
static void entries_of_a_master_without_a_partition_go_to_others(void **state UNUSED)
{
        start(3610, 4640);
        write_all(STORE_OWN_KEY);
        assert_int_equal(count_all_entries(&rig.second), 0);
        assert_true(rig.second.logged > 0); /* some documents are there */
        assert_int_equal(count_all_entries(&rig.first), 2);
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 1)), rig.second.logged);
        for (unsigned n = 0; n < WRITES; n++)
                assert_int_equal(count_entries(told[n].key), 1);
        rig_stop(&rig);
}

static void a_document_stored_after_its_entry_joins_another_one(void **state UNUSED)
{
        start(8192, 16383);
        moved = 3;
        moved_name = "SET";
        write_all(STORE_OWN_KEY);
        size_t twice = 0;
        for (unsigned n = 0; n < WRITES; n++)
                twice += count_entries(told[n].key) == 2;
        assert_int_equal(twice, 3);
        for (size_t i = 0; fake_entry(&rig.second, i); i++)
                assert_null(strstr(fake_entry(&rig.second, i), " m ")); /* readers have passed the first one */
        rig_stop(&rig);
}

static void a_redirected_entry_is_added_once(void **state UNUSED)
{
        start(8192, 16383);
        moved = 1;
        moved_name = "XADD";
        write_all(STORE_OWN_KEY);
        assert_int_equal(count_all_entries(&rig.first), 1); /* which was redirected */
        assert_int_equal(count_all_entries(&rig.second), 2);
        for (size_t i = 0; i < 2; i++)
                assert_null(strstr(fake_entry(&rig.second, i), " m "));
        rig_stop(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_master_gets_entries_together_with_their_documents),
                cmocka_unit_test(keys_chosen_by_senders_join_an_entry_on_their_master_once_stored),
                cmocka_unit_test(entries_of_a_master_without_a_partition_go_to_others),
                cmocka_unit_test(a_document_stored_after_its_entry_joins_another_one),
                cmocka_unit_test(a_redirected_entry_is_added_once),
        };
        return cmocka_run_group_tests_name("store partitions", tests, NULL, NULL);
}
