/* Tests of the search for many documents, with a scripted server that has a feed: how often it is queried, and which
 * entries are added. For tests with servers see tests/integration/test_restore.py. */
#include "store_rig_test.h"

#include <inttypes.h>

#include "store_trail.h"

enum { DOCUMENTS_MAX = 256, FEED_MAX = 2000, REPLY_MAX = 64 * 128, HOUR_MS = 3600 * 1000, DAYS_MAX = 1000 };

struct told {
        struct store_announce announce;
        char key[UUID_TEXT_SIZE];
        unsigned times;
        enum store_outcome outcome;
};

static struct rig rig;
static struct store_trail trail;
static struct told told[DOCUMENTS_MAX];
static unsigned done;
static unsigned reads;      /* XRANGE */
static size_t entries_read; /* by them */
static const char *refusal;
static struct {
        struct feed_id id;
        char key[UUID_TEXT_SIZE];
} feed[FEED_MAX];
static size_t feed_length;

static void make_key(unsigned n, char out[UUID_TEXT_SIZE])
{
        (void)snprintf(out, UUID_TEXT_SIZE, "0b9d5c0e-6a9a-4d1c-9a51-%012u", n);
}

static void list_entry(struct feed_id id, unsigned n)
{
        assert_true(feed_length < FEED_MAX);
        feed[feed_length].id = id;
        make_key(n, feed[feed_length++].key);
}

static void list_key(int64_t ms, unsigned n)
{
        list_entry((struct feed_id){ .ms = (uint64_t)ms }, n);
}

/* "XRANGE a:collector:feed:2026-11-28 1764000000000-0 1764000000127 COUNT 64"; an id after a '(' is excluded. */
static const char *answer_range(const char *text)
{
        static char reply[REPLY_MAX];
        char day[FEED_DAY_SIZE], from[FEED_ID_SIZE + 1], id[FEED_ID_SIZE], body[REPLY_MAX];
        struct feed_id first;
        uint64_t to;
        size_t count = 0, count_max, at = 0;
        body[0] = 0;
        assert_int_equal(
                sscanf(text, "XRANGE a:collector:feed:%15s %44s %" SCNu64 " COUNT %zu", day, from, &to, &count_max), 4);
        bool is_behind = from[0] == '(';
        assert_true(feed_id_parse(from + is_behind, strlen(from + is_behind), &first));
        first.sequence += is_behind;
        for (size_t i = 0; i < feed_length && count < count_max; i++) {
                char own[FEED_DAY_SIZE];
                (void)feed_day_format(feed_day((int64_t)feed[i].id.ms), own);
                if (strcmp(own, day) != 0 || feed_id_compare(feed[i].id, first) < 0 || feed[i].id.ms > to)
                        continue;
                (void)feed_id_format(feed[i].id, id);
                at += (size_t)snprintf(body + at, sizeof(body) - at,
                                       "*2\r\n$%zu\r\n%s\r\n*2\r\n$1\r\nk\r\n$36\r\n%s\r\n", strlen(id), id,
                                       feed[i].key);
                count++;
        }
        entries_read += count;
        (void)snprintf(reply, sizeof(reply), "*%zu\r\n%s", count, body);
        return reply;
}

static const char *answer(struct fake *fake UNUSED, const char *text)
{
        if (strncmp(text, "XRANGE ", 7) != 0)
                return NULL;
        reads++;
        return refusal ? refusal : answer_range(text);
}

static int setup(void **state UNUSED)
{
        feed_length = 0;
        done = reads = 0;
        entries_read = 0;
        refusal = NULL;
        rig_start(&rig, answer);
        store_trail_init(&trail, &rig.store);
        return 0;
}

static int teardown(void **state UNUSED)
{
        rig_stop(&rig);
        return 0;
}

static void on_done(struct store_announce *announce, enum store_outcome outcome, const struct err *err UNUSED)
{
        struct told *one = CONTAINER_OF(announce, struct told, announce);
        one->times++;
        one->outcome = outcome;
        done++;
}

