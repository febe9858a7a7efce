/* Tests of bulks with a scripted server: how much is in progress, what ends a bulk and what does not, and which
 * callbacks are called when. tests/integration/test_bulk.py tests them with servers and HTTP. */
#include "store_rig_test.h"

#include "bulk.h"

#define SPAN(literal) ((struct json_span){ literal, sizeof(literal) - 1 })
#define GIVEN_KEY "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"

enum { BUDGET = 4096 };

static struct rig rig;
static struct redis_budget unsafe;
static struct metrics *metrics;
static struct instruments instruments;
static struct deposits deposits;
static struct bulks bulks;
static struct bulk bulk, other;
static unsigned rooms, overs, other_overs;
static bool is_sender_gone, single_done;
static size_t reserved, reserve_max;

static void on_room(struct bulk *one UNUSED)
{
        rooms++;
}

static void on_over(struct bulk *one)
{
        assert_ptr_equal(one, &bulk);
        assert_int_equal(one->in_progress, 0);
        overs++;
}

static void on_other_over(struct bulk *one)
{
        assert_ptr_equal(one, &other);
        other_overs++;
}

static bool is_abandoned(struct bulk *one UNUSED)
{
        return is_sender_gone;
}

static bool reserve(struct bulk *one UNUSED, size_t bytes)
{
        reserved += bytes;
        return reserved <= reserve_max;
}

static struct bulk_options usual(void)
{
        return (struct bulk_options){ .kind = JSON_SPLIT_LINES,
                                      .line_max_bytes = 1 << 20,
                                      .correlation = SPAN("\"c\""),
                                      .reserve = reserve,
                                      .is_abandoned = is_abandoned,
                                      .on_room = on_room,
                                      .on_over = on_over };
}

static void start(rig_answer_fn *answer, const struct bulk_options *options)
{
        struct err err;
        rig_start(&rig, answer);
        rig.budget.commands_max = unsafe.commands_max = BUDGET;
        rig.budget.bytes_max = unsafe.bytes_max = 64 << 20;
        metrics = metrics_new();
        assert_non_null(metrics);
        assert_int_equal(instruments_init(&instruments, metrics, &err), 0);
        deposits_init(&deposits, &rig.store, &instruments);
        bulks_init(&bulks, &deposits, &rig.budget, &unsafe);
        rooms = overs = other_overs = 0;
        is_sender_gone = false;
        reserved = 0;
        reserve_max = SIZE_MAX;
        bulk_begin(&bulks, &bulk, options);
}

static void stop(void)
{
        bulk_fini(&bulk);
        rig_stop(&rig);
        bulks_fini(&bulks);
        deposits_fini(&deposits);
        metrics_free(metrics);
}

static bool take(const char *text)
{
        return bulk_take(&bulk, text, strlen(text));
}

/* Sends `count` documents in one piece. */
static bool give_many(struct bulk *one, size_t count)
{
        static char piece[3 * 4096];
        assert_in_range(count, 1, 4096);
        for (size_t i = 0; i < count; i++)
                (void)memcpy(piece + 3 * i, "{}\n", 3);
        return bulk_take(one, piece, 3 * count);
}

static bool take_many(size_t count)
{
        return give_many(&bulk, count);
}

static void the_owner_is_asked_for_more_when_the_window_is_half_empty(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(NULL, &options);
        rig.is_held_up = true;
        assert_true(take_many(BULK_DOCUMENTS));
        assert_int_equal(bulk.in_progress, BULK_DOCUMENTS);
        assert_false(take_many(40));
        assert_int_equal(bulk.in_progress, BULK_DOCUMENTS);
        assert_int_equal(rooms, 0);
        rig.is_held_up = false;
        RUN_UNTIL(&rig, rooms == 1);
        assert_in_range(bulk.in_progress, 1, BULK_DOCUMENTS / 2);
        bulk_end(&bulk);
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, BULK_DOCUMENTS + 40);
        assert_int_equal(rooms, 1);
        stop();
}

static void large_documents_fill_the_window_by_their_bytes(void **state UNUSED)
{
        const struct bulk_options options = usual();
        static char line[200 << 10];
        memset(line, ' ', sizeof(line));
        memcpy(line, "{}", 2);
        line[sizeof(line) - 1] = '\n';
        start(NULL, &options);
        rig.is_held_up = true;
        for (int i = 0; i < 3; i++)
                assert_true(bulk_take(&bulk, line, sizeof(line)));
        assert_false(bulk_take(&bulk, line, sizeof(line)));
        assert_int_equal(bulk.in_progress, 3);
        assert_in_range(reserved, 3 * sizeof(line), 6 * sizeof(line));
        is_sender_gone = true;
        bulk_stop(&bulk, 400, "the sender has left");
        deposits_drop_abandoned(&deposits);
        assert_int_equal(overs, 1);
        stop();
}

/* True when both bulks are over. */
static bool share_until_over(void)
{
        if (other.in_progress > 0 && bulk.result.stored >= BULK_DOCUMENTS)
                assert_in_range(bulk.in_progress, 0, BULK_DOCUMENTS / 2);
        return overs == 1 && other_overs == 1;
}

