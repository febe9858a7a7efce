/* Tests of writes with a scripted server: a document's feed entry follows its SET, no matter what Redis replies and how
 * the binding changes. For tests with servers see tests/integration/test_redis_faults.py, test_acks.py and
 * test_swaps.py. */
#include "store_rig_test.h"

#include "store_write.h"

enum { WRITES = 65 };

struct told {
        struct store_write write;
        unsigned times;
        enum store_outcome outcome;
        char key[UUID_TEXT_SIZE];
};

static struct rig rig;
static struct told told[WRITES];
static unsigned done;

static void on_done(struct store_write *write, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct told *one = CONTAINER_OF(write, struct told, write);
        one->times++;
        one->outcome = outcome;
        done++;
}

static void write_one(unsigned n, enum store_mode mode)
{
        struct told *one = &told[n];
        *one = (struct told){ .write.on_done = on_done };
        (void)snprintf(one->key, sizeof(one->key), "0b9d5c0e-6a9a-4d1c-9a51-0000000000%02u", n);
        store_write(&rig.store, &one->write, mode, one->key, "{}", 2);
}

static void start(rig_answer_fn *answer)
{
        done = 0;
        rig_start(&rig, answer);
}

/* Writes `count` documents in one turn, and waits for all of them. */
static void write_all(unsigned count, enum store_mode mode)
{
        for (unsigned n = 0; n < count; n++)
                write_one(n, mode);
        RUN_UNTIL(&rig, done == count);
        for (unsigned n = 0; n < count; n++)
                assert_int_equal(told[n].times, 1);
}

static void assert_outcomes(unsigned count, enum store_outcome outcome)
{
        for (unsigned n = 0; n < count; n++)
                assert_int_equal(told[n].outcome, outcome);
}

static bool has_key(const char *entry, unsigned n)
{
        return strstr(entry, told[n].key) != NULL;
}

static bool has_mark(const char *entry)
{
        return strstr(entry, " m ") != NULL;
}

static void documents_of_a_turn_share_an_entry_in_the_same_write(void **state UNUSED)
{
        char stream[FEED_STREAM_SIZE];
        start(NULL);
        write_all(3, STORE_OWN_KEY);
        assert_outcomes(3, STORE_DONE);
        assert_int_equal(rig.first.logged, 4);
        const char *entry = rig.first.log[3].text;
        for (unsigned n = 0; n < 3; n++) {
                assert_int_equal(rig.first.log[n].read, rig.first.log[3].read);
                assert_true(strncmp(rig.first.log[n].text, "SET a:", 6) == 0);
                assert_true(has_key(entry, n));
        }
        (void)feed_stream("a:", feed_day(clock_realtime_ms()), 0, stream);
        assert_true(strncmp(entry + 5, stream, strlen(stream)) == 0);
        assert_false(has_mark(entry));
        rig_stop(&rig);
}

static void an_entry_has_at_most_60_keys(void **state UNUSED)
{
        start(NULL);
        write_all(65, STORE_OWN_KEY);
        assert_outcomes(65, STORE_DONE);
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 0)), 60);
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 1)), 5);
        assert_null(fake_entry(&rig.first, 2));
        rig_stop(&rig);
}

static void a_single_document_has_an_entry_as_in_version_0_1_0(void **state UNUSED)
{
        char expected[FEED_STREAM_SIZE + 64], stream[FEED_STREAM_SIZE];
        start(NULL);
        write_all(1, STORE_OWN_KEY);
        (void)snprintf(expected, sizeof(expected), "XADD %s * k %s",
                       feed_stream("a:", feed_day(clock_realtime_ms()), 0, stream), told[0].key);
        assert_string_equal(fake_entry(&rig.first, 0), expected);
        rig_stop(&rig);
}

static const char *refuses_the_second(struct fake *fake UNUSED, const char *text)
{
        return strncmp(text, "SET", 3) == 0 && strstr(text, "01 {}") ? "-OOM command not allowed\r\n" : NULL;
}

static void a_document_that_is_rejected_fails_alone(void **state UNUSED)
{
        start(refuses_the_second);
        write_all(3, STORE_OWN_KEY);
        assert_true(told[0].outcome == STORE_DONE && told[2].outcome == STORE_DONE);
        assert_int_equal(told[1].outcome, STORE_FULL);
        rig_stop(&rig);
}

static const char *refuses_entries(struct fake *fake UNUSED, const char *text)
{
        return strncmp(text, "XADD", 4) == 0 ? "-OOM command not allowed\r\n" : NULL;
}

static void an_entry_that_is_rejected_leaves_all_its_documents_unlisted(void **state UNUSED)
{
        start(refuses_entries);
        write_all(3, STORE_OWN_KEY);
        assert_outcomes(3, STORE_UNLISTED);
        rig_stop(&rig);
}

