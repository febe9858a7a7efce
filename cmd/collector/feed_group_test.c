/* Tests of groups without Redis: which documents share an entry, and that a group is freed no matter in which order its
 * members leave. store_write_test.c tests them with a scripted server. */
#include "base/clock.h"
#include "store_rig_test.h"

#define NOW 1764000000000

struct document {
        struct feed_member member;
        struct redis_command set; /* never sent */
        unsigned added, withdrawn;
        char key[UUID_TEXT_SIZE];
};

static struct rig rig;
static struct document documents[8];

static void on_added(struct feed_member *member, const struct redis_reply *reply UNUSED, const struct err *err UNUSED)
{
        struct document *document = CONTAINER_OF(member, struct document, member);
        document->added++;
        (void)feed_group_leave(member);
}

static void on_withdrawn(struct feed_member *member)
{
        CONTAINER_OF(member, struct document, member)->withdrawn++;
}

static const char *silent(struct fake *fake UNUSED, const char *text)
{
        return strncmp(text, "XADD", 4) == 0 ? "" : NULL;
}

static void join(unsigned n, int64_t mark_ms, unsigned generation_min)
{
        struct document *document = &documents[n];
        *document = (struct document){ 0 };
        (void)snprintf(document->key, sizeof(document->key), "0b9d5c0e-6a9a-4d1c-9a51-0000000000%02u", n);
        redis_command_init(&document->set, NULL);
        document->set.generation_min = generation_min;
        document->member = (struct feed_member){ .key = document->key,
                                                 .set = &document->set,
                                                 .mark_ms = mark_ms,
                                                 .on_added = on_added,
                                                 .on_withdrawn = on_withdrawn };
        assert_int_equal(feed_group_join(&rig.store.groups, rig.redis, &document->member, NULL), 0);
}

static void documents_with_marks_far_apart_are_in_different_entries(void **state UNUSED)
{
        rig_start(&rig, NULL);
        join(0, -1, 0);
        join(1, NOW, 0);
        join(2, NOW - 900, 0);
        join(3, NOW + 900, 0);
        join(4, -1, 0);
        RUN_UNTIL(&rig, documents[4].added);
        assert_true(documents[0].added == 1 && documents[3].added == 1);
        assert_null(strstr(fake_entry(&rig.first, 0), " m "));
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 1)), 2);
        assert_non_null(strstr(fake_entry(&rig.first, 1), " m 1763999999100")); /* the earlier one */
        assert_non_null(strstr(fake_entry(&rig.first, 2), " m 1764000000900"));
        assert_null(strstr(fake_entry(&rig.first, 3), " m "));
        rig_stop(&rig);
}

static void documents_for_different_targets_are_in_different_entries(void **state UNUSED)
{
        rig_start(&rig, NULL);
        join(0, -1, 0);
        join(1, -1, 1);
        RUN_UNTIL(&rig, documents[0].added && documents[1].added);
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 0)), 1);
        assert_non_null(fake_entry(&rig.first, 1));
        rig_stop(&rig);
}

static void a_member_that_leaves_an_open_group_is_not_in_its_entry(void **state UNUSED)
{
        rig_start(&rig, NULL);
        join(0, -1, 0);
        join(1, -1, 0);
        assert_true(feed_group_leave(&documents[0].member));
        assert_false(feed_group_leave(&documents[0].member));
        RUN_UNTIL(&rig, documents[1].added);
        assert_int_equal(documents[0].added, 0);
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 0)), 1);
        assert_null(feed_member_command(&documents[0].member));
        rig_stop(&rig);
}

static void when_the_last_member_leaves_nothing_is_sent(void **state UNUSED)
{
        rig_start(&rig, NULL);
        join(0, -1, 0);
        assert_true(feed_group_leave(&documents[0].member));
        join(1, -1, 0);
        feed_groups_send(&rig.store.groups);
        assert_int_equal(redis_held(rig.redis), 1);
        assert_true(feed_group_leave(&documents[1].member));
        assert_int_equal(redis_held(rig.redis), 0);
        rig_stop(&rig);
        assert_null(fake_entry(&rig.first, 0));
}