static void on_found(struct store_read *read UNUSED, enum store_outcome outcome UNUSED, const char *document UNUSED,
                     size_t length UNUSED, const struct err *err UNUSED)
{
}

/* As if document `n` had just been read from the Redis in use. */
static void announce(unsigned n, int64_t stored_ms)
{
        struct told *one = &told[n % DOCUMENTS_MAX];
        struct store_read found = { .on_done = on_found, .store = &rig.store, .redis = rig.redis };
        found.get.made_for = redis_place(rig.redis)->number;
        found.get.generation = 1;
        make_key(n, found.key);
        *one = (struct told){ .announce.on_done = on_done };
        make_key(n, one->key);
        store_trail_announce(&trail, &one->announce, &found, stored_ms);
}

static void announce_all(unsigned first, unsigned count, int64_t stored_ms)
{
        done = 0;
        for (unsigned n = first; n < first + count; n++)
                announce(n, stored_ms);
        assert_int_equal(done, 0);
        RUN_UNTIL(&rig, done == count);
        for (unsigned n = first; n < first + count; n++)
                assert_int_equal(told[n % DOCUMENTS_MAX].times, 1);
}

static void assert_outcomes(unsigned count, enum store_outcome outcome)
{
        for (unsigned n = 0; n < count; n++)
                assert_int_equal(told[n].outcome, outcome);
}

static void documents_of_a_window_are_found_by_one_search(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - HOUR_MS;
        for (unsigned n = 0; n < 200; n++)
                list_key(ms + n, n);
        announce_all(0, 200, ms);
        assert_outcomes(200, STORE_DONE);
        assert_true(reads <= 8); /* of up to 64 entries */
        assert_null(fake_entry(&rig.first, 0));
}

/* As after a restore: the documents do not say when their entries were added. */
static void a_search_begins_where_the_last_one_found_something(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - 5 * HOUR_MS;
        for (unsigned n = 0; n < 1000; n++)
                list_key(ms + n, n);
        announce_all(0, 250, ms - 200 * 24 * (int64_t)HOUR_MS);
        assert_outcomes(250, STORE_DONE);
        assert_true(reads > 30 && reads < DAYS_MAX); /* the whole feed, from the first day */
        for (unsigned first = 250; first < 1000; first += 250) {
                reads = 0;
                announce_all(first, 250, ms - 200 * 24 * (int64_t)HOUR_MS);
                assert_outcomes(250, STORE_DONE);
                assert_true(reads <= 12);
        }
        assert_null(fake_entry(&rig.first, 0));
}

static void a_search_begins_at_the_entry_where_the_last_one_found_something(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - HOUR_MS;
        for (unsigned n = 0; n < FEED_MAX; n++)
                list_entry((struct feed_id){ (uint64_t)ms, n }, n);
        for (unsigned first = 0; first + 25 <= FEED_MAX; first += 25) {
                entries_read = 0;
                announce_all(first, 25, ms);
                assert_outcomes(25, STORE_DONE);
                assert_true(entries_read <= 100);
        }
        assert_null(fake_entry(&rig.first, 0));
}

/* Also in the same millisecond. */
static void documents_before_that_entry_are_also_found(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - HOUR_MS;
        for (unsigned n = 0; n < 100; n++)
                list_entry((struct feed_id){ (uint64_t)ms, n }, n);
        announce_all(50, 50, ms);
        announce_all(0, 50, ms);
        assert_outcomes(100, STORE_DONE);
        assert_null(fake_entry(&rig.first, 0));
}

static void documents_without_an_entry_get_one_with_a_mark(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - HOUR_MS;
        char expected[32];
        list_key(ms, 0);
        list_key(ms, 2);
        announce_all(0, 4, ms);
        assert_outcomes(4, STORE_DONE);
        (void)snprintf(expected, sizeof(expected), " m %" PRId64, ms - 100);
        for (size_t i = 0; i < 2; i++) {
                assert_non_null(strstr(fake_entry(&rig.first, i), told[1 + 2 * i].key));
                assert_non_null(strstr(fake_entry(&rig.first, i), expected));
        }
        assert_null(fake_entry(&rig.first, 2));
}