static void bulks_in_progress_share_the_window(void **state UNUSED)
{
        struct bulk_options options = usual();
        start(NULL, &options);
        options.on_over = on_other_over;
        bulk_begin(&bulks, &other, &options);
        rig.is_held_up = true;
        assert_false(take_many(3000));
        assert_int_equal(bulk.in_progress, BULK_DOCUMENTS); /* the other bulk has nothing in progress */
        assert_false(give_many(&other, 500));
        assert_int_equal(other.in_progress, BULK_DOCUMENTS / 2);
        rig.is_held_up = false;
        bulk_end(&bulk);
        bulk_end(&other);
        RUN_UNTIL(&rig, share_until_over());
        assert_int_equal(bulk.result.stored, 3000);
        assert_int_equal(other.result.stored, 500);
        assert_int_equal(bulks.active, 0);
        bulk_fini(&other);
        stop();
}

static void on_single_done(struct deposit *deposit UNUSED, const struct deposit_result *result)
{
        assert_int_equal(result->outcome, DEPOSIT_STORED);
        single_done = true;
}

static void the_window_is_smaller_during_single_documents(void **state UNUSED)
{
        const struct bulk_options options = usual();
        const struct deposit_options alone = { .body = SPAN("{}"),
                                               .correlation = SPAN("\"c\""),
                                               .on_done = on_single_done };
        struct deposit single;
        start(NULL, &options);
        single_done = false;
        rig.is_held_up = true;
        assert_int_equal(deposit_begin(&deposits, &single, &alone, NULL, NULL), 0);
        assert_false(take_many(3000));
        assert_int_equal(bulk.in_progress, BULK_DOCUMENTS / BULK_BESIDE_SINGLES);
        rig.is_held_up = false;
        RUN_UNTIL(&rig, single_done && bulk.in_progress == BULK_DOCUMENTS);
        bulk_end(&bulk);
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 3000);
        assert_int_equal(bulks.in_progress, 0);
        assert_int_equal(deposits.count, 0);
        stop();
}

static void with_many_bulks_each_has_a_small_share(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(NULL, &options);
        rig.is_held_up = true;
        bulks.active = 1000; /* by other bulks */
        assert_false(take_many(40));
        assert_int_equal(bulk.in_progress, BULK_DOCUMENTS_MIN);
        rig.is_held_up = false;
        bulk_end(&bulk);
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 40);
        assert_int_equal(bulks.active, 1000);
        stop();
}

static void half_of_the_limits_for_waiting_documents_is_left_to_others(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(NULL, &options);
        rig.is_held_up = true;
        rig.budget.commands_max = 100;
        assert_false(take_many(80));
        assert_int_equal(bulk.in_progress, 50);
        rig.budget.commands_max = BUDGET;
        unsafe.commands = BUDGET / 2; /* too many documents wait to be safe, so one at a time */
        rig.is_held_up = false;
        bulk_end(&bulk);
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 80);
        unsafe.commands = 0;
        stop();
}

static const char *refuse_the_third(struct fake *fake UNUSED, const char *text)
{
        return strstr(text, "\"n\":3") ? "-OOM command not allowed\r\n" : NULL;
}

static void a_refusal_by_redis_ends_the_bulk_after_the_outcomes_of_the_others(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(refuse_the_third, &options);
        assert_true(take("{\"n\":1}\nx\n{\"n\":3}\n{\"n\":4}\n"));
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 2);
        assert_int_equal(bulk.result.failed, 2);
        assert_int_equal(bulk_result_status(&bulk.result, false), 507);
        struct buf text;
        buf_init(&text, 0);
        assert_int_equal(bulk_result_print(&bulk.result, SIZE_MAX, &text), 0);
        assert_non_null(strstr(text.data, "\"storedThrough\":2"));
        buf_fini(&text);
        stop();
}

static const char *close_at_poison(struct fake *fake UNUSED, const char *text)
{
        return strstr(text, "poison") && strncmp(text, "SET", 3) == 0 ? FAKE_CLOSE : NULL;
}

/* True when a document has failed. */
static bool feed_until_failure(void)
{
        (void)take("{}\n");
        return bulk.result.failed == 1;
}

static void a_document_that_makes_redis_close_the_connection_fails_alone(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(close_at_poison, &options);
        assert_true(take("{\"poison\":1}\n"));
        /* The document counts as the culprit only if other documents succeed in the meantime. */
        RUN_UNTIL(&rig, feed_until_failure());
        uint64_t stored = bulk.result.stored;
        assert_true(take("{}\n"));
        bulk_end(&bulk);
        RUN_UNTIL(&rig, overs == 1);
        assert_true(bulk.result.stored > stored);
        assert_int_equal(bulk.result.failed, 1);
        assert_int_equal(bulk.result.errors[0].status, 507);
        assert_int_equal(bulk_result_status(&bulk.result, false), 200);
        stop();
}