static const char *loses_the_first_entry(struct fake *fake, const char *text)
{
        return strncmp(text, "XADD", 4) == 0 && fake->connections == 1 ? FAKE_CLOSE : NULL;
}

static void a_lost_connection_repeats_the_entry_with_a_mark(void **state UNUSED)
{
        start(loses_the_first_entry);
        write_all(3, STORE_OWN_KEY);
        assert_outcomes(3, STORE_DONE);
        assert_false(has_mark(fake_entry(&rig.first, 0)));
        assert_true(has_mark(fake_entry(&rig.first, 1)));
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 1)), 3);
        assert_null(fake_entry(&rig.first, 2));
        rig_stop(&rig);
}

static const char *has_the_second(struct fake *fake UNUSED, const char *text)
{
        return strncmp(text, "SET", 3) == 0 && strstr(text, "01 {}") ? "$-1\r\n" : NULL;
}

static void keys_set_with_nx_join_the_entry_of_the_turn_in_which_they_are_answered(void **state UNUSED)
{
        start(has_the_second);
        write_all(4, STORE_NEW);
        assert_int_equal(told[1].outcome, STORE_EXISTS);
        assert_true(told[0].outcome == STORE_DONE && told[3].outcome == STORE_DONE);
        const char *entry = fake_entry(&rig.first, 0);
        assert_int_equal(fake_count_keys(entry), 3);
        assert_false(has_key(entry, 1));
        assert_null(fake_entry(&rig.first, 1));
        rig_stop(&rig);
}

static const char *puts_the_second_off_once(struct fake *fake, const char *text)
{
        bool is_second = strncmp(text, "SET", 3) == 0 && strstr(text, "01 {}");
        return is_second && !fake_entry(fake, 0) ? "-TRYAGAIN not now\r\n" : NULL;
}

static void a_document_that_redis_postponed_after_its_entry_joins_another_one(void **state UNUSED)
{
        start(puts_the_second_off_once);
        write_all(3, STORE_OWN_KEY);
        assert_outcomes(3, STORE_DONE);
        const char *again = fake_entry(&rig.first, 1);
        assert_int_equal(fake_count_keys(again), 1);
        assert_true(has_key(again, 1));
        assert_false(has_mark(again)); /* a reader is already past the first one */
        rig_stop(&rig);
}

static unsigned closings;

static const char *closes_at_the_second(struct fake *fake UNUSED, const char *text)
{
        bool is_second = strncmp(text, "SET", 3) == 0 && strstr(text, "01 {}");
        return is_second && closings > 0 && closings-- > 0 ? FAKE_CLOSE : NULL;
}

/* pkg/redis defers it, and the others continue. */
static void a_document_that_closes_connections_leaves_the_entry_and_joins_a_later_one(void **state UNUSED)
{
        closings = 3;
        start(closes_at_the_second);
        write_all(3, STORE_OWN_KEY);
        assert_outcomes(3, STORE_DONE);
        size_t listed = 0;
        for (size_t i = 0; fake_entry(&rig.first, i); i++)
                listed += has_key(fake_entry(&rig.first, i), 1);
        assert_int_equal(listed, 1);
        rig_stop(&rig);
}

static void waiting_documents_get_an_entry_with_the_prefix_of_the_next_redis(void **state UNUSED)
{
        char stream[FEED_STREAM_SIZE];
        start(NULL);
        rig.is_held_up = true;
        for (unsigned n = 0; n < 3; n++)
                write_one(n, STORE_OWN_KEY);
        feed_groups_send(&rig.store.groups);
        rig_switch(&rig);
        RUN_UNTIL(&rig, redis_generation(rig.redis) == 2);
        rig.is_held_up = false;
        RUN_UNTIL(&rig, done == 3);
        assert_outcomes(3, STORE_DONE);
        const char *entry = fake_entry(&rig.second, 0);
        (void)feed_stream("other:", feed_day(clock_realtime_ms()), 0, stream);
        assert_true(strncmp(entry + 5, stream, strlen(stream)) == 0);
        assert_int_equal(fake_count_keys(entry), 3);
        rig_stop(&rig);
}

static void documents_that_wait_for_a_cluster_join_when_their_set_is_answered(void **state UNUSED)
{
        start(NULL);
        rig.is_held_up = true;
        rig.second.is_cluster = true;
        for (unsigned n = 0; n < 3; n++)
                write_one(n, STORE_OWN_KEY);
        feed_groups_send(&rig.store.groups);
        rig_switch(&rig);
        RUN_UNTIL(&rig, redis_generation(rig.redis) == 2);
        rig.is_held_up = false;
        RUN_UNTIL(&rig, done == 3);
        assert_outcomes(3, STORE_DONE);
        assert_int_equal(rig.second.logged, 4);
        assert_int_equal(fake_count_keys(rig.second.log[3].text), 3);
        assert_true(rig.second.log[3].read > rig.second.log[2].read);
        rig_stop(&rig);
}