static void all_members_may_leave_while_the_entry_is_in_flight(void **state UNUSED)
{
        rig_start(&rig, silent);
        join(0, -1, 0);
        join(1, -1, 0);
        RUN_UNTIL(&rig, fake_entry(&rig.first, 0));
        assert_non_null(feed_member_command(&documents[0].member));
        assert_true(feed_group_leave(&documents[0].member));
        assert_true(feed_group_leave(&documents[1].member));
        rig_stop(&rig); /* frees it */
        assert_true(documents[0].added == 0 && documents[1].added == 0);
}

static void a_deferred_member_is_not_in_the_entry_and_gets_its_mark(void **state UNUSED)
{
        rig_start(&rig, silent);
        join(0, -1, 0);
        join(1, -1, 0);
        RUN_UNTIL(&rig, fake_entry(&rig.first, 0));
        documents[0].set.connection = feed_member_command(&documents[0].member)->connection;
        assert_true(feed_group_fall_behind(&documents[0].member));
        assert_false(feed_group_fall_behind(&documents[0].member));
        assert_true(documents[0].member.mark_ms > NOW);
        RUN_UNTIL(&rig, fake_entry(&rig.first, 1)); /* the silent connection was closed */
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 1)), 1);
        assert_non_null(strstr(fake_entry(&rig.first, 1), documents[1].key));
        rig_stop(&rig);
        assert_int_equal(documents[1].added, 1);
}

static void a_group_whose_members_are_all_deferred_is_withdrawn(void **state UNUSED)
{
        rig_start(&rig, NULL);
        rig.is_held_up = true;
        join(0, -1, 0);
        feed_groups_send(&rig.store.groups);
        assert_true(feed_group_fall_behind(&documents[0].member));
        assert_int_equal(documents[0].member.mark_ms, -1); /* never written */
        join(1, -1, 0);
        rig.is_held_up = false;
        RUN_UNTIL(&rig, documents[1].added);
        assert_null(fake_entry(&rig.first, 1));
        rig_stop(&rig);
        assert_int_equal(documents[0].added, 0);
}

/* --- Ids below those that readers have seen --------------------------------------------------------------------- */

static struct feed_highest highest;
static const char *replies[8]; /* replies to the XADDs, in turn; after them the usual one */
static unsigned replied;

static const char *in_turn(struct fake *fake UNUSED, const char *text)
{
        if (strncmp(text, "XADD", 4) != 0 || replied == COUNT_OF(replies) || !replies[replied])
                return NULL;
        return replies[replied++];
}

static void start_with_highest(uint64_t ms, uint64_t sequence)
{
        rig_start(&rig, in_turn);
        memset(replies, 0, sizeof(replies));
        replied = 0;
        highest = (struct feed_highest){ .ahead_max_ms = 90000 };
        rig.store.groups.highest = &highest;
        feed_highest_note(&highest, 1, 0, (struct feed_id){ ms, sequence });
}

#define REPLY(id) "$15\r\n" id "\r\n"

static void an_entry_below_the_highest_seen_id_is_added_again(void **state UNUSED)
{
        start_with_highest(NOW, 3);
        replies[0] = REPLY("1763999995000-7");
        replies[1] = REPLY("1764000000000-4");
        join(0, NOW - 100, 0);
        join(1, NOW - 100, 0);
        RUN_UNTIL(&rig, documents[0].added && documents[1].added);
        assert_non_null(strstr(fake_entry(&rig.first, 0), " * k "));
        assert_non_null(strstr(fake_entry(&rig.first, 1), " 1764000000000-4 k "));
        assert_non_null(strstr(fake_entry(&rig.first, 1), " a 1763999995000-7"));
        assert_null(strstr(fake_entry(&rig.first, 1), " m "));
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 1)), 2);
        assert_null(fake_entry(&rig.first, 2));
        assert_true(documents[0].added == 1 && documents[1].added == 1);
        rig_stop(&rig);
}