static int read_wrapped(struct bulk *one UNUSED, const struct json_item *line, struct deposit_options *options,
                        char *key, struct err *err)
{
        if (memcmp(line->text.bytes, "{}", 2) == 0)
                return BULK_SKIP;
        if (memcmp(line->text.bytes, "{\xC3\xA4:", 4) != 0)
                return err_set(err, ERR_INVALID, "expected an umlaut: none");
        options->body = (struct json_span){ line->text.bytes + 4, line->text.length - 5 };
        options->key = memcpy(key, GIVEN_KEY, UUID_TEXT_SIZE);
        return 0;
}

static void a_line_may_contain_its_document_and_key_in_any_form(void **state UNUSED)
{
        struct bulk_options options = usual();
        options.read_document = read_wrapped;
        options.has_keys = true;
        start(NULL, &options);
        assert_true(take("{}\n{\xC3\xA4:{\"a\":1}}\n{\xC3\xA4:{\"a\"}}\n{\"a\":1}\n"));
        bulk_end(&bulk);
        RUN_UNTIL(&rig, overs == 1);
        struct buf text;
        buf_init(&text, 0);
        assert_int_equal(bulk_result_print(&bulk.result, SIZE_MAX, &text), 0);
        assert_string_equal(
                text.data,
                "\"stored\":1,\"failed\":2,\"replayed\":0,\"errors\":["
                "{\"line\":3,\"status\":400,\"detail\":\"column 8: expected ':' after a member's name, found '}'\"},"
                "{\"line\":4,\"status\":400,\"detail\":\"expected an umlaut: none\"}],"
                "\"keys\":[null,\"" GIVEN_KEY "\",null,null]");
        buf_fini(&text);
        stop();
}

static void a_bulk_ends_if_there_is_no_room_for_its_memory(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(NULL, &options);
        reserve_max = 0;
        (void)take("{}\n");
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 1);
        assert_int_equal(bulk_result_status(&bulk.result, false), 503);
        stop();
}

static void after_its_end_a_bulk_takes_nothing_and_keeps_the_first_reason(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(NULL, &options);
        rig.is_held_up = true;
        assert_true(take("{}\n{}\n"));
        bulk_stop(&bulk, 503, "%s", "first");
        bulk_stop(&bulk, 413, "second");
        assert_false(take("{}\n"));
        bulk_end(&bulk);
        assert_int_equal(overs, 0);
        rig.is_held_up = false;
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 2);
        assert_int_equal(bulk.result.ended, 503);
        assert_string_equal(bulk.result.detail, "first");
        stop();
}

static void a_stop_at_a_given_time_takes_effect_then(void **state UNUSED)
{
        const struct bulk_options options = usual();
        start(NULL, &options);
        bulk_stop_at(&bulk, 5000);
        bulks_second(&bulks, 4999);
        assert_int_equal(overs, 0);
        bulks_second(&bulks, 5000);
        assert_int_equal(overs, 1);
        assert_int_equal(bulk.result.ended, 503);
        stop();
}

static void a_syntax_error_in_an_array_ends_it_but_another_kind_of_value_does_not(void **state UNUSED)
{
        struct bulk_options options = usual();
        options.kind = JSON_SPLIT_ARRAY;
        start(NULL, &options);
        (void)take("[{\"n\":1},\n 17, {\"n\":2},\n {\"n\" 3}, {\"n\":4}]");
        RUN_UNTIL(&rig, overs == 1);
        assert_int_equal(bulk.result.stored, 2);
        assert_int_equal(bulk.result.failed, 2);
        assert_int_equal(bulk.result.ended, 400);
        assert_string_equal(bulk.result.detail, "line 3, column 7: expected ':' after a member's name, found '3'");
        assert_int_equal(bulk.result.where.line, 3);
        assert_int_equal(bulk.result.where.column, 7);
        stop();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_owner_is_asked_for_more_when_the_window_is_half_empty),
                cmocka_unit_test(large_documents_fill_the_window_by_their_bytes),
                cmocka_unit_test(bulks_in_progress_share_the_window),
                cmocka_unit_test(the_window_is_smaller_during_single_documents),
                cmocka_unit_test(with_many_bulks_each_has_a_small_share),
                cmocka_unit_test(half_of_the_limits_for_waiting_documents_is_left_to_others),
                cmocka_unit_test(a_refusal_by_redis_ends_the_bulk_after_the_outcomes_of_the_others),
                cmocka_unit_test(a_document_that_makes_redis_close_the_connection_fails_alone),
                cmocka_unit_test(a_line_may_contain_its_document_and_key_in_any_form),
                cmocka_unit_test(a_bulk_ends_if_there_is_no_room_for_its_memory),
                cmocka_unit_test(after_its_end_a_bulk_takes_nothing_and_keeps_the_first_reason),
                cmocka_unit_test(a_stop_at_a_given_time_takes_effect_then),
                cmocka_unit_test(a_syntax_error_in_an_array_ends_it_but_another_kind_of_value_does_not),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
