/* Tests of verbatim deposits with a scripted server: what is sent to Redis, and what counts as the same document. */
#include "store_rig_test.h"

#include "deposit.h"

#define KEY "0b9d5c0e-6a9a-4d1c-9a51-2f0f6c3f7a10"
#define DOCUMENT "{\"a\":1.50,  \"a\":1e400, \"created\":7,\"correlationId\":\"x\",\"correlationId\":\"y\" }"

struct told {
        struct deposit deposit;
        unsigned times;
        enum deposit_outcome outcome;
        struct json_span created, correlation;
};

static struct rig rig;
static struct metrics *metrics;
static struct instruments instruments;
static struct deposits deposits;
static struct told told;
static const char *stored; /* the document under the key; NULL: none */
static unsigned sets_lost; /* this many SETs are executed, but the connection breaks before their replies */

static const char *answer(struct fake *fake UNUSED, const char *text)
{
        static char reply[512];
        if (strncmp(text, "SET ", 4) == 0 && sets_lost > 0) {
                sets_lost--;
                stored = DOCUMENT;
                return FAKE_CLOSE;
        }
        if (strncmp(text, "SET ", 4) == 0)
                return stored ? "$-1\r\n" : "+OK\r\n";
        if (strncmp(text, "GET ", 4) != 0)
                return NULL;
        (void)snprintf(reply, sizeof(reply), "$%zu\r\n%s\r\n", strlen(stored), stored);
        return reply;
}

static int setup(void **state UNUSED)
{
        struct err err;
        stored = NULL;
        sets_lost = 0;
        rig_start(&rig, answer);
        metrics = metrics_new();
        assert_non_null(metrics);
        assert_int_equal(instruments_init(&instruments, metrics, &err), 0);
        deposits_init(&deposits, &rig.store, &instruments);
        return 0;
}

static int teardown(void **state UNUSED)
{
        rig_stop(&rig);
        assert_true(list_is_empty(&deposits.under_way));
        deposits_fini(&deposits);
        metrics_free(metrics);
        return 0;
}

static void on_done(struct deposit *deposit, const struct deposit_result *result)
{
        struct told *own = CONTAINER_OF(deposit, struct told, deposit);
        own->times++;
        own->outcome = result->outcome;
        own->created = result->created;
        own->correlation = result->correlation;
}

static void restore(const char *document)
{
        const struct deposit_options options = {
                .body = { document, strlen(document) }, .key = KEY, .is_verbatim = true, .on_done = on_done
        };
        struct json_position where;
        struct err err;
        told = (struct told){ 0 };
        assert_int_equal(deposit_begin(&deposits, &told.deposit, &options, &where, &err), 0);
        RUN_UNTIL(&rig, told.times == 1);
}

static void the_bytes_are_stored_unchanged_unless_the_key_exists(void **state UNUSED)
{
        restore(DOCUMENT);
        assert_int_equal(told.outcome, DEPOSIT_STORED);
        assert_string_equal(rig.first.log[0].text, "SET a:" KEY " " DOCUMENT " NX");
        assert_non_null(strstr(fake_entry(&rig.first, 0), KEY));
        assert_true(told.created.length == 0 && told.correlation.length == 0);
}

static void only_the_same_bytes_are_a_replay(void **state UNUSED)
{
        static const struct {
                const char *stored, *sent;
                enum deposit_outcome outcome;
        } cases[] = {
                { DOCUMENT, DOCUMENT, DEPOSIT_REPLAYED },
                { "{\"a\":1}", "{\"a\":1}", DEPOSIT_REPLAYED },
                { "{\"a\":1}", "{\"a\":1 }", DEPOSIT_CONFLICT },
                { "{\"a\":1}", "{\"a\":2}", DEPOSIT_CONFLICT },
                { "{\"a\":1,\"created\":7,\"correlationId\":\"x\"}", "{\"a\":1}", DEPOSIT_CONFLICT },
                { "{\"a\":1,\"created\":7,\"correlationId\":\"x\"}", "{\"a\":1,\"created\":8,\"correlationId\":\"x\"}",
                  DEPOSIT_CONFLICT },
                { "{\"a\":\r\n1}", "{\"a\":  1}", DEPOSIT_REPLAYED }, /* as an export has it */
                { "{\"a\":  1}", "{\"a\":\r\n1}", DEPOSIT_CONFLICT },
                { "{\"a\":\t1}", "{\"a\": 1}", DEPOSIT_CONFLICT },
                { "another program's value", "{}", DEPOSIT_CONFLICT },
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
                stored = cases[i].stored;
                restore(cases[i].sent);
                assert_int_equal(told.outcome, cases[i].outcome);
                assert_true(told.created.length == 0 && told.correlation.length == 0);
        }
}

static void a_document_whose_reply_was_lost_is_not_a_replay(void **state UNUSED)
{
        sets_lost = 1;
        restore(DOCUMENT);
        assert_int_equal(told.outcome, DEPOSIT_STORED);
}

static void a_body_that_is_not_an_object_is_rejected(void **state UNUSED)
{
        const struct deposit_options options = {
                .body = { "[1]", 3 }, .key = KEY, .is_verbatim = true, .on_done = on_done
        };
        struct json_position where;
        struct err err;
        assert_int_equal(deposit_begin(&deposits, &told.deposit, &options, &where, &err), ERR_INVALID);
        assert_int_equal(rig.first.logged, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_bytes_are_stored_unchanged_unless_the_key_exists, setup, teardown),
                cmocka_unit_test_setup_teardown(only_the_same_bytes_are_a_replay, setup, teardown),
                cmocka_unit_test_setup_teardown(a_document_whose_reply_was_lost_is_not_a_replay, setup, teardown),
                cmocka_unit_test_setup_teardown(a_body_that_is_not_an_object_is_rejected, setup, teardown),
        };
        return cmocka_run_group_tests_name("deposit verbatim", tests, NULL, NULL);
}