static void if_another_entry_is_higher_by_now_redis_assigns_the_id(void **state UNUSED)
{
        start_with_highest(NOW, (1 << 20) + 5);
        replies[0] = REPLY("1763999995000-7");
        replies[1] = "-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n";
        replies[2] = REPLY("1764000000009-0");
        join(0, -1, 0);
        RUN_UNTIL(&rig, documents[0].added);
        assert_non_null(strstr(fake_entry(&rig.first, 1), " 1764000000001-0 k "));
        assert_non_null(strstr(fake_entry(&rig.first, 2), " * k "));
        assert_non_null(strstr(fake_entry(&rig.first, 2), " a 1763999995000-7"));
        assert_null(fake_entry(&rig.first, 3));
        rig_stop(&rig);
}

static const char *overtaken(struct fake *fake UNUSED, const char *text)
{
        if (strncmp(text, "XADD", 4) != 0)
                return NULL;
        feed_highest_note(&highest, 1, 0, (struct feed_id){ NOW, 3 });
        return REPLY("1764000000000-2");
}

static void an_id_seen_while_the_entry_is_in_flight_does_not_count(void **state UNUSED)
{
        start_with_highest(NOW, 1);
        rig.answer = overtaken;
        join(0, -1, 0);
        RUN_UNTIL(&rig, documents[0].added);
        assert_null(fake_entry(&rig.first, 1));
        rig_stop(&rig);
}

static void ids_far_ahead_or_from_another_target_do_not_count(void **state UNUSED)
{
        start_with_highest(NOW, 1);
        feed_highest_note(&highest, 1, 0, (struct feed_id){ (uint64_t)clock_realtime_ms() + 3600000, 0 });
        feed_highest_note(&highest, 0, 0, (struct feed_id){ NOW + 50, 0 });
        replies[0] = REPLY("1764000000000-2");
        join(0, -1, 0);
        RUN_UNTIL(&rig, documents[0].added);
        feed_highest_note(&highest, 2, 0, (struct feed_id){ NOW + 50, 0 });
        replies[1] = REPLY("1764000000000-3");
        join(1, -1, 0);
        RUN_UNTIL(&rig, documents[1].added);
        assert_null(fake_entry(&rig.first, 2));
        rig_stop(&rig);
}

static void an_entry_is_added_again_only_a_few_times(void **state UNUSED)
{
        start_with_highest(NOW, 3);
        for (size_t i = 0; i < COUNT_OF(replies); i++)
                replies[i] = REPLY("1763999995000-7");
        join(0, -1, 0);
        RUN_UNTIL(&rig, documents[0].added);
        assert_int_equal(documents[0].added, 1);
        assert_true(replied > 1 && replied < COUNT_OF(replies));
        rig_stop(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(documents_with_marks_far_apart_are_in_different_entries),
                cmocka_unit_test(documents_for_different_targets_are_in_different_entries),
                cmocka_unit_test(a_member_that_leaves_an_open_group_is_not_in_its_entry),
                cmocka_unit_test(when_the_last_member_leaves_nothing_is_sent),
                cmocka_unit_test(all_members_may_leave_while_the_entry_is_in_flight),
                cmocka_unit_test(a_deferred_member_is_not_in_the_entry_and_gets_its_mark),
                cmocka_unit_test(a_group_whose_members_are_all_deferred_is_withdrawn),
                cmocka_unit_test(an_entry_below_the_highest_seen_id_is_added_again),
                cmocka_unit_test(if_another_entry_is_higher_by_now_redis_assigns_the_id),
                cmocka_unit_test(an_id_seen_while_the_entry_is_in_flight_does_not_count),
                cmocka_unit_test(ids_far_ahead_or_from_another_target_do_not_count),
                cmocka_unit_test(an_entry_is_added_again_only_a_few_times),
        };
        return cmocka_run_group_tests_name("feed group", tests, NULL, NULL);
}