static const char *answers_no_entry(struct fake *fake UNUSED, const char *text)
{
        return strncmp(text, "XADD", 4) == 0 ? "" : NULL;
}

/* The documents are in the first Redis, and the entry would be in the second. */
static void a_document_separated_from_its_entry_by_a_swap_is_written_again_with_a_mark(void **state UNUSED)
{
        start(answers_no_entry);
        for (unsigned n = 0; n < 3; n++)
                write_one(n, STORE_OWN_KEY);
        RUN_UNTIL(&rig, fake_entry(&rig.first, 0));
        rig_switch(&rig);
        RUN_UNTIL(&rig, done == 3);
        assert_outcomes(3, STORE_DONE);
        size_t documents = 0, listed = 0;
        for (size_t i = 0; i < rig.second.logged; i++)
                documents += strncmp(rig.second.log[i].text, "SET ", 4) == 0;
        for (size_t i = 0; fake_entry(&rig.second, i); i++) {
                assert_true(has_mark(fake_entry(&rig.second, i)));
                listed += fake_count_keys(fake_entry(&rig.second, i));
        }
        assert_int_equal(documents, 3);
        assert_true(listed >= 3);
        rig_stop(&rig);
}

static void a_cancelled_document_leaves_no_key_and_the_last_one_no_entry(void **state UNUSED)
{
        start(NULL);
        rig.is_held_up = true;
        for (unsigned n = 0; n < 4; n++)
                write_one(n, STORE_OWN_KEY);
        assert_true(store_write_cancel(&told[0].write));
        feed_groups_send(&rig.store.groups);
        for (unsigned n = 1; n < 4; n++)
                assert_true(store_write_cancel(&told[n].write));
        assert_int_equal(redis_held(rig.redis), 0);
        rig.is_held_up = false;
        write_all(1, STORE_OWN_KEY);
        assert_int_equal(rig.first.logged, 2);
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 0)), 1);
        rig_stop(&rig);
}

static void waiting_documents_are_reported_once_at_the_end(void **state UNUSED)
{
        start(answers_no_entry);
        for (unsigned n = 0; n < 3; n++)
                write_one(n, STORE_OWN_KEY);
        RUN_UNTIL(&rig, fake_entry(&rig.first, 0) && told[2].write.member.is_stored);
        for (unsigned n = 3; n < 6; n++)
                write_one(n, n == 3 ? STORE_NEW : STORE_OWN_KEY);
        feed_groups_send(&rig.store.groups);
        rig_close(&rig);
        assert_int_equal(done, 6);
        assert_outcomes(3, STORE_UNLISTED);
        rig_stop(&rig);
}

static void without_the_feed_there_is_no_entry(void **state UNUSED)
{
        start(NULL);
        rig.store.feed = false;
        write_all(3, STORE_OWN_KEY);
        assert_outcomes(3, STORE_DONE);
        assert_int_equal(rig.first.logged, 3);
        rig_stop(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(documents_of_a_turn_share_an_entry_in_the_same_write),
                cmocka_unit_test(an_entry_has_at_most_60_keys),
                cmocka_unit_test(a_single_document_has_an_entry_as_in_version_0_1_0),
                cmocka_unit_test(a_document_that_is_rejected_fails_alone),
                cmocka_unit_test(an_entry_that_is_rejected_leaves_all_its_documents_unlisted),
                cmocka_unit_test(a_lost_connection_repeats_the_entry_with_a_mark),
                cmocka_unit_test(keys_set_with_nx_join_the_entry_of_the_turn_in_which_they_are_answered),
                cmocka_unit_test(a_document_that_redis_postponed_after_its_entry_joins_another_one),
                cmocka_unit_test(a_document_that_closes_connections_leaves_the_entry_and_joins_a_later_one),
                cmocka_unit_test(waiting_documents_get_an_entry_with_the_prefix_of_the_next_redis),
                cmocka_unit_test(documents_that_wait_for_a_cluster_join_when_their_set_is_answered),
                cmocka_unit_test(a_document_separated_from_its_entry_by_a_swap_is_written_again_with_a_mark),
                cmocka_unit_test(a_cancelled_document_leaves_no_key_and_the_last_one_no_entry),
                cmocka_unit_test(waiting_documents_are_reported_once_at_the_end),
                cmocka_unit_test(without_the_feed_there_is_no_entry),
        };
        return cmocka_run_group_tests_name("store write", tests, NULL, NULL);
}