static void a_document_that_joins_a_search_late_is_still_found(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - HOUR_MS;
        for (unsigned n = 0; n < 100; n++)
                list_key(ms + n, n);
        announce(99, ms);
        RUN_UNTIL(&rig, reads == 1); /* the search has already read the first entries */
        announce(0, ms);
        announce(100, ms); /* has no entry */
        RUN_UNTIL(&rig, done == 3);
        assert_int_equal(told[0].outcome, STORE_DONE);
        assert_int_equal(told[99].outcome, STORE_DONE);
        assert_non_null(strstr(fake_entry(&rig.first, 0), told[100].key));
        assert_null(fake_entry(&rig.first, 1));
}

static void reads_of_the_whole_feed_are_limited(void **state UNUSED)
{
        int64_t ms = clock_realtime_ms() - HOUR_MS;
        trail.keys_left = 5;
        announce_all(0, 3, ms);
        assert_int_equal(trail.keys_left, 0);
        reads = 0;
        announce_all(3, 3, ms);
        assert_true(reads < 100); /* rather than one for each day since the first */
        assert_int_equal(fake_count_keys(fake_entry(&rig.first, 5)), 1);
        assert_null(fake_entry(&rig.first, 6));
}

static void all_documents_fail_if_redis_refuses(void **state UNUSED)
{
        refusal = "-NOPERM no permission\r\n";
        announce_all(0, 5, clock_realtime_ms());
        assert_outcomes(5, STORE_UNLISTED);
        assert_null(fake_entry(&rig.first, 0));
        refusal = NULL;
        list_key(clock_realtime_ms(), 7);
        announce_all(7, 1, clock_realtime_ms());
        assert_int_equal(told[7].outcome, STORE_DONE);
}

static void a_switch_to_another_redis_ends_the_search(void **state UNUSED)
{
        refusal = "";
        for (unsigned n = 0; n < 5; n++)
                announce(n, clock_realtime_ms());
        RUN_UNTIL(&rig, reads == 1);
        rig_switch(&rig);
        RUN_UNTIL(&rig, done == 5);
        assert_outcomes(5, STORE_MOVED);
}

static void every_search_is_answered_when_the_client_closes(void **state UNUSED)
{
        refusal = "";
        for (unsigned n = 0; n < 5; n++)
                announce(n, clock_realtime_ms());
        RUN_UNTIL(&rig, reads == 1);
        rig_close(&rig);
        RUN_UNTIL(&rig, done == 5);
        assert_outcomes(5, STORE_UNLISTED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(documents_of_a_window_are_found_by_one_search, setup, teardown),
                cmocka_unit_test_setup_teardown(a_search_begins_where_the_last_one_found_something, setup, teardown),
                cmocka_unit_test_setup_teardown(documents_without_an_entry_get_one_with_a_mark, setup, teardown),
                cmocka_unit_test_setup_teardown(a_document_that_joins_a_search_late_is_still_found, setup, teardown),
                cmocka_unit_test_setup_teardown(reads_of_the_whole_feed_are_limited, setup, teardown),
                cmocka_unit_test_setup_teardown(all_documents_fail_if_redis_refuses, setup, teardown),
                cmocka_unit_test_setup_teardown(a_search_begins_at_the_entry_where_the_last_one_found_something, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(documents_before_that_entry_are_also_found, setup, teardown),
                cmocka_unit_test_setup_teardown(a_switch_to_another_redis_ends_the_search, setup, teardown),
                cmocka_unit_test_setup_teardown(every_search_is_answered_when_the_client_closes, setup, teardown),
        };
        return cmocka_run_group_tests_name("store trail", tests, NULL, NULL);
}
